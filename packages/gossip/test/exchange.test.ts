// Questions and answers about records that are not sent: HAVE, OFFER, PULL, NONE, PRUNE and GRAFT, and what a hostile neighbour
// may make of them.

import { createRecord, encodeRecord, type PeerId, PREV_BYTES, seededRandom } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { NamesGiven, NamesHeard } from '../src/frames/names.js'
import { MAX_REQUESTS } from '../src/machine/neighbour.js'
import { decodeFrame, encodeFrame, type Frame, flood, resolveLimits, trees } from '../src/machine.js'
import { MAX_PROMISES } from '../src/repair/holders.js'
import {
  author,
  createBench,
  crypto,
  faultOf,
  helloOf,
  identityOf,
  nameOf,
  peersOf,
  recordOf,
  type Said,
  self,
  sent,
  seqsOf,
  topic,
  wakeOf,
} from './frame-bench.js'
import { at, bytes, ENGINES } from './network.js'

describe('the frames', () => {
  it.each<[Frame]>([
    [nameOf(author.id, 2 ** 53 - 1)],
    [{ type: 'have', ranges: [{ name: 1_023, first: 2 ** 53 - 1, count: 1, mark: 0xffffffff }] }],
    [
      {
        type: 'offer',
        ranges: Array.from({ length: 512 }, (_, name) => ({ name, first: 300, count: 1_024, mark: name })),
      },
    ],
    [{ type: 'pull', ranges: [] }],
    [{ type: 'pull', ranges: [{ name: 0, first: 70_000, count: 3 }] }],
    [{ type: 'none', ranges: [{ name: 252, first: 0, count: 1 }] }],
    [{ type: 'prune', names: [253, 0, 1_023] }],
    [{ type: 'graft', names: [] }],
  ])('come back as they were encoded (%j)', (frame) => {
    expect(decodeFrame(encodeFrame(frame))).toEqual(frame)
  })

  it.each<[string, number[]]>([
    ['a name cut short', [4, 1, 2, 3]],
    ['a HAVE without entries', [5]],
    ['a HAVE whose mark is cut short', [5, 0, 0, 1, 1, 2, 3]],
    ['a HAVE of 2^53', [5, 0, 0xff, 0, 0, 0, 0, 0, 0, 0x20, 0, 1, 0, 0, 0, 0]],
    ['a HAVE that ends beyond 2^53', [5, 0, 0xff, 255, 255, 255, 255, 255, 255, 0x1f, 0, 2, 0, 0, 0, 0]],
    ['a range of nothing', [7, 0, 0, 0]],
    ['a range of 1,025', [7, 0, 0, 0xfd, 1, 4]],
    ['a name above 1,023', [7, 0xfd, 0, 4, 0, 1]],
    ['a NONE without entries', [8]],
    ['a PRUNE without entries', [9]],
    ['513 entries', [9, ...new Array(513).fill(0)]],
    ['a number spelt longer than needed', [10, 0xfd, 0, 0]],
  ])('%s ends the link with a code', (_what, frame) => {
    expect(
      faultOf(createBench().machine.handle({ type: 'frame', peer: 1, frame: Uint8Array.from(frame) }, 0)),
    ).toMatchObject({ code: 'ERR_FRAME', ban: false })
  })

  it.each<[Frame]>([
    [{ type: 'have', ranges: [{ name: 3, first: 0, count: 1, mark: 0 }] }],
    [{ type: 'pull', ranges: [{ name: 3, first: 0, count: 1 }] }],
    [{ type: 'prune', names: [3] }],
  ])('a number that names nothing ends the link (%j)', (frame) => {
    expect(faultOf(createBench().send(1, frame))).toMatchObject({ code: 'ERR_FRAME' })
  })

  it('junk of them never throws, never delivers and never grafts what was not said', () => {
    const random = seededRandom(5)
    for (let round = 0; round < 3_000; round++) {
      const bench = createBench(round % 2 ? trees : flood, 1)
      bench.send(1, nameOf(author.id))
      for (let turn = 0; turn < 5; turn++) {
        const junk = random.bytes(1 + random.below(40)).map((byte) => (byte > 128 ? byte & 3 : byte))
        junk[0] = 4 + random.below(7)
        expect(seqsOf(bench.machine.handle({ type: 'frame', peer: 1, frame: junk }, turn * 100))).toEqual([])
      }
    }
  })
})

describe('numbers for places', () => {
  it('mean the same on both sides, also when they begin again', () => {
    const random = seededRandom(9)
    const [given, heard] = [new NamesGiven(), new NamesHeard()]
    for (let turn = 0; turn < 20_000; turn++) {
      const source = { author: `author ${random.below(3_000)}` as PeerId, epoch: 1 }
      if (given.find(source) === undefined) {
        given.give(source)
        heard.hear(source)
      }
      expect(heard.at(given.find(source) as number)).toEqual(source)
    }
  })
})

