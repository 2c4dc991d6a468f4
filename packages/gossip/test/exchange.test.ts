// Questions and answers about records that are not sent: HAVE, OFFER, PULL, NONE, PRUNE and GRAFT, and what a hostile neighbour
// may make of them.

import {
  createIdentity,
  createRecord,
  createTopic,
  encodeRecord,
  type Identity,
  type PeerId,
  PREV_BYTES,
  type SignedRecord,
  seededRandom,
  sodiumCrypto,
} from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { markOf } from '../src/arrivals.js'
import { MAX_PROMISES } from '../src/holders.js'
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  flood,
  type GossipLimits,
  type Output,
  resolveLimits,
  trees,
} from '../src/machine.js'
import { NamesGiven, NamesHeard } from '../src/names.js'
import { MAX_REQUESTS } from '../src/neighbour.js'
import { TreeAuthors } from '../src/tree-authors.js'
import { TreeLink } from '../src/tree-link.js'
import { at, bytes, ENGINES } from './network.js'

const crypto = sodiumCrypto()
const topic = createTopic('test')
const identityOf = (seed: number): Identity => createIdentity({ seed: new Uint8Array(32).fill(seed) })
const self = identityOf(1)
const author = identityOf(3)

const records = new Map<string, SignedRecord>()

/** The author's records, of one chain. */
function recordOf(firstSeq: number, size = 5, by: Identity = author): SignedRecord {
  const key = `${by.id} ${firstSeq} ${size}`
  const known = records.get(key)
  if (known) return known
  const prev =
    firstSeq === 0 ? new Uint8Array(PREV_BYTES) : Uint8Array.from(recordOf(firstSeq - 1, size, by).id).subarray(0, 16)
  const draft = { epoch: 7, firstSeq, time: 0, prev, messages: [new Uint8Array(size).fill(firstSeq)] }
  const record = createRecord(draft, topic, by, crypto)
  records.set(key, record)
  return record
}

interface Said {
  readonly peer: number
  readonly frame: Frame
}

/** A machine with so many neighbours, numbered from 1, that have said hello and nothing else. */
function createBench(engine = trees, peers = 3, limits: Partial<GossipLimits> = {}) {
  const machine = engine().createMachine({ topic, author: self, epoch: 1, crypto, limits: resolveLimits(limits) })
  const up = (peer: number, now = 0): void => {
    const { id } = identityOf(100 + peer)
    machine.handle({ type: 'peer-up', peer, remote: id, window: 1e9 }, now)
    machine.handle({ type: 'frame', peer, frame: encodeFrame(helloOf(id)) }, now)
  }
  for (let peer = 1; peer <= peers; peer++) up(peer)
  const send = (peer: number, frame: Frame, now = 0) =>
    machine.handle({ type: 'frame', peer, frame: encodeFrame(frame) }, now)
  const named = new Set<number>()
  return {
    machine,
    up,
    send,
    timer: (now: number) => machine.handle({ type: 'timer' }, now),
    record: (peer: number, record: SignedRecord, now = 0) =>
      send(peer, { type: 'record', hops: 0, record: encodeRecord(record) }, now),
    /** The neighbour tells of these records of the author, under the name 0. */
    tell(peer: number, type: 'have' | 'offer', told: readonly SignedRecord[], now = 0) {
      if (!named.has(peer)) send(peer, nameOf(author.id), now)
      named.add(peer)
      const ranges = told.map((one) => ({ name: 0, first: one.header.firstSeq, count: 1, mark: markOf(one) }))
      return send(peer, { type, ranges }, now)
    },
  }
}

const helloOf = (id: PeerId): Frame => ({
  type: 'hello',
  author: id,
  epoch: 5,
  presentMs: 0,
  since: 'live',
  heads: [],
})
const nameOf = (id: PeerId, epoch = 7): Frame => ({ type: 'name', author: id, epoch })
const sent = (outputs: readonly Output[], type?: Frame['type']): Said[] =>
  outputs
    .flatMap((output) => (output.type === 'send' ? [{ peer: output.peer, frame: decodeFrame(output.frame) }] : []))
    .filter(({ frame }) => type === undefined || frame.type === type)
const peersOf = (outputs: readonly Output[], type: Frame['type']): number[] =>
  sent(outputs, type).map(({ peer }) => peer)
const wakeOf = (outputs: readonly Output[]): number | null =>
  outputs.reduce<number | null>((due, output) => (output.type === 'wake' ? output.at : due), null)
const faultOf = (outputs: readonly Output[]): Output | undefined => outputs.find(({ type }) => type === 'misbehaved')
const seqsOf = (outputs: readonly Output[]): number[] =>
  outputs.flatMap((output) => (output.type === 'deliver' ? [output.delivery.seq] : []))

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

