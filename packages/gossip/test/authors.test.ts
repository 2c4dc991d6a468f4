// What a room remembers of its authors: bounded, and enough never to deliver anything twice.

import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  type Crypto,
  createIdentity,
  createRecord,
  createTopic,
  encodeRecord,
  type Identity,
  PREV_BYTES,
  type SignedRecord,
  seededRandom,
  sodiumCrypto,
} from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { encodeFrame, flood, type GossipLimits, type Machine, type Output, resolveLimits } from '../src/machine.js'
import { Counters } from '../src/order/counters.js'
import { OWED_MS } from '../src/repair/fillings.js'
import { bytes } from './network.js'

const crypto = sodiumCrypto()
const topic = createTopic('test')
const identityOf = (seed: number): Identity => {
  const bytesOf = new Uint8Array(32)
  new DataView(bytesOf.buffer).setUint32(0, seed)
  return createIdentity({ seed: bytesOf })
}
const self = identityOf(1)
const neighbour = identityOf(2)

/** One author's records, each of so many messages. */
class Said {
  readonly author: Identity
  readonly epoch: number
  #next = 0
  #prev: Uint8Array = new Uint8Array(PREV_BYTES)

  constructor(seed: number, epoch = 7) {
    this.author = identityOf(seed)
    this.epoch = epoch
  }