describe.each(ENGINES)('asking with %s', (_name, engine) => {
  it('a record that was offered is asked for at once, of one of those who offer it', () => {
    const bench = createBench(engine)
    const first = bench.tell(1, 'offer', [recordOf(0)])
    expect(peersOf(first, 'pull')).toEqual([1])
    expect(peersOf(bench.tell(2, 'offer', [recordOf(0)]), 'pull')).toEqual([])
    expect(seqsOf(bench.record(1, recordOf(0)))).toEqual([0])
  })

  it('a record that is only told of is asked for when no push came in time', () => {
    const bench = createBench(engine)
    const told = bench.tell(1, 'have', [recordOf(0)])
    expect(peersOf(told, 'pull')).toEqual([])
    const due = wakeOf(told) as number
    expect(due).toBeGreaterThanOrEqual(5)
    expect(due).toBeLessThanOrEqual(40)
    expect(peersOf(bench.timer(due), 'pull')).toEqual([1])
  })

  it('a record that came meanwhile is not asked for', () => {
    const bench = createBench(engine)
    bench.tell(1, 'have', [recordOf(0)])
    bench.record(2, recordOf(0), 1)
    expect(sent(bench.timer(1_000), 'pull')).toEqual([])
  })

  it('who does not have it after all says so, and the next one is asked at once', () => {
    const bench = createBench(engine)
    for (const peer of [1, 2]) bench.tell(peer, 'offer', [recordOf(0)])
    // It was asked under the first name that we gave it.
    const outputs = bench.send(1, { type: 'none', ranges: [{ name: 0, first: 0, count: 1 }] }, 3)
    expect(peersOf(outputs, 'pull')).toEqual([2])
  })

  it('who does not answer is given 250 ms at most, then the next one is asked, after 4 s the first again: three times each', () => {
    const bench = createBench(engine)
    for (const peer of [1, 2]) bench.tell(peer, 'offer', [recordOf(0)])
    const asked: number[] = []
    for (let now = 1; now < 10_000; now++) asked.push(...peersOf(bench.timer(now), 'pull'))
    expect(asked).toEqual([2, 1, 2, 1, 2])
  })

  it('who broke promises is asked last', () => {
    const bench = createBench(engine)
    bench.tell(1, 'offer', [recordOf(0)])
    for (let now = 1; now < 13_000; now++) bench.timer(now)
    for (const peer of [1, 2]) bench.tell(peer, 'have', [recordOf(1)], 13_000)
    expect(peersOf(bench.timer(13_100), 'pull')).toEqual([2])
  })

  it('a neighbour that goes leaves what it was asked for to another one', () => {
    const bench = createBench(engine)
    for (const peer of [1, 2]) bench.tell(peer, 'offer', [recordOf(0)])
    expect(peersOf(bench.machine.handle({ type: 'peer-down', peer: 1 }, 5), 'pull')).toEqual([2])
  })

  it('what nobody ever sends leaves nothing: no gap, no delivery, no wait', () => {
    const bench = createBench(engine)
    bench.record(1, recordOf(0))
    const outputs = [...bench.tell(2, 'offer', [recordOf(5), recordOf(90)])]
    let due: number | null = 0
    for (let now = 0; now < 20_000; now += 10) outputs.push(...bench.timer(now))
    due = wakeOf(outputs)
    expect(outputs.some(({ type }) => type === 'gap' || type === 'deliver' || type === 'misbehaved')).toBe(false)
    expect(due).toBeNull()
  })

  it('another record for a place that is held is looked at: it may prove a fork', () => {
    const bench = createBench(engine)
    bench.record(1, recordOf(0))
    const other = createRecord(
      { epoch: 7, firstSeq: 0, time: 1, prev: new Uint8Array(PREV_BYTES), messages: [bytes('other')] },
      topic,
      author,
      crypto,
    )
    expect(peersOf(bench.tell(2, 'have', [other]), 'pull')).toEqual([2])
    expect(bench.record(2, other).some(({ type }) => type === 'fork')).toBe(true)
  })

  it('promises of one neighbour are remembered up to a bound, however many it makes', () => {
    const bench = createBench(engine, 1)
    bench.send(1, nameOf(author.id))
    const asked = new Set<number>()
    for (let first = 0; first < 20_000; first += 500) {
      const ranges = Array.from({ length: 500 }, (_, index) => ({ name: 0, first: first + index, count: 1, mark: 1 }))
      bench.send(1, { type: 'have', ranges })
    }
    for (const { frame } of sent(bench.timer(45), 'pull'))
      if (frame.type === 'pull') for (const { first } of frame.ranges) asked.add(first)
    expect(asked.size).toBeGreaterThan(0)
    expect(asked.size).toBeLessThanOrEqual(MAX_PROMISES)
    for (const first of asked) expect(first).toBeGreaterThanOrEqual(20_000 - MAX_PROMISES)
  })

  it('who offers is told to go on when what it offered is settled', () => {
    const bench = createBench(engine, 1)
    const offers = Array.from({ length: 512 }, (_, seq) => recordOf(seq, 5))
    bench.tell(1, 'offer', offers.slice(0, 256))
    const isMore = ({ frame }: Said): boolean => frame.type === 'pull' && frame.ranges.length === 0
    const outputs = offers.slice(0, 256).flatMap((record) => [...bench.record(1, record)])
    expect(seqsOf(outputs)).toHaveLength(256)
    expect(sent([...bench.tell(1, 'offer', offers.slice(256)), ...outputs]).filter(isMore).length).toBeGreaterThan(0)
  })
})

