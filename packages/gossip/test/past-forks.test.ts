// Authors who say another thing for a place of which the record is not in the log: let go long ago, at the judge, or put aside.

import { CHUNK_BYTES, createRecord, encodeRecordHead, PREV_BYTES, type SignedRecord, verifyFork } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { PastHeads, REMEMBERED } from '../src/machine/past-heads.js'
import type { GossipLimits, MachineContext, Output } from '../src/machine.js'
import { author, createBench, crypto, identityOf, peersOf, seqsOf, topic } from './frame-bench.js'
import { bytes, ENGINES } from './network.js'

/** So many records of one author, each of so many messages, that follow each other. */
function chain(length: number, { messages = 1, by = author, size = 1 } = {}): SignedRecord[] {
  let prev: Uint8Array = new Uint8Array(PREV_BYTES)
  return Array.from({ length }, (_, index) => {
    const payloads = Array.from({ length: messages }, () => new Uint8Array(size).fill(index))
    const draft = { epoch: 7, firstSeq: index * messages, time: 0, prev, messages: payloads }
    const record = createRecord(draft, topic, by, crypto)
    prev = record.id.subarray(0, PREV_BYTES)
    return record
  })
}

/** What its author might have said in place of the record. */
function otherwise({ header }: SignedRecord, text = 'otherwise', by = author): SignedRecord {
  return createRecord({ ...header, messages: [bytes(text)] }, topic, by, crypto)
}

const forksOf = (outputs: readonly Output[]) => outputs.flatMap((one) => (one.type === 'fork' ? [one.fork] : []))

describe.each(ENGINES)('a fork of what the log let go (%s)', (_name, engine) => {
  const after = (records: readonly SignedRecord[], limits: Partial<GossipLimits> = {}) => {
    const bench = createBench(engine, 2, limits)
    for (const record of records) bench.record(1, record)
    return bench
  }

  it('is told a hundred and eight records back, by default, though only a hundred are held', () => {
    const records = chain(210, { messages: 1_000 })
    const other = otherwise(records[101] as SignedRecord)
    const [fork] = forksOf(after(records).record(2, other))
    expect(fork).toMatchObject({ author: author.id, epoch: 7 })
    expect(fork && verifyFork(fork.headers, crypto)).toMatchObject({ author: author.id, epoch: 7, at: 101_000 })
  })

  it.each([
    ['is told of the oldest of the last 1,024 records', REMEMBERED, 1],
    ['is told of the one before, which must join to it', REMEMBERED + 1, 1],
    ['is not told of those before that', REMEMBERED + 2, 0],
  ])('%s', (_what, back, forks) => {
    const records = chain(1_200)
    const bench = after(records, { capacity: 10 })
    expect(forksOf(bench.record(2, otherwise(records.at(-back) as SignedRecord)))).toHaveLength(forks)
  })

  it('is told if it joins to another record than the one that was let go', () => {
    const records = chain(30)
    const bench = after([...records.slice(0, 10), ...records.slice(11)], { capacity: 5 })
    const stranger = createRecord(
      { epoch: 7, firstSeq: 10, time: 0, prev: new Uint8Array(PREV_BYTES).fill(9), messages: [bytes('x')] },
      ...([topic, author, crypto] as const),
    )
    expect(forksOf(bench.record(2, stranger))).toHaveLength(1)
  })

  it('is told of a large one by its head', () => {
    const records = chain(3, { size: 2 * CHUNK_BYTES })
    const bench = createBench(engine, 2, { capacityBytes: 3 * CHUNK_BYTES })
    for (const record of records) bench.record(1, record)
    const other = createRecord(
      { ...(records[0] as SignedRecord).header, messages: [new Uint8Array(3 * CHUNK_BYTES)] },
      ...([topic, author, crypto] as const),
    )
    const outputs = bench.send(2, { type: 'head', hops: 0, parts: 0, head: encodeRecordHead(other) })
    expect(forksOf(outputs)).toHaveLength(1)
  })

  it.each(['have', 'offer'] as const)('is asked for where a neighbour tells of it: %s', (way) => {
    const records = chain(30)
    const bench = after(records, { capacity: 10 })
    const other = otherwise(records[5] as SignedRecord)
    expect(peersOf(bench.tell(2, way, [other]), 'pull')).toEqual([2])
    expect(peersOf(after(records, { capacity: 10 }).tell(2, way, [records[5] as SignedRecord]), 'pull')).toEqual([])
  })
})

