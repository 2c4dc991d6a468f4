// Large records frame by frame: passed on before they are whole, fetched from whoever has them, believed only part by part.

import { CHUNK_BYTES, chunkCount, encodeRecord, type SignedRecord } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { MAX_UNASKED, type PartRange } from '../src/frames/part-frames.js'
import { MAX_TRANSFERS } from '../src/large/transfers.js'
import { markOf } from '../src/machine/arrivals.js'
import { flood, type Output, trees } from '../src/machine.js'
import { OWED_MS } from '../src/repair/fillings.js'
import {
  author,
  createBench,
  faultOf,
  identityOf,
  nameOf,
  peersOf,
  recordOf,
  sent,
  seqsOf,
  wakeOf,
} from './frame-bench.js'
import {
  askedOf,
  benchOf,
  chainAfter,
  feed,
  headFrame,
  PARTS,
  partFrame,
  partsTo,
  pushedOf,
  SIZE,
  stopped,
} from './large-scene.js'

describe('a large record on its way in', () => {
  it.each([trees, flood])('is delivered when its last part is here, in whatever order they come', (engine) => {
    const bench = benchOf(1, engine)
    const record = recordOf(0, SIZE)
    let outputs = bench.send(1, headFrame(record))
    const seqs: number[] = []
    for (let asked = askedOf(outputs, 1); asked.length > 0; asked = asked.slice(0, -1)) {
      outputs = bench.send(1, partFrame(record, asked.at(-1) as number))
      seqs.push(...seqsOf(outputs))
      asked = [...askedOf(outputs, 1), ...asked]
    }
    expect(seqs).toEqual([0])
    expect(faultOf(outputs)).toBeUndefined()
  })

  it('is asked for a few parts ahead, so that half of the window is left for the rest', () => {
    const bench = benchOf(1)
    const record = recordOf(0, 40 * CHUNK_BYTES)
    const outputs = bench.send(1, headFrame(record, MAX_UNASKED))
    let inFlight = MAX_UNASKED + askedOf(outputs, 1).length
    for (let index = 0; index < 30; index++) {
      expect(inFlight * (CHUNK_BYTES + 400)).toBeLessThanOrEqual(128 * 1024)
      inFlight += askedOf(bench.send(1, partFrame(record, index)), 1).length - 1
    }
    expect(inFlight).toBeGreaterThan(2)
  })

  it('goes on to a neighbour part by part, before it is whole', () => {
    const bench = benchOf(2, flood)
    const record = recordOf(0, SIZE)
    expect(peersOf(bench.send(1, headFrame(record, 4)), 'head')).toEqual([2])
    for (const index of [0, 1, 2, 3]) expect(partsTo(bench.send(1, partFrame(record, index)), 2)).toEqual([index])
    bench.send(2, nameOf(author.id))
    bench.send(2, { type: 'wanted', name: 0, first: 0, parts: [{ from: 4, to: 6 }] })
    expect(partsTo(bench.send(1, partFrame(record, 5)), 2)).toEqual([5])
  })

  it('is offered at once by the trees engine to those who do not know the author, and goes to who asks as it comes', () => {
    const bench = benchOf(3)
    const record = recordOf(0, SIZE)
    expect(peersOf(bench.send(1, headFrame(record, 4)), 'offer')).toEqual([2, 3])
    bench.send(1, partFrame(record, 0))
    const answer = bench.send(2, { type: 'pull', ranges: [{ name: 0, first: 0, count: 1 }] })
    expect(peersOf(answer, 'head')).toEqual([2])
    expect(partsTo(answer, 2)).toEqual([0])
    const outputs = bench.send(1, partFrame(record, 1))
    expect([partsTo(outputs, 2), partsTo(outputs, 3)]).toEqual([[1], []])
  })

  it('that a second neighbour sends too is declined at once, and the neighbour pruned', () => {
    const bench = benchOf(2)
    const record = recordOf(0, SIZE)
    bench.send(1, headFrame(record, 4))
    const outputs = bench.send(2, headFrame(record, 4))
    expect(stopped(outputs)).toEqual([2])
    expect(peersOf(bench.timer(20), 'prune')).toEqual([2])
    // What was on its way already is put to use.
    expect(faultOf(bench.send(2, partFrame(record, 0)))).toBeUndefined()
    expect(askedOf(feed(bench, 1, record, bench.send(1, partFrame(record, 1))), 1)).not.toContain(0)
  })

  it('is taken from another who has it, only what is missing, when its sender goes', () => {
    const bench = benchOf(2)
    const record = recordOf(0, SIZE)
    bench.send(1, headFrame(record, 4))
    for (const index of [0, 2]) bench.send(1, partFrame(record, index))
    bench.send(2, { type: 'have', ranges: [{ name: 0, first: 0, count: 1, mark: markOf(record) }] })
    const outputs = bench.machine.handle({ type: 'peer-down', peer: 1 }, 5)
    const asked = askedOf(outputs, 2)
    expect(asked.slice(0, 3)).toEqual([1, 3, 4])
    bench.send(2, headFrame(record), 6)
    expect(seqsOf(feed(bench, 2, record, outputs, 7))).toEqual([0])
  })

  it('is taken from another who has it when its sender says nothing for half a second', () => {
    const bench = benchOf(2)
    const record = recordOf(0, SIZE)
    bench.send(1, headFrame(record, 4))
    bench.send(2, { type: 'have', ranges: [{ name: 0, first: 0, count: 1, mark: markOf(record) }] })
    expect(askedOf(bench.timer(499), 2)).toEqual([])
    const outputs = bench.timer(500)
    expect(stopped(outputs)).toEqual([1])
    bench.send(2, headFrame(record), 501)
    expect(seqsOf(feed(bench, 2, record, outputs, 502))).toEqual([0])
  })

  it('is not waited for where it would have to come from ourselves', () => {
    const bench = benchOf(2)
    const record = recordOf(0, SIZE)
    bench.send(1, headFrame(record))
    const mark = markOf(record)
    bench.send(2, { type: 'have', ranges: [{ name: 0, first: 0, count: 1, mark }] })
    bench.machine.handle({ type: 'peer-down', peer: 1 }, 5)
    // Both have lost their sender, and each thinks that the other one has it.
    const outputs = bench.send(2, { type: 'wanted', name: 0, first: 0, parts: [{ from: 0, to: 7 }] }, 6)
    expect(peersOf(outputs, 'none')).toEqual([2])
  })

  it('that nobody sends is forgotten after half a minute, and begins anew with another head', () => {
    const bench = benchOf(1)
    const record = recordOf(0, SIZE)
    bench.send(1, headFrame(record, 4))
    for (let now = 500; now <= 29_500; now += 500) bench.timer(now)
    expect(stopped(bench.timer(30_000))).toEqual([1])
    expect(seqsOf(feed(bench, 1, record, bench.send(1, headFrame(record), 30_001), 30_002))).toEqual([0])
  })

  it('is waited for while this node takes no frames, and while it sleeps', () => {
    const bench = benchOf(2)
    const record = recordOf(0, SIZE)
    const outputs = bench.send(1, headFrame(record))
    bench.send(2, { type: 'have', ranges: [{ name: 0, first: 0, count: 1, mark: markOf(record) }] })
    bench.machine.handle({ type: 'flow', flowing: false }, 10)
    for (let now = 500; now < 60_000; now += 500) expect(stopped(bench.timer(now))).toEqual([])
    bench.machine.handle({ type: 'flow', flowing: true }, 60_000)
    expect(stopped(bench.timer(200_000))).toEqual([])
    expect(seqsOf(feed(bench, 1, record, outputs, 200_001))).toEqual([0])
  })

  it('goes out when another is over, though nobody says anything more', () => {
    const bench = benchOf(1)
    for (let seq = 0; seq <= MAX_TRANSFERS; seq++) bench.record(1, recordOf(seq, 2 * CHUNK_BYTES))
    bench.up(2)
    bench.send(2, nameOf(author.id))
    const heads = (outputs: readonly Output[]): number => sent(outputs, 'head').length
    const ranges = [{ name: 0, first: 0, count: MAX_TRANSFERS + 1 }]
    expect(heads(bench.send(2, { type: 'pull', ranges }, 10))).toBe(MAX_TRANSFERS)
    const outputs = bench.send(2, { type: 'wanted', name: 0, first: 0, parts: [{ from: 0, to: 3 }] }, 20)
    expect([partsTo(outputs, 2), wakeOf(outputs)]).toEqual([[0, 1, 2], 20])
    expect(heads(bench.timer(20))).toBe(1)
  })

  describe('that waits while all transfers to a neighbour are taken', () => {
    const LAST = MAX_TRANSFERS
    const full = () => {
      const bench = benchOf(1)
      for (let seq = 0; seq <= LAST; seq++) bench.record(1, recordOf(seq, 2 * CHUNK_BYTES))
      bench.up(2)
      bench.send(2, nameOf(author.id))
      bench.send(2, { type: 'pull', ranges: [{ name: 0, first: 0, count: LAST + 1 }] }, 10)
      return bench
    }
    const heads = (outputs: readonly Output[]): number => sent(outputs, 'head').length
    const wanted = (first: number, parts: readonly PartRange[]) => ({ type: 'wanted', name: 0, first, parts }) as const

    it('goes out as soon as the neighbour declines another', () => {
      expect(heads(full().send(2, wanted(0, []), 20))).toBe(1)
    })

    it('goes out when the neighbour takes something again, if one was over while it took nothing', () => {
      const bench = full()
      bench.machine.handle({ type: 'window', peer: 2, bytes: 0 }, 20)
      expect(heads(bench.send(2, wanted(0, []), 30))).toBe(0)
      expect(heads(bench.machine.handle({ type: 'window', peer: 2, bytes: 1e9 }, 40))).toBe(1)
    })

    it('goes out at once if its parts are asked for, and so does the one that gave way for it', () => {
      const bench = full()
      const all = [{ from: 0, to: 3 }]
      for (const first of [LAST, 0]) {
        const outputs = bench.send(2, wanted(first, all), 20)
        expect([heads(outputs) > 0, partsTo(outputs, 2)]).toEqual([true, [0, 1, 2]])
      }
    })
  })

  it('may come whole in one frame while its parts are awaited', () => {
    const bench = benchOf(2)
    const record = recordOf(0, SIZE)
    bench.send(1, headFrame(record, 4))
    const outputs = bench.send(2, { type: 'record', hops: 0, record: encodeRecord(record) })
    expect(seqsOf(outputs)).toEqual([0])
    expect(stopped(outputs)).toContain(1)
  })

  it('takes turns with others that the same neighbour sends', () => {
    const bench = benchOf(1)
    const records = [0, 1, 2].map((seq) => recordOf(seq, 30 * CHUNK_BYTES))
    const asked = [0, 0, 0]
    const note = (outputs: readonly Output[]): void => {
      for (const seq of [0, 1, 2]) asked[seq] = (asked[seq] ?? 0) + askedOf(outputs, 1, seq).length
    }
    for (const record of records) note(bench.send(1, headFrame(record)))
    const given = [0, 0, 0]
    for (let turn = 0; turn < 60; turn++) {
      const seq = [0, 1, 2].find((one) => (given[one] ?? 0) < (asked[one] ?? 0) && turn % 3 === one) ?? -1
      if (seq < 0) continue
      note(bench.send(1, partFrame(records[seq] as SignedRecord, given[seq] as number)))
      given[seq] = (given[seq] as number) + 1
    }
    expect(Math.min(...asked)).toBeGreaterThan(Math.max(...asked) / 2)
  })
})