describe.each(ENGINES)('answering with %s', (_name, engine) => {
  const ask = (bench: ReturnType<typeof createBench>, first: number, count: number) =>
    bench.send(3, { type: 'pull', ranges: [{ name: 0, first, count }] })

  it('sends what is held of a range, and says what it does not hold', () => {
    const bench = createBench(engine)
    for (const seq of [0, 1, 2]) bench.record(1, recordOf(seq))
    bench.send(3, nameOf(author.id))
    const frames = sent(ask(bench, 1, 9)).map(({ frame }) => frame)
    expect(frames.map(({ type }) => type)).toEqual(['record', 'record', 'name', 'none'])
    expect(at(frames, 3)).toEqual({ type: 'none', ranges: [{ name: 0, first: 3, count: 7 }] })
  })

  it('sends one record to one neighbour three times at most', () => {
    const bench = createBench(engine)
    bench.record(1, recordOf(0))
    bench.send(3, nameOf(author.id))
    const answers = Array.from({ length: 10 }, () => sent(ask(bench, 0, 1), 'record').length)
    expect(answers).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
  })

  it('a flood of questions by one that takes no answers costs a bounded queue', () => {
    const machine = engine().createMachine({ topic, author: self, epoch: 1, crypto, limits: resolveLimits() })
    const { id } = identityOf(9)
    machine.handle({ type: 'peer-up', peer: 1, remote: id, window: 100 }, 0)
    machine.handle({ type: 'frame', peer: 1, frame: encodeFrame(helloOf(id)) }, 0)
    machine.handle({ type: 'publish', payloads: [new Uint8Array(200)], wall: 0 }, 0)
    machine.handle({ type: 'frame', peer: 1, frame: encodeFrame(nameOf(author.id)) }, 0)
    const ranges = Array.from({ length: 512 }, (_, first) => ({ name: 0, first, count: 1_024 }))
    for (let turn = 0; turn < 100; turn++) {
      machine.handle({ type: 'frame', peer: 1, frame: encodeFrame({ type: 'pull', ranges }) }, 0)
    }
    const nones = sent(machine.handle({ type: 'window', peer: 1, bytes: 1e9 }, 0), 'none')
    const told = nones.reduce((sum, { frame }) => sum + (frame.type === 'none' ? frame.ranges.length : 0), 0)
    expect(told).toBe(MAX_REQUESTS)
  })

  it('sends once what was asked for before it was its turn', () => {
    const machine = engine().createMachine({ topic, author: self, epoch: 1, crypto, limits: resolveLimits() })
    for (const [peer, window] of [
      [1, 1e9],
      [2, 1],
    ] as const) {
      const { id } = identityOf(100 + peer)
      machine.handle({ type: 'peer-up', peer, remote: id, window }, 0)
      machine.handle({ type: 'frame', peer, frame: encodeFrame(helloOf(id)) }, 0)
    }
    const record = encodeFrame({ type: 'record', hops: 0, record: encodeRecord(recordOf(0)) })
    machine.handle({ type: 'frame', peer: 1, frame: record }, 0)
    machine.handle({ type: 'frame', peer: 2, frame: encodeFrame(nameOf(author.id)) }, 0)
    const pull: Frame = { type: 'pull', ranges: [{ name: 0, first: 0, count: 1 }] }
    machine.handle({ type: 'frame', peer: 2, frame: encodeFrame(pull) }, 0)
    expect(peersOf(machine.handle({ type: 'window', peer: 2, bytes: 1e6 }, 0), 'record')).toEqual([2])
  })

  it('own messages that go out because they were asked for count as handed over', () => {
    const bench = createBench(engine, 2)
    bench.machine.handle({ type: 'publish', payloads: [bytes('x')], wall: 0 }, 0)
    bench.send(1, nameOf(self.id, 1))
    const outputs = bench.send(1, { type: 'pull', ranges: [{ name: 0, first: 0, count: 1 }] })
    expect(outputs).toContainEqual({ type: 'pushed', peer: 1, from: 0, to: 1 })
  })
})
