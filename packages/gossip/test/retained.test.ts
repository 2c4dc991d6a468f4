// What a node keeps of what it says, and what a neighbour can make it keep, or look at, beyond the bounds of its history.

import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { CHUNK_BYTES, createRecord, encodeRecordHead, MerkleTree, PREV_BYTES, type SignedRecord } from '@hearsay/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { LargeBlock } from '../src/large/large-block.js'
import { ArrivalLog, markOf } from '../src/machine/arrivals.js'
import { PastHeads } from '../src/machine/past-heads.js'
import { type Frame, flood, trees } from '../src/machine.js'
import { author, createBench, crypto, identityOf, nameOf, recordOf, sent, topic } from './frame-bench.js'
import { at, createNetwork } from './network.js'

afterEach(() => vi.restoreAllMocks())

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const headOf = (record: SignedRecord): Frame => ({ type: 'head', hops: 0, parts: 0, head: encodeRecordHead(record) })
const partOf = (record: SignedRecord, index: number): Frame => ({
  ...{ type: 'part', name: 0, first: record.header.firstSeq, index },
  proof: MerkleTree.of(record.block, crypto).proof(index),
  chunk: record.block.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
})

describe('what a node says itself', () => {
  it.each([
    [20_000, 100],
    [1_000, 4_096],
    [40, 100_000],
  ])('is kept once, %i messages of %i bytes', async (count, size) => {
    const network = createNetwork(1)
    const { gossip } = at(network.nodes, 0)
    collect()
    const before = process.memoryUsage().arrayBuffers
    const payload = new Uint8Array(size)
    for (let tick = 0; tick < 20; tick++) {
      payload.fill(tick + 1)
      await Promise.all(Array.from({ length: count / 20 }, () => gossip.publish(payload)))
    }
    payload.fill(0)
    const grown = async (): Promise<number> => {
      collect()
      await setImmediate()
      return (process.memoryUsage().arrayBuffers - before) / (count * size)
    }
    await expect.poll(grown, { timeout: 10_000, interval: 50 }).toBeLessThan(1.3)
    const said: unknown[] = []
    for await (const { payload } of gossip.history()) said.push(payload[size - 1])
    expect(said).toEqual(Array.from({ length: count }, (_, index) => 1 + Math.floor((20 * index) / count)))
    await network.close()
  })
})

describe('a neighbour that takes nothing', () => {
  it('is told, when it does, of the large records that are still here, not of those that were let go', () => {
    const bench = createBench(flood, 2, { capacityBytes: 5 * CHUNK_BYTES })
    const large = Array.from({ length: 10 }, (_, seq) => recordOf(seq, 2 * CHUNK_BYTES - 100))
    bench.send(1, nameOf(author.id))
    bench.tell(2, 'have', large)
    bench.machine.handle({ type: 'window', peer: 2, bytes: 0 }, 0)
    for (const record of large) {
      bench.send(1, headOf(record))
      for (const index of [0, 1]) bench.send(1, partOf(record, index))
    }
    const outputs = bench.machine.handle({ type: 'window', peer: 2, bytes: 1e9 }, 100)
    const later = bench.timer(200)
    const told = sent([...outputs, ...later], 'have').flatMap(({ peer, frame }) =>
      peer === 2 && frame.type === 'have' ? frame.ranges.map(({ first }) => first) : [],
    )
    expect([...new Set(told)]).toEqual([8, 9])
  })
})

describe('a neighbour that tells of records and sends them only when asked', () => {
  it('makes nobody keep the latest of each author', async () => {
    const AUTHORS = 256
    const bench = createBench(trees, 1, { capacityBytes: 64 * 1024 })
    const tell = (seed: number): void => {
      const by = identityOf(seed)
      const record = createRecord(
        { epoch: 7, firstSeq: 0, time: 0, prev: new Uint8Array(PREV_BYTES), messages: [new Uint8Array(16_000)] },
        ...([topic, by, crypto] as const),
      )
      const now = seed * 100
      bench.send(1, nameOf(by.id), now)
      bench.send(1, { type: 'have', ranges: [{ name: seed % 1_024, first: 0, count: 1, mark: markOf(record) }] }, now)
      bench.timer(now + 50)
      bench.record(1, record, now + 60)
    }
    collect()
    const before = process.memoryUsage().arrayBuffers
    for (let seed = 0; seed < AUTHORS; seed++) tell(seed)
    const grown = async (): Promise<number> => {
      collect()
      // Buffers are freed beside the program, a moment after they were found to be garbage.
      await setImmediate()
      return process.memoryUsage().arrayBuffers - before
    }
    await expect.poll(grown, { timeout: 10_000, interval: 50 }).toBeLessThan(1_500_000)
  })
})

describe('a neighbour that wants all parts of records of which nothing comes', () => {
  it('does not make each of its frames cost a look at every part', () => {
    const bench = createBench(flood, 2)
    const RECORDS = 50
    for (const peer of [1, 2]) bench.send(peer, nameOf(author.id))
    for (let seq = 0; seq < RECORDS; seq++) {
      const prev = new Uint8Array(PREV_BYTES)
      const draft = { epoch: 7, firstSeq: 10 * seq, time: 0, prev, messages: [new Uint8Array(200 * CHUNK_BYTES - 99)] }
      bench.send(1, headOf(createRecord(draft, topic, author, crypto)))
      bench.send(2, { type: 'wanted', name: 0, first: 10 * seq, parts: [{ from: 0, to: 200 }] })
    }
    const looks = vi.spyOn(LargeBlock.prototype, 'has')
    bench.send(2, { type: 'prune', names: [0] })
    expect(looks.mock.calls.length).toBeLessThan(RECORDS)
  })
})

describe('heads of which nothing comes', () => {
  it('leave no trace without end in the log of arrivals', () => {
    const log = new ArrivalLog({ messages: 10, bytes: 1e6 }, { past: new PastHeads(crypto), isTracked: () => true })
    const record = recordOf(0, 2 * CHUNK_BYTES)
    for (let count = 0; count < 10_000; count++) {
      log.append({ record, body: new LargeBlock(record, crypto), hops: 0, at: 0, via: null, isRecovered: false })
      // Something that lasts stands before them all.
      if (count > 0) log.remove(log.next - 1)
    }
    expect(log.next - log.oldest).toBeLessThan(2_000)
  })
})
