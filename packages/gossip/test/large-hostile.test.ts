// What hostile senders of large records try: parts that nobody signed or asked for, more heads than the bound, claims of size.

import {
  CHUNK_BYTES,
  createRecord,
  encodeRecordHead,
  type Identity,
  PREV_BYTES,
  type SignedRecord,
} from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { MAX_ASSEMBLIES, MAX_FED } from '../src/large/assemblies.js'
import { type Frame, flood, trees } from '../src/machine.js'
import { author, crypto, faultOf, identityOf, nameOf, recordOf, seqsOf, topic } from './frame-bench.js'
import {
  askedOf,
  benchOf,
  chained,
  far,
  feed,
  headFrame,
  PARTS,
  partFrame,
  partsTo,
  SIZE,
  stopped,
} from './large-scene.js'

describe('a hostile sender of large records', () => {
  const record = recordOf(0, SIZE)

  it('is banned for a part that the author did not sign, whatever is wrong with it', () => {
    const { chunk, proof, ...place } = partFrame(record, 1)
    const flip = (bytes: Uint8Array): Uint8Array =>
      bytes.map((byte, at) => (at === bytes.byteLength - 1 ? byte ^ 1 : byte))
    const forged: Frame[] = [
      { ...place, proof, chunk: flip(chunk) },
      { ...place, proof: flip(proof), chunk },
      { ...place, proof, chunk, index: 2 },
      { ...place, proof, chunk, index: PARTS },
      { ...place, proof: proof.subarray(32), chunk },
      { ...place, proof, chunk: chunk.subarray(1) },
    ]
    for (const frame of forged) {
      const bench = benchOf(2)
      bench.send(1, headFrame(record, 4))
      const outputs = bench.send(1, frame)
      expect(faultOf(outputs)).toMatchObject({ peer: 1, code: 'ERR_RECORD_FORGED', ban: true })
      expect(partsTo(outputs, 2)).toEqual([])
    }
  })

  it('loses its link for a part that nobody asked for, with or without its head', () => {
    expect(faultOf(benchOf(1).send(1, partFrame(record, 0)))).toMatchObject({ code: 'ERR_FRAME', ban: false })
    const bench = benchOf(2)
    bench.send(1, headFrame(record, 4))
    expect(faultOf(bench.send(2, partFrame(record, 0)))).toMatchObject({ peer: 2, code: 'ERR_FRAME' })
  })

  it('may send what it announced though it is told to stop, and not one part more', () => {
    const bench = benchOf(2)
    bench.send(1, headFrame(record, 4))
    bench.send(2, headFrame(record, 4))
    for (const index of [0, 1, 2, 3]) expect(faultOf(bench.send(2, partFrame(record, index)))).toBeUndefined()
    expect(faultOf(bench.send(2, partFrame(record, 4)))).toMatchObject({ peer: 2, code: 'ERR_FRAME' })
  })

  it('loses its link for a head that is no head of a large record, or of one beyond the limit', () => {
    const small = recordOf(0, 100)
    expect(faultOf(benchOf(1).send(1, headFrame(small)))).toMatchObject({ code: 'ERR_RECORD', ban: false })
    const limits = { maxMessageBytes: SIZE - 1 }
    expect(faultOf(benchOf(1, trees, limits).send(1, headFrame(recordOf(0, SIZE + 100))))).toMatchObject({
      code: 'ERR_RECORD',
    })
    expect(faultOf(benchOf(1, trees, { maxMessageBytes: SIZE }).send(1, headFrame(record)))).toBeUndefined()
  })

  it('is banned for a head that the author did not sign', () => {
    const head = encodeRecordHead(record)
    head[head.byteLength - 1] = (head[head.byteLength - 1] as number) ^ 1
    const outputs = benchOf(1).send(1, { type: 'head', hops: 0, parts: 0, head })
    expect(faultOf(outputs)).toMatchObject({ code: 'ERR_RECORD_FORGED', ban: true })
  })

  it('is told of a fork as soon as the second head is here, and is not to blame for its parts', () => {
    const bench = benchOf(2)
    const other = chained(0, SIZE + 1)
    bench.send(1, headFrame(record, 4))
    const outputs = bench.send(2, headFrame(other, 4))
    expect(outputs.filter(({ type }) => type === 'fork')).toHaveLength(1)
    expect(new Set(stopped(outputs))).toEqual(new Set([1, 2]))
    expect(faultOf(bench.send(2, partFrame(other, 0)))).toBeUndefined()
    expect(faultOf(bench.send(1, partFrame(record, 0)))).toBeUndefined()
  })

  it('of a block that its author filled with nonsense is not to blame unless it is the author', () => {
    // Signed for this topic, and sealed: to those who expect plain messages that is nonsense.
    const nonsense = (by: Identity, epoch: number): SignedRecord => {
      const sealing = { ...topic, payloadKey: new Uint8Array(32).fill(7) }
      const draft = { epoch, firstSeq: 0, time: 0, prev: new Uint8Array(PREV_BYTES), messages: [new Uint8Array(SIZE)] }
      return createRecord(draft, sealing, by, crypto)
    }
    const bench = benchOf(2)
    const relayed = nonsense(author, 7)
    const outputs = feed(bench, 1, relayed, bench.send(1, headFrame(relayed)))
    expect([faultOf(outputs), seqsOf(outputs)]).toEqual([undefined, []])
    // It is known now, and not fetched again.
    expect(askedOf(bench.send(2, headFrame(relayed)), 2)).toEqual([])
    const own = nonsense(identityOf(102), 5)
    const direct = benchOf(0)
    direct.up(2)
    direct.send(2, nameOf(identityOf(102).id, 5))
    const blamed = feed(direct, 2, own, direct.send(2, headFrame(own)))
    expect(faultOf(blamed)).toMatchObject({ peer: 2, code: 'ERR_RECORD', ban: false })
  })

  it('cannot have more heads waiting than the bound, of one neighbour', () => {
    const bench = benchOf(1)
    for (let seq = 0; seq < MAX_FED; seq++) {
      expect(stopped(bench.send(1, headFrame(far(seq))))).toEqual([])
    }
    expect(stopped(bench.send(1, headFrame(far(MAX_FED))))).toEqual([1])
  })

  it('cannot have more heads waiting than the bound, with all its friends; those that stand still give way', () => {
    const bench = benchOf(5)
    let seq = 0
    for (const peer of [1, 2, 3, 4]) {
      for (let count = 0; count < MAX_ASSEMBLIES / 4; count++) {
        expect(stopped(bench.send(peer, headFrame(far(seq++))))).toEqual([])
      }
    }
    expect(stopped(bench.send(5, headFrame(far(seq)), 4_999))).toEqual([5])
    expect(stopped(bench.send(5, headFrame(far(seq)), 5_001))).toEqual([1])
  })

  it('takes no memory for what it claims, and no more than the bound for what it sends', () => {
    const bench = benchOf(1, trees, { capacityBytes: 10 * SIZE })
    let held = 0
    const senders = 20
    const asked: [SignedRecord, number[]][] = []
    for (let seq = 0; seq < senders; seq++) {
      const large = recordOf(seq, SIZE)
      const outputs = bench.send(1, headFrame(large))
      asked.push([large, []])
      for (const [one, indices] of asked) indices.push(...askedOf(outputs, 1, one.header.firstSeq))
    }
    // All but the last part of each: nothing becomes whole.
    for (let turn = 0; turn < senders * PARTS; turn++) {
      const next = asked.find(([, indices]) => indices.some((index) => index < PARTS - 1))
      if (!next) break
      const [large, indices] = next
      const index = indices.splice(
        indices.findIndex((one) => one < PARTS - 1),
        1,
      )[0] as number
      const outputs = bench.send(1, partFrame(large, index), turn)
      held += CHUNK_BYTES
      for (const [one, more] of asked) more.push(...askedOf(outputs, 1, one.header.firstSeq))
    }
    expect(held).toBeGreaterThan(SIZE)
    expect(held).toBeLessThanOrEqual((10 * SIZE) / 4)
  })

  it('cannot make us send a record to it for ever', () => {
    const bench = benchOf(1, flood)
    bench.machine.handle({ type: 'publish', payloads: [new Uint8Array(SIZE)], wall: 0 }, 0)
    let parts = 0
    bench.send(1, nameOf(identityOf(1).id, 1))
    for (let turn = 0; turn < 20; turn++) {
      const all: Frame = { type: 'wanted', name: 1, first: 0, parts: [{ from: 0, to: PARTS }] }
      parts += partsTo(bench.send(1, all, turn), 1).length
    }
    expect(parts).toBeLessThanOrEqual(4 * PARTS)
  })
})
