// Where features meet: each alone keeps its promise, and together they have to as well.

import {
  type Cause,
  CHUNK_BYTES,
  createRecord,
  encodeForkProof,
  encodeRecord,
  encodeRecordHead,
  type Identity,
  MerkleTree,
  PREV_BYTES,
  type SignedRecord,
} from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import {
  encodeFrame,
  type Frame,
  flood,
  type GossipLimits,
  type MachineContext,
  type Output,
  resolveLimits,
  rumor,
  trees,
} from '../src/machine.js'
import { crypto, faultOf, helloOf, identityOf, nameOf, self, sent, seqsOf, topic } from './frame-bench.js'

const [ann, ben] = [identityOf(50), identityOf(51)] as [Identity, Identity]

interface Draft {
  readonly firstSeq?: number
  readonly size?: number
  readonly fill?: number
  readonly epoch?: number
  readonly causes?: readonly Cause[]
}

function recordOf(by: Identity, { firstSeq = 0, size = 5, fill = 0, epoch = 7, causes }: Draft = {}): SignedRecord {
  const prev = new Uint8Array(PREV_BYTES).fill(firstSeq === 0 ? 0 : firstSeq)
  const messages = [new Uint8Array(size).fill(fill)]
  return createRecord({ epoch, firstSeq, time: 0, prev, messages, ...(causes && { causes }) }, topic, by, crypto)
}

/** A chain, so that nothing in it is a fork. */
function chainOf(by: Identity, count: number): SignedRecord[] {
  let prev: Uint8Array = new Uint8Array(PREV_BYTES)
  return Array.from({ length: count }, (_, firstSeq) => {
    const record = createRecord({ epoch: 7, firstSeq, time: 0, prev, messages: [new Uint8Array(5)] }, topic, by, crypto)
    prev = Uint8Array.from(record.id).subarray(0, PREV_BYTES)
    return record
  })
}

type Wishes = Partial<Omit<MachineContext, 'limits'>> & { readonly limits?: Partial<GossipLimits> }

/** A machine with neighbours, numbered from 1, that have said hello. */
function benchOf(wishes: Wishes = {}, { peers = 2, engine = flood() } = {}) {
  const limits = resolveLimits(wishes.limits)
  const machine = engine.createMachine({ topic, author: self, epoch: 1, crypto, ...wishes, limits })
  const send = (peer: number, frame: Frame, now = 0): readonly Output[] =>
    machine.handle({ type: 'frame', peer, frame: encodeFrame(frame) }, now)
  const up = (peer: number, remote: Identity = identityOf(100 + peer), now = 0, hello: Partial<Frame> = {}) => {
    machine.handle({ type: 'peer-up', peer, remote: remote.id, window: 1e9 }, now)
    return send(peer, { ...helloOf(remote.id), ...hello } as Frame, now)
  }
  for (let peer = 1; peer <= peers; peer++) up(peer)
  const take = (record: SignedRecord, now = 0, peer = 1): readonly Output[] =>
    send(peer, { type: 'record', hops: 0, record: encodeRecord(record) }, now)
  return { machine, send, up, take, timer: (now: number) => machine.handle({ type: 'timer' }, now) }
}

const headOf = (record: SignedRecord, parts = 0): Frame => ({
  ...{ type: 'head', hops: 0, parts },
  head: encodeRecordHead(record),
})
const partOf = (record: SignedRecord, index: number): Frame => ({
  ...{ type: 'part', name: 0, first: record.header.firstSeq, index },
  proof: MerkleTree.of(record.block, crypto).proof(index),
  chunk: record.block.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
})
const acksTo = (outputs: readonly Output[], to: number): (readonly [number, number])[] =>
  sent(outputs, 'ack').flatMap(({ peer, frame }) =>
    peer === to && frame.type === 'ack' ? [[frame.from, frame.to]] : [],
  )
const ticketsOf = (outputs: readonly Output[]): number[] =>
  outputs.flatMap((output) => (output.type === 'judge' ? [output.ticket] : []))

describe('a large record that is judged', () => {
  const record = recordOf(ann, { size: 3 * CHUNK_BYTES, fill: 1 })
  const whole = (bench: ReturnType<typeof benchOf>): Output[] => {
    const outputs = [...bench.send(1, nameOf(ann.id)), ...bench.send(1, headOf(record, 4))]
    for (let index = 0; index < 4; index++) outputs.push(...bench.send(1, partOf(record, index)))
    return outputs
  }

  it.each([flood(), trees()])('is told to nobody before the verdict, and given to others after it', (engine) => {
    const bench = benchOf({ judges: true }, { engine })
    const before = whole(bench)
    expect(sent(before).filter(({ peer, frame }) => peer === 2 && frame.type !== 'name')).toEqual([])
    expect(seqsOf(before)).toEqual([])
    const [ticket = -1] = ticketsOf(before)
    const after = bench.machine.handle({ type: 'verdict', ticket, verdict: 'accept' }, 0)
    expect(seqsOf(after)).toEqual([0])
    expect(sent(after).filter(({ peer }) => peer === 2).length).toBeGreaterThan(0)
  })

  it.each([flood(), trees()])('that is asked for before the verdict is given after it', (engine) => {
    const bench = benchOf({ judges: true }, { engine })
    bench.send(2, nameOf(ann.id))
    const before = whole(bench)
    before.push(...bench.send(2, { type: 'wanted', name: 0, first: 0, parts: [{ from: 0, to: 4 }] }))
    expect(sent(before, 'part').filter(({ peer }) => peer === 2)).toEqual([])
    const [ticket = -1] = ticketsOf(before)
    const after = bench.machine.handle({ type: 'verdict', ticket, verdict: 'accept' }, 0)
    expect(seqsOf(after)).toEqual([0])
  })
})

