// Proofs that an author forked: what is one, and that no false one can be made.

import {
  createIdentity,
  createRecord,
  createTopic,
  encodeForkProof,
  type ForkProof,
  forkOf,
  PREV_BYTES,
  type SignedRecord,
  sodiumCrypto,
  verifyFork,
} from '@hearsay/core'
import { describe, expect, it } from 'vitest'

const crypto = sodiumCrypto()
const topic = createTopic('forks')
const author = createIdentity({ seed: new Uint8Array(32).fill(1) })

interface Place {
  readonly firstSeq?: number
  readonly count?: number
  readonly text?: string
  readonly after?: SignedRecord
  readonly by?: typeof author
  readonly epoch?: number
  readonly in?: typeof topic
}

function recordOf({ firstSeq = 0, count = 1, text = 'a', after, by = author, epoch = 1, in: where = topic }: Place) {
  const prev = after ? after.id.slice(0, PREV_BYTES) : new Uint8Array(PREV_BYTES)
  const messages = Array.from({ length: count }, () => new TextEncoder().encode(text))
  return createRecord({ epoch, firstSeq, time: 0, prev, messages }, where, by, crypto)
}

const first = recordOf({ count: 4 })

describe('two records are a fork', () => {
  it.each<[string, SignedRecord, SignedRecord, number | null]>([
    ['that begin at one place', recordOf({ text: 'a' }), recordOf({ text: 'b' }), 0],
    ['of which one begins within the other', first, recordOf({ firstSeq: 2, text: 'b' }), 2],
    ['of which one lies within the other', first, recordOf({ firstSeq: 1, count: 2, text: 'b' }), 1],
    ['of which one follows the other and names another one before it', first, recordOf({ firstSeq: 4 }), 4],
    ['unless one joins to the other', first, recordOf({ firstSeq: 4, after: first }), null],
    ['unless there is something between them', first, recordOf({ firstSeq: 5 }), null],
  ])('%s', (_which, a, b, at) => {
    expect(forkOf(a, b)).toBe(at)
    expect(forkOf(b, a)).toBe(at)
  })
})

describe('a proof', () => {
  const proof = encodeForkProof(recordOf({ text: 'a' }), recordOf({ text: 'b' }))

  it('tells a third party who forked, where, and no more of the topic than its id', () => {
    const told = verifyFork(proof, crypto)
    expect(told).toEqual({ author: author.id, epoch: 1, at: 0, topicId: topic.idBytes })
    const bytes = Buffer.concat([...proof])
    expect(bytes.includes('forks')).toBe(false)
    expect(bytes.includes(Buffer.from(topic.key))).toBe(false)
  })

  it.each<[string, ForkProof]>([
    ['one header twice', [proof[0], proof[0]]],
    ['a record and the one that follows it', encodeForkProof(first, recordOf({ firstSeq: 4, after: first }))],
    ['records of two authors', encodeForkProof(first, recordOf({ by: createIdentity() }))],
    ['records of two epochs', encodeForkProof(first, recordOf({ epoch: 2 }))],
    ['records of two topics', encodeForkProof(recordOf({}), recordOf({ in: createTopic('other') }))],
    ['a header that is cut short', [proof[0].subarray(0, 100), proof[1]]],
    ['nothing', [new Uint8Array(), new Uint8Array()]],
  ])('is not %s', (_what, forged) => {
    expect(() => verifyFork(forged, crypto)).toThrow(expect.objectContaining({ code: 'ERR_FORK' }))
  })

  it('is none any more if a single byte of it is changed', () => {
    for (const side of [0, 1]) {
      for (let at = 0; at < proof[0].byteLength; at++) {
        const forged = proof.map((bytes) => Uint8Array.from(bytes)) as [Uint8Array, Uint8Array]
        const header = forged[side] as Uint8Array
        header[at] = (header[at] ?? 0) ^ 1
        expect(() => verifyFork(forged, crypto)).toThrow(expect.objectContaining({ code: 'ERR_FORK' }))
      }
    }
  })
})