describe('the order of an author', () => {
  it('waits for a large record as long as its parts come', () => {
    const bench = benchOf(2)
    const [large, small] = [recordOf(0, SIZE), chainAfter(recordOf(0, SIZE))]
    bench.send(1, headFrame(large))
    bench.record(2, small, 1)
    const told: Output[] = []
    // One part every second and a half, where a hole is given up after one.
    for (let index = 0; index < PARTS; index++) {
      for (let now = 0; now < 1_500; now += 100) told.push(...bench.timer(index * 1_500 + now))
      told.push(...bench.send(1, partFrame(large, index), index * 1_500 + 1_499))
    }
    expect(told.filter(({ type }) => type === 'gap')).toEqual([])
    expect(seqsOf(told)).toEqual([0, 1])
  })

  it('waits no longer when they stop, and tells the gap', () => {
    const bench = benchOf(2)
    const [whole, large] = [recordOf(0, SIZE), recordOf(1, SIZE)]
    expect(seqsOf(feed(bench, 1, whole, bench.send(1, headFrame(whole))))).toEqual([0])
    bench.send(1, headFrame(large), 10)
    bench.record(2, chainAfter(large), 11)
    const told: Output[] = []
    for (let now = 100; now < OWED_MS + 2_000; now += 100) told.push(...bench.timer(now))
    expect(told.filter(({ type }) => type === 'gap')).toHaveLength(1)
    expect(seqsOf(told)).toEqual([2])
  })

  it('begins with a large first one, from its author alone, though the next one is here first', () => {
    const bench = benchOf(0)
    bench.machine.handle({ type: 'peer-up', peer: 1, remote: author.id, window: 1e9 }, 0)
    bench.send(1, { type: 'hello', author: author.id, epoch: 7, presentMs: 0, since: 'live', heads: [] })
    bench.send(1, nameOf(author.id))
    const large = recordOf(5, SIZE)
    const outputs = bench.send(1, headFrame(large))
    expect(seqsOf(bench.record(1, chainAfter(large)))).toEqual([])
    expect(seqsOf(feed(bench, 1, large, outputs))).toEqual([5, 6])
  })
})