describe('a record at the judge whose author forks meanwhile', () => {
  it('is not delivered, whatever the verdict', () => {
    const bench = benchOf({ judges: true })
    const [one, other] = [recordOf(ann, { fill: 1 }), recordOf(ann, { fill: 2 })]
    const [ticket = -1] = ticketsOf(bench.take(one))
    expect(bench.send(2, { type: 'fork', proof: encodeForkProof(one, other) }).map(({ type }) => type)).toContain(
      'fork',
    )
    const outputs = bench.machine.handle({ type: 'verdict', ticket, verdict: 'accept' }, 0)
    expect(seqsOf(outputs)).toEqual([])
    expect(sent(outputs, 'record')).toEqual([])
  })
})

describe("order 'causal' with forked authors", () => {
  it.each([
    ['each other', ben, 30_000],
    ['themselves', ann, 1_000],
  ])('comes to rest though their records wait for %s', (_whom, other, inMs) => {
    const bench = benchOf({ order: 'causal' })
    for (const [by, waitsFor] of [
      [ann, other],
      [other, ann],
    ] as const) {
      bench.take(recordOf(by, { causes: [{ author: waitsFor.id, epoch: 7, next: 8 }] }))
    }
    for (const by of [ann, other]) {
      const [one, two] = [recordOf(by, { firstSeq: 10, fill: 1 }), recordOf(by, { firstSeq: 10, fill: 2 })]
      bench.send(2, { type: 'fork', proof: encodeForkProof(one, two) })
    }
    const heard: number[] = []
    for (let now = 1_000; now <= inMs; now += 500) heard.push(...seqsOf(bench.timer(now)))
    expect(heard.length).toBeGreaterThan(0)
  })
})

describe("order 'none'", () => {
  it('acknowledges what filled a hole as well', () => {
    const bench = benchOf({ order: 'none' }, { peers: 0 })
    bench.up(1, ann, 0, { epoch: 7 } as Partial<Frame>)
    const [a, b, c] = chainOf(ann, 3) as [SignedRecord, SignedRecord, SignedRecord]
    const acked = new Set<number>()
    for (const record of [a, c, b]) {
      for (const [from, to] of acksTo(bench.take(record), 1)) for (let seq = from; seq < to; seq++) acked.add(seq)
    }
    expect([...acked].sort()).toEqual([0, 1, 2])
  })
})

describe('places that are forgotten for others', () => {
  it('are remembered with all epochs of an author, or not forgotten', () => {
    const bench = benchOf({ limits: { maxEpochs: 3, maxCounters: 2, capacity: 1 } })
    const epochs = [7, 8, 9].map((epoch) => recordOf(ann, { epoch }))
    for (const record of epochs) expect(seqsOf(bench.take(record))).toEqual([0])
    bench.take(recordOf(ben))
    expect(epochs.flatMap((record) => seqsOf(bench.take(record)))).toEqual([])
  })

  it('are also those of which nothing ever came but heads', () => {
    const bench = benchOf({ limits: { maxEpochs: 20, capacity: 1 } })
    for (let seed = 60; seed < 80; seed++) {
      bench.send(1, headOf(recordOf(identityOf(seed), { size: 2 * CHUNK_BYTES })))
    }
    for (let now = 0; now < 100_000; now += 500) bench.timer(now)
    expect(seqsOf(bench.take(recordOf(ann), 100_000))).toEqual([0])
  })
})

describe('a room that spreads in rounds', () => {
  it('serves what was kept to one who joins, before there is any news', () => {
    const bench = benchOf({}, { peers: 0, engine: rumor({ intervalMs: 100 }) })
    const record = recordOf(ann)
    const kept = { record, receivedAt: 0, at: 0 }
    bench.machine.handle({ type: 'restore', records: [kept], since: 'live' }, 0)
    const outputs = [...bench.up(1, ben, 0, { since: 'all' } as Partial<Frame>), ...bench.timer(1_000)]
    expect(sent(outputs).map(({ frame }) => frame.type)).toContain('run')
    expect(faultOf(outputs)).toBeUndefined()
  })
})