  next(count = 1, text = 'x'): SignedRecord {
    const messages = Array.from({ length: count }, () => bytes(text))
    const place = { epoch: this.epoch, firstSeq: this.#next, time: 0, prev: this.#prev }
    const record = createRecord({ ...place, messages }, topic, this.author, crypto)
    this.#next += count
    this.#prev = record.id.slice(0, PREV_BYTES)
    return record
  }
}

function bench(limits: Partial<GossipLimits> = {}, own: Crypto = crypto) {
  const machine: Machine = flood().createMachine({
    ...{ topic, author: self, epoch: 1, crypto: own, limits: resolveLimits(limits) },
  })
  const hello = encodeFrame({ type: 'hello', author: neighbour.id, epoch: 5, presentMs: 0, since: 'live', heads: [] })
  machine.handle({ type: 'peer-up', peer: 1, remote: neighbour.id, window: 1e9 }, 0)
  machine.handle({ type: 'frame', peer: 1, frame: hello }, 0)
  const take = (record: SignedRecord, now = 0): readonly Output[] =>
    machine.handle(
      { type: 'frame', peer: 1, frame: encodeFrame({ type: 'record', hops: 0, record: encodeRecord(record) }) },
      now,
    )
  return { machine, take }
}

const delivered = (outputs: readonly Output[]): number => outputs.filter(({ type }) => type === 'deliver').length
const dropped = (outputs: readonly Output[]): string[] =>
  outputs.flatMap((output) => (output.type === 'drop' ? [output.drop.reason] : []))

describe('an author that was forgotten for others', () => {
  const limits = { maxEpochs: 4, capacity: 1 }
  const crowd = (take: (record: SignedRecord) => unknown): void => {
    for (let seed = 100; seed < 110; seed++) take(new Said(seed).next())
  }

  it('is heard again where it ended: nothing twice, nothing missing', () => {
    const { take } = bench(limits)
    const said = new Said(10)
    const [first, second] = [said.next(), said.next()]
    expect(delivered(take(first))).toBe(1)
    crowd(take)
    expect(delivered(take(first))).toBe(0)
    const outputs = take(second)
    expect(delivered(outputs)).toBe(1)
    expect(outputs.filter(({ type }) => type === 'gap')).toEqual([])
    crowd(take)
    for (const record of [first, second]) expect(delivered(take(record))).toBe(0)
  })

  it('is told as having a gap if it went on meanwhile and nobody has what it said', () => {
    const { take, machine } = bench(limits)
    const said = new Said(10)
    take(said.next())
    crowd(take)
    said.next()
    take(said.next())
    const gaps = machine.handle({ type: 'timer' }, OWED_MS).flatMap((one) => (one.type === 'gap' ? [one.gap] : []))
    expect(gaps.map(({ from, to }) => [from, to])).toEqual([[1, 2]])
  })

  it('stays unheard if it forked', () => {
    const { take } = bench(limits)
    const [one, other] = [new Said(10), new Said(10)]
    take(one.next(1, 'this'))
    const outputs = take(other.next(1, 'that'))
    expect(outputs.some(({ type }) => type === 'fork')).toBe(true)
    crowd(take)
    expect(delivered(take(one.next()))).toBe(0)
  })

  it('is not heard in epochs that were too old before', () => {
    const { take } = bench({ ...limits, maxEpochsPerAuthor: 2 })
    const old = new Said(10, 1)
    take(old.next())
    for (const epoch of [2, 3]) take(new Said(10, epoch).next())
    crowd(take)
    expect(dropped(take(old.next()))).toContain('authors')
  })

  it('is not taken in at all once there are too many to remember even their ends', () => {
    const { take } = bench({ ...limits, maxCounters: 2 })
    const outcomes = [100, 101, 102, 103, 104, 105, 106, 107].map((seed) => take(new Said(seed).next()))
    expect(outcomes.map(delivered)).toEqual([1, 1, 1, 1, 1, 1, 0, 0])
    expect(dropped(outcomes.at(-1) ?? [])).toEqual(['authors'])
  })
})

describe('the table of ends', () => {
  const random = seededRandom(5)
  const hashes = Array.from({ length: 20_000 }, () => [random.below(2 ** 32), random.below(2 ** 32)] as const)

  it('remembers the last word on each, in up to 64 bytes', () => {
    const table = new Counters(1e6)
    for (const [index, hash] of hashes.entries()) table.set(hash, index)
    for (const [index, hash] of hashes.entries()) if (index % 3 === 0) table.set(hash, index + 1_000_000)
    for (const [index, hash] of hashes.entries())
      expect(table.get(hash)).toBe(index % 3 === 0 ? index + 1_000_000 : index)
    expect(table.size).toBe(hashes.length)
    expect(table.byteLength / table.size).toBeLessThanOrEqual(64)
    expect(table.get([1, 1])).toBeUndefined()
  })

  it('tells apart hashes that differ in half of their bits only', () => {
    const table = new Counters(10)
    table.set([1, 5], 10)
    table.set([2, 5], 20)
    expect([table.get([1, 5]), table.get([2, 5]), table.get([3, 5])]).toEqual([10, 20, undefined])
  })

  it.each([
    [9, true],
    [10, false],
    [11, false],
  ])('has room for ten: %i are in, another one is welcome: %s', (count, hasRoom) => {
    const table = new Counters(10)
    for (const hash of hashes.slice(0, count)) table.set(hash, 1)
    expect(table.hasRoom).toBe(hasRoom)
    expect(table.size).toBe(Math.min(count, 10))
  })
})

describe('what is remembered to hear nothing twice', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  /** Bytes of heap and buffers that stay. One collection leaves what it sweeps later: the least of a few counts. */
  const heldAfter = async (run: () => void): Promise<number> => {
    run()
    let least = Number.POSITIVE_INFINITY
    for (let times = 0; times < 5; times++) {
      collect()
      await setImmediate()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      least = Math.min(least, heapUsed + arrayBuffers)
    }
    return least
  }

  it('grows by less than 1 MiB with 1,000,000 messages of 100 authors', { timeout: 60_000 }, async () => {
    const { take } = bench({ capacity: 1_000 })
    const authors = Array.from({ length: 100 }, (_, index) => new Said(1_000 + index))
    const round = (): void => {
      for (const author of authors) take(author.next(1_000, ''))
    }
    const before = await heldAfter(round)
    const after = await heldAfter(() => {
      for (let index = 0; index < 10; index++) round()
    })
    expect(after - before).toBeLessThan(1024 * 1024)
  })

  it('takes at most 3,000 bytes for each author that is followed', { timeout: 60_000 }, async () => {
    const { take } = bench({ capacity: 10 })
    const hear = (from: number, to: number) => () => {
      for (let seed = from; seed < to; seed++) take(new Said(10_000 + seed).next())
    }
    const before = await heldAfter(hear(0, 2_000))
    const after = await heldAfter(hear(2_000, 8_000))
    expect(after - before).toBeLessThan(3_000 * 6_000)
  })

  const AUTHORS = Number(process.env.HEARSAY_AUTHORS ?? 8_000)
  it(`takes at most 64 bytes for each of ${AUTHORS} authors beyond those that are followed`, {
    timeout: 300_000,
  }, async () => {
    const { take } = bench({ capacity: 10, maxEpochs: 1_024 })
    const hear = (from: number, to: number) => () => {
      for (let seed = from; seed < to; seed++) take(new Said(10_000 + seed).next())
    }
    const before = await heldAfter(hear(0, 2_000))
    const after = await heldAfter(hear(2_000, AUTHORS))
    // A mebibyte is what the engine's own code and tables take meanwhile.
    expect(after - before).toBeLessThan(1024 * 1024 + 64 * AUTHORS)
    expect(delivered(take(new Said(10_000).next()))).toBe(0)
  })
})

describe('signatures', () => {
  /** Counts how often it is asked to verify. */
  function counting(): { own: Crypto; checks: () => number } {
    let checks = 0
    const verify: Crypto['verify'] = (...given) => {
      checks++
      return crypto.verify(...given)
    }
    return { own: { ...crypto, verify }, checks: () => checks }
  }

  it('are checked once for each record, however many copies come', () => {
    const { own, checks } = counting()
    const { take } = bench({}, own)
    const said = new Said(10)
    for (let index = 0; index < 50; index++) {
      const record = said.next()
      for (let copy = 0; copy < 4; copy++) take(record)
    }
    expect(checks()).toBe(50)
  })

  it('of 5,000 forged records in a row cost one check, and the link', () => {
    const { own, checks } = counting()
    const { take } = bench({}, own)
    const record = new Said(10).next()
    const forged = { ...record, signature: record.signature.map((byte, index) => (index === 3 ? byte ^ 1 : byte)) }
    const outputs = Array.from({ length: 5_000 }, () => take(forged)).flat()
    const ends = outputs.filter(({ type }) => type === 'misbehaved')
    expect(ends).toMatchObject([{ code: 'ERR_RECORD_FORGED' }])
    expect(checks()).toBeLessThanOrEqual(4)
  })
})