describe('trees', () => {
  it('push a small record of an unknown author to all but its sender, and only offer a large one', () => {
    const bench = createBench(trees, 4)
    expect(peersOf(bench.record(1, recordOf(0)), 'record')).toEqual([2, 3, 4])
    const large = recordOf(0, 5_000, identityOf(4))
    const outputs = bench.record(1, large)
    expect(peersOf(outputs, 'record')).toEqual([])
    expect(peersOf(outputs, 'offer')).toEqual([2, 3, 4])
  })

  it('tell a neighbour that sends what is here already to stop, and only tell it of later records', () => {
    const bench = createBench(trees, 3)
    bench.record(1, recordOf(0))
    bench.record(2, recordOf(0), 1)
    const pruned = bench.timer(11)
    expect(peersOf(pruned, 'prune')).toEqual([2])
    const next = bench.record(1, recordOf(1), 20)
    expect(peersOf(next, 'record')).toEqual([3])
    expect(peersOf(bench.timer(30), 'have')).toEqual([2])
  })

  it('do not tell of a record to who told of it meanwhile', () => {
    const bench = createBench(trees, 3)
    bench.record(1, recordOf(0))
    bench.record(2, recordOf(0), 1)
    bench.timer(11)
    bench.record(1, recordOf(1), 20)
    bench.tell(2, 'have', [recordOf(1)], 25)
    expect(sent(bench.timer(30), 'have')).toEqual([])
  })

  it('stop pushing to who asks for it, and begin again when it asks for a record', () => {
    const bench = createBench(trees, 2)
    bench.record(1, recordOf(0))
    bench.send(2, nameOf(author.id))
    bench.send(2, { type: 'prune', names: [0] })
    expect(peersOf(bench.record(1, recordOf(1)), 'record')).toEqual([])
    expect(peersOf(bench.send(2, { type: 'pull', ranges: [{ name: 0, first: 1, count: 1 }] }), 'record')).toEqual([2])
    expect(peersOf(bench.record(1, recordOf(2)), 'record')).toEqual([2])
  })

  it('do not prune who was only late with a record that was asked for elsewhere', () => {
    const bench = createBench(trees, 3)
    bench.record(1, recordOf(0), 0)
    bench.tell(2, 'have', [recordOf(1)], 100)
    expect(peersOf(bench.timer(140), 'pull')).toEqual([2])
    bench.record(2, recordOf(1), 150)
    bench.record(1, recordOf(1), 155)
    expect(sent(bench.timer(170), 'prune')).toEqual([])
    bench.record(1, recordOf(2), 200)
    bench.record(2, recordOf(2), 205)
    expect(peersOf(bench.timer(220), 'prune')).toEqual([2])
  })

  it('offer what was recovered to neighbours of which nothing is known, and push it to those that take it', () => {
    const bench = createBench(trees, 3)
    bench.tell(1, 'offer', [recordOf(0), recordOf(1)])
    const first = bench.record(1, recordOf(0))
    expect([peersOf(first, 'offer'), peersOf(first, 'record')]).toEqual([[2, 3], []])
    bench.send(2, nameOf(author.id))
    bench.send(2, { type: 'pull', ranges: [{ name: 0, first: 0, count: 1 }] })
    const second = bench.record(1, recordOf(1))
    expect([peersOf(second, 'offer'), peersOf(second, 'record')]).toEqual([[3], [2]])
  })

  it('offer a newcomer 512 earlier records, and 256 more when it says so', () => {
    const bench = createBench(trees, 1)
    for (let seq = 0; seq < 800; seq++) bench.record(1, recordOf(seq))
    bench.machine.handle({ type: 'peer-up', peer: 2, remote: identityOf(102).id, window: 1e9 }, 9)
    const offered = (outputs: readonly Output[]): number =>
      sent(outputs, 'offer').reduce((sum, { frame }) => sum + (frame.type === 'offer' ? frame.ranges.length : 0), 0)
    const hello: Frame = { ...(helloOf(identityOf(102).id) as Extract<Frame, { type: 'hello' }>), since: 'all' }
    expect(offered(bench.send(2, hello, 9))).toBe(512)
    expect(offered(bench.timer(5_000))).toBe(0)
    const more: Frame = { type: 'pull', ranges: [] }
    expect([1, 2, 3].map((turn) => offered(bench.send(2, more, 5_000 + turn)))).toEqual([256, 32, 0])
  })

  it('ask to be sent everything again when many links go at once', () => {
    const bench = createBench(trees, 4)
    bench.machine.handle({ type: 'peer-down', peer: 1 }, 0)
    expect(peersOf(bench.machine.handle({ type: 'peer-down', peer: 2 }, 1), 'graft')).toEqual([3, 4])
  })

  it('tell again, ever later, a neighbour that does not mind', () => {
    const bench = createBench(trees, 2)
    const prunes: number[] = []
    for (let seq = 0; seq < 100; seq++) {
      const now = seq * 100
      bench.record(1, recordOf(seq), now)
      bench.record(2, recordOf(seq), now + 1)
      prunes.push(...peersOf(bench.timer(now + 20), 'prune'))
    }
    expect(prunes.length).toBeGreaterThan(1)
    expect(prunes.length).toBeLessThanOrEqual(6)
  })

  it('take a neighbour beside the parent that is always earlier, and prune whoever is later then', () => {
    const bench = createBench(trees, 2)
    const grafted: number[] = []
    bench.record(1, recordOf(0), 0)
    bench.record(2, recordOf(0), 1)
    for (let seq = 1; seq <= 3; seq++) {
      bench.tell(2, 'have', [recordOf(seq)], seq * 100)
      grafted.push(...peersOf(bench.record(1, recordOf(seq), seq * 100 + 8), 'graft'))
    }
    expect(grafted).toEqual([2])
    bench.record(2, recordOf(4), 400)
    bench.record(1, recordOf(4), 408)
    expect(peersOf(bench.timer(420), 'prune')).toContain(1)
  })

  it('flood the next record of each author when pushes of two parents failed, and ask to be sent all again; once in 30 s', () => {
    const authors = [identityOf(40), identityOf(41)]
    const bench = createBench(trees, 4)
    const storms: number[] = []
    const repair = (index: number, seq: number, now: number): void => {
      const record = recordOf(seq, 5, at(authors, index))
      const ranges = [{ name: index, first: seq, count: 1, mark: markOf(record) }]
      bench.send(4, { type: 'have', ranges }, now)
      bench.timer(now + 50)
      storms.push(...peersOf(bench.record(4, record, now + 60), 'graft'))
    }
    for (const [index, one] of authors.entries()) {
      bench.send(4, nameOf(one.id), 0)
      bench.record(index + 1, recordOf(0, 5, one), 0)
      bench.record(3, recordOf(0, 5, one), 1)
    }
    repair(0, 1, 100)
    repair(1, 1, 200)
    expect(storms).toEqual([1, 2, 3, 4])
    expect(peersOf(bench.record(1, recordOf(2, 5, at(authors, 0)), 300), 'record')).toEqual([2, 3, 4])
  })

  it('honour the wish for all authors once in 30 s', () => {
    const bench = createBench(trees, 2)
    const pushedTo = (seq: number, now: number): number[] => {
      const before = peersOf(bench.record(1, recordOf(seq), now), 'record')
      bench.send(2, { type: 'prune', names: [0] }, now)
      return before
    }
    bench.send(2, nameOf(author.id))
    pushedTo(0, 0)
    bench.send(2, { type: 'graft', names: [] }, 1)
    expect(pushedTo(1, 2)).toEqual([2])
    bench.send(2, { type: 'graft', names: [] }, 3)
    expect(pushedTo(2, 4)).toEqual([])
    bench.send(2, { type: 'graft', names: [] }, 30_001)
    expect(pushedTo(3, 30_002)).toEqual([2])
  })

  it('flood no more than 100 new authors of one link at once; the others are offered', () => {
    const bench = createBench(trees, 3)
    const ways = { record: 0, offer: 0 }
    for (let seed = 0; seed < 120; seed++) {
      const outputs = bench.record(1, recordOf(0, 5, createIdentity()), 0)
      if (peersOf(outputs, 'record').length > 0) ways.record++
      if (peersOf(outputs, 'offer').length > 0) ways.offer++
    }
    expect(ways).toEqual({ record: 100, offer: 20 })
  })

  it('remember authors and prunes up to a bound', () => {
    const authors = new TreeAuthors(10)
    const link = new TreeLink()
    for (let index = 0; index < 10_000; index++) {
      authors.open(`author ${index}` as PeerId, () => false)
      authors.open('author 0' as PeerId, () => false)
      link.mayPrune(`author ${index}` as PeerId, 0)
    }
    expect(authors.size).toBe(10)
    expect(authors.find('author 0' as PeerId)).toBeDefined()
    expect(link.mayPrune('author 0' as PeerId, 1)).toBe(true)
    expect(link.mayPrune('author 9999' as PeerId, 1)).toBe(false)
  })

  it('a prune of authors that are not known is nothing to remember', () => {
    const bench = createBench(trees, 2)
    for (let index = 0; index < 2_000; index++) {
      bench.send(2, nameOf(author.id, index))
      bench.send(2, { type: 'prune', names: [index % 1_024] })
    }
    expect(peersOf(bench.record(1, recordOf(0)), 'record')).toEqual([2])
  })
})
