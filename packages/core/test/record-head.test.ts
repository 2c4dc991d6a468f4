// A record without its block: the same id, the same signature, and nothing that a whole record would not be refused for.

import { describe, expect, it } from 'vitest'
import {
  blockOf,
  copyBytes,
  createIdentity,
  createRecord,
  createTopic,
  decodeRecord,
  decodeRecordHead,
  encodeForkProof,
  encodeRecord,
  encodeRecordHead,
  hasCode,
  merkleRoot,
  PREV_BYTES,
  sodiumCrypto,
  verifyFork,
  verifyRecord,
} from '../src/index.js'

const crypto = sodiumCrypto()
const topic = createTopic('heads')
const author = createIdentity({ seed: new Uint8Array(32).fill(1) })

const recordOf = (bytes: number, fill = 7) =>
  createRecord(
    {
      ...{ epoch: 9, firstSeq: 3, time: 1_700_000_000_000, prev: new Uint8Array(PREV_BYTES) },
      messages: [new Uint8Array(bytes).fill(fill)],
    },
    ...([topic, author, crypto] as const),
  )

describe('the head of a record', () => {
  it.each([1, 16_383, 16_384, 16_385, 4_194_304])(
    'says of a payload of %i bytes what the whole record says',
    (bytes) => {
      const record = recordOf(bytes)
      const head = decodeRecordHead(encodeRecordHead(record), topic, crypto)
      const { block, ...rest } = decodeRecord(encodeRecord(record), topic, crypto)
      expect(head).toEqual(rest)
      expect(blockOf(head)).toEqual({ bytes: block.byteLength, root: merkleRoot(block, crypto) })
      expect(verifyRecord(head, crypto)).toBe('valid')
    },
  )

  it('is forged by every bit flip, or has no shape', () => {
    const bytes = encodeRecordHead(recordOf(20_000))
    for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
      const copy = copyBytes(bytes)
      copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
      let verdict: string
      try {
        verdict = verifyRecord(decodeRecordHead(copy, topic, crypto), crypto)
      } catch (error) {
        verdict = hasCode(error, 'ERR_RECORD') ? 'no shape' : 'another error'
      }
      expect(['invalid', 'lax', 'no shape'], `bit ${bit}`).toContain(verdict)
    }
  })

  it('has one spelling, and no other length', () => {
    const bytes = encodeRecordHead(recordOf(20_000))
    for (let length = 0; length < bytes.byteLength; length++) {
      expect(() => decodeRecordHead(bytes.subarray(0, length), topic, crypto)).toThrow(
        expect.objectContaining({ code: 'ERR_RECORD' }),
      )
    }
    expect(() => decodeRecordHead(new Uint8Array([...bytes, 0]), topic, crypto)).toThrow(
      expect.objectContaining({ code: 'ERR_RECORD' }),
    )
  })

  it('proves a fork as a whole record does', () => {
    const [a, b] = [recordOf(20_000, 1), recordOf(20_000, 2)].map((record) =>
      decodeRecordHead(encodeRecordHead(record), topic, crypto),
    ) as [never, never]
    expect(verifyFork(encodeForkProof(a, b), crypto)).toMatchObject({ author: author.id, epoch: 9, at: 3 })
  })
})