describe('a large message that is published', () => {
  it.each([trees, flood])('counts as handed to a peer when its last part is', (engine) => {
    const bench = benchOf(1, engine)
    const outputs = bench.machine.handle({ type: 'publish', payloads: [new Uint8Array(SIZE)], wall: 0 }, 0)
    expect(partsTo(outputs, 1)).toEqual([0, 1, 2, 3])
    expect(pushedOf(outputs)).toEqual([])
    bench.send(1, nameOf(identityOf(1).id, 1))
    const rest = bench.send(1, { type: 'wanted', name: 1, first: 0, parts: [{ from: 4, to: PARTS }] })
    expect(partsTo(rest, 1)).toEqual([4, 5, 6, 7, 8, 9])
    expect(pushedOf(rest)).toEqual([0])
  })

  it.each([trees, flood])('does not wait for ever for neighbours that do not want it', (engine) => {
    const bench = benchOf(3, engine)
    bench.machine.handle({ type: 'publish', payloads: [new Uint8Array(SIZE)], wall: 0 }, 0)
    bench.send(2, nameOf(identityOf(1).id, 1))
    expect(pushedOf(bench.send(2, { type: 'wanted', name: 1, first: 0, parts: [] }))).toEqual([0])
  })

  it('is declined, when its author offers it, by who takes no more authors', () => {
    const bench = createBench(trees, 2, { maxEpochs: 1, maxCounters: 0 })
    bench.record(1, recordOf(0))
    const neighbour = identityOf(101)
    bench.send(1, nameOf(neighbour.id, 5))
    const outputs = bench.send(1, { type: 'offer', ranges: [{ name: 0, first: 0, count: 1, mark: 1 }] })
    expect(stopped(outputs)).toEqual([1])
  })

  it('takes turns on the line with another, and lets a small one pass', () => {
    const bench = createBench(flood, 0)
    const { id } = identityOf(101)
    bench.machine.handle({ type: 'peer-up', peer: 1, remote: id, window: 40_000 }, 0)
    bench.send(1, { type: 'hello', author: id, epoch: 5, presentMs: 0, since: 'live', heads: [] })
    const payloads = [new Uint8Array(SIZE), new Uint8Array(SIZE)]
    bench.machine.handle({ type: 'publish', payloads, wall: 0 }, 0)
    bench.send(1, nameOf(identityOf(1).id, 1))
    for (const first of [0, 1]) bench.send(1, { type: 'wanted', name: 0, first, parts: [{ from: 4, to: 8 }] })
    bench.machine.handle({ type: 'publish', payloads: [new Uint8Array(9)], wall: 0 }, 1)
    const outputs = bench.machine.handle({ type: 'window', peer: 1, bytes: 100_000 }, 2)
    const types = sent(outputs).map(({ frame }) => frame.type)
    expect(types.indexOf('record')).toBeLessThan(types.indexOf('part'))
    const firsts = sent(outputs, 'part').map(({ frame }) => (frame.type === 'part' ? frame.first : -1))
    expect(firsts.slice(0, 4)).toEqual([firsts[0], 1 - (firsts[0] as number), firsts[0], 1 - (firsts[0] as number)])
  })
})

it('has as many parts as 16 KiB go into it', () => {
  expect(chunkCount(recordOf(0, SIZE).block.byteLength)).toBe(PARTS)
})
