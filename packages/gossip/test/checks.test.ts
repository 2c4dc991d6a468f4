// What a neighbour can make this node spend on signatures: checked is what may be news, and in vain only so often.

import {
  CHUNK_BYTES,
  type Crypto,
  createRecord,
  encodeForkProof,
  encodeRecordHead,
  type ForkProof,
  PREV_BYTES,
  type SignedRecord,
} from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { CHECKS } from '../src/machine/checks.js'
import type { GossipLimits, Output } from '../src/machine.js'
import { author, createBench, crypto, faultOf, identityOf, recordOf, seqsOf, topic } from './frame-bench.js'
import { bytes, ENGINES } from './network.js'

describe.each(ENGINES)('signatures (%s)', (_name, engine) => {
  /** A bench, and how often its machine has verified. */
  function counting(limits: Partial<GossipLimits> = {}) {
    let checks = 0
    const verify: Crypto['verify'] = (...given) => {
      checks++
      return crypto.verify(...given)
    }
    return { ...createBench(engine, 2, limits, { crypto: { ...crypto, verify } }), checks: () => checks }
  }

  const otherOf = ({ header }: SignedRecord, text = 'other'): SignedRecord =>
    createRecord({ ...header, messages: [bytes(text)] }, topic, author, crypto)
  const proof = encodeForkProof(recordOf(0), otherOf(recordOf(0)))
  const times = (count: number, act: () => readonly Output[]): Output[] => Array.from({ length: count }, act).flat()

  it('of one proof of a fork are checked once, however often it comes', () => {
    const bench = counting()
    bench.record(1, recordOf(0))
    const outputs = times(1_000, () => bench.send(1, { type: 'fork', proof }))
    expect(outputs.filter(({ type }) => type === 'fork')).toHaveLength(1)
    expect(bench.checks()).toBe(3)
  })

  it('of a proof about an author that nobody heard of are not checked', () => {
    const bench = counting()
    expect(times(1_000, () => bench.send(1, { type: 'fork', proof }))).toEqual([])
    expect(bench.checks()).toBe(0)
  })

  it('of a proof that are plainly false shut its sender out, strictly refused ones do not', () => {
    const changed = (at: number, byte: number): ForkProof => [
      proof[0],
      proof[1].map((old, index) => (index === proof[1].length + at ? byte : old)),
    ]
    for (const [forged, ban] of [
      [changed(-40, (proof[1].at(-40) ?? 0) ^ 1), true],
      [changed(-1, 0xff), false],
    ] as const) {
      const bench = counting()
      bench.record(1, recordOf(0))
      const outputs = bench.send(1, { type: 'fork', proof: forged })
      expect(faultOf(outputs)).toMatchObject({ peer: 1, code: 'ERR_RECORD_FORGED', ban })
      expect(outputs.some(({ type }) => type === 'fork')).toBe(false)
    }
  })

  it('of a record that was let go are not checked again', () => {
    const bench = counting({ capacity: 2 })
    for (let seq = 0; seq < 5; seq++) bench.record(1, recordOf(seq))
    expect(times(1_000, () => bench.record(1, recordOf(0)))).toEqual([])
    expect(bench.checks()).toBe(5)
  })

  it('of what an author said that is long forgotten are not checked again', () => {
    const bench = counting({ maxEpochs: 2, capacity: 1 })
    bench.record(1, recordOf(0))
    for (const seed of [30, 31, 32]) bench.record(1, recordOf(0, 5, identityOf(seed)))
    times(1_000, () => bench.record(1, recordOf(0)))
    expect(bench.checks()).toBe(4)
  })

  describe('that are checked in vain', () => {
    // Each author beyond what is tracked is checked, for it may be forged, and refused.
    const refused = Array.from({ length: CHECKS.burst + 50 }, (_, index) => {
      const by = identityOf(index % 200)
      const draft = { epoch: index, firstSeq: 0, time: 0, prev: new Uint8Array(PREV_BYTES), messages: [bytes('x')] }
      return createRecord(draft, topic, by, crypto)
    })
    const spent = () => {
      const bench = counting({ maxEpochs: 1, maxCounters: 0 })
      bench.record(1, recordOf(0))
      const outputs = refused.flatMap((record) => bench.record(1, record))
      return { bench, outputs }
    }

    it('are as many as the link has for that, and it lasts', () => {
      const { bench, outputs } = spent()
      expect(bench.checks()).toBe(1 + CHECKS.burst)
      expect(outputs.filter(({ type }) => type === 'drop')).toHaveLength(CHECKS.burst)
      expect(faultOf(outputs)).toBeUndefined()
    })

    it('cost no other neighbour anything', () => {
      const { bench } = spent()
      expect(seqsOf(bench.record(2, recordOf(1)))).toEqual([1])
    })

    it('make what comes from there unseen, and it is asked for later', () => {
      const { bench } = spent()
      expect(seqsOf(bench.record(1, recordOf(1)))).toEqual([])
      const outputs = Array.from({ length: 30 }, (_, index) => bench.timer(100 * index)).flat()
      expect(outputs.some(({ type }) => type === 'send')).toBe(true)
      expect(seqsOf(bench.record(1, recordOf(1), 3_000))).toEqual([1])
    })

    it('are as many again after a while', () => {
      const { bench } = spent()
      for (const record of refused) bench.record(1, record, 1_000)
      expect(bench.checks()).toBe(1 + CHECKS.burst + CHECKS.perSecond)
    })

    it('are those of large records too for which there is no room', () => {
      const bench = counting({ capacityBytes: 64 * CHUNK_BYTES })
      const heads = Array.from({ length: 100 }, (_, seq) => {
        const messages = [new Uint8Array(20 * CHUNK_BYTES)]
        const draft = { epoch: 7, firstSeq: seq, time: 0, prev: new Uint8Array(PREV_BYTES), messages }
        return encodeRecordHead(createRecord(draft, topic, identityOf(seq), crypto))
      })
      for (let round = 0; round < 20; round++)
        for (const head of heads) bench.send(1, { type: 'head', hops: 0, parts: 0, head })
      expect(bench.checks()).toBeLessThanOrEqual(CHECKS.burst + heads.length)
    })
  })
})