describe.each(ENGINES)('a fork of what is at the judge (%s)', (_name, engine) => {
  const [one] = chain(1) as [SignedRecord]
  const judging: Partial<MachineContext> = { judges: true }

  it('is told at once, and nothing of that place is delivered', () => {
    const bench = createBench(engine, 2, {}, judging)
    const [asked] = bench.record(1, one).flatMap((output) => (output.type === 'judge' ? [output] : []))
    expect(forksOf(bench.record(2, otherwise(one)))).toHaveLength(1)
    const outputs = bench.machine.handle({ type: 'verdict', ticket: asked?.ticket ?? -1, verdict: 'accept' }, 0)
    expect(seqsOf(outputs)).toEqual([])
  })

  it.each(['ignore', 'reject'] as const)('is told also if its verdict was: %s', (verdict) => {
    const bench = createBench(engine, 2, {}, judging)
    const [asked] = bench.record(1, one).flatMap((output) => (output.type === 'judge' ? [output] : []))
    bench.machine.handle({ type: 'verdict', ticket: asked?.ticket ?? -1, verdict }, 0)
    expect(forksOf(bench.record(2, otherwise(one)))).toHaveLength(1)
  })
})

describe('the heads that are remembered', () => {
  /** Notes so many of each author, in turn, and answers how many of each are still known. */
  const kept = (most: number, lengths: readonly number[]): number[] => {
    const heads = new PastHeads(crypto, most)
    const authors = lengths.map((length, index) => {
      const by = identityOf(20 + index)
      return { by, records: chain(length, { by }) }
    })
    for (let index = 0; index < Math.max(...lengths); index++)
      for (const { records } of authors) for (const record of records.slice(index, index + 1)) heads.note(record, 0)
    expect(heads.account.entries).toBeLessThanOrEqual(most)
    const isKnown = ({ header }: SignedRecord): boolean => heads.find(header, header.firstSeq) !== undefined
    return authors.map(({ records }) => records.filter(isKnown).length)
  }

  it('are all of them while there is room', () => {
    expect(kept(24, [8, 8, 8])).toEqual([8, 8, 8])
  })

  it('are shared alike by authors who say as much', () => {
    expect(kept(30, [40, 40, 40])).toEqual([10, 10, 10])
  })

  it('are not pushed out by one author who says much', () => {
    expect(kept(30, [5, 200])).toEqual([5, 25])
  })

  it('are those of who spoke last if there are too many authors', () => {
    expect(kept(4, [1, 1, 1, 1, 1, 1])).toEqual([0, 0, 1, 1, 1, 1])
  })

  it('are the last ones of an author, with those that the log holds, whatever comes late', () => {
    const heads = new PastHeads(crypto)
    const records = chain(40)
    for (const record of [...records.slice(20), ...records.slice(0, 20)]) heads.note(record, REMEMBERED - 10)
    const firsts = records.flatMap(({ header }) => (heads.find(header, header.firstSeq) ? [header.firstSeq] : []))
    expect(firsts).toEqual(Array.from({ length: 10 }, (_, index) => 30 + index))
  })

  it('come out as they went in, also where another stood before', () => {
    const heads = new PastHeads(crypto, 300)
    const records = chain(1_000)
    for (const record of records) heads.note(record, 0)
    for (const { header, id, signature, signed } of records.slice(-300))
      expect(heads.find(header, header.firstSeq)).toMatchObject({ header, id, signature, signed })
    heads.forget(records[900] as SignedRecord)
    expect(heads.find({ author: author.id, epoch: 7 }, 900)).toBeUndefined()
    expect(heads.account.entries).toBe(299)
  })
})
