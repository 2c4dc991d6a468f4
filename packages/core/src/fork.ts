// Proof that an author forked: two headers that it signed and that cannot both belong to one unbroken sequence. Whoever holds
// the two can check them offline, and learns of the topic no more than a hash.

import { sameBytes } from './bytes.js'
import type { Crypto } from './contracts/crypto.js'
import { SIGNATURE_BYTES } from './crypto.js'
import { CoreError } from './errors.js'
import type { PeerId } from './peer-id.js'
import {
  decodeSigned,
  PREV_BYTES,
  type RecordHead,
  type RecordHeader,
  SIGNED_HEADER_BYTES,
  verifyRecord,
} from './record.js'

/** Each header as it was signed ‖ its signature, 64 bytes. */
export type ForkProof = readonly [Uint8Array, Uint8Array]

/** Bytes of each header of a proof. */
export const FORK_HEADER_BYTES: number = SIGNED_HEADER_BYTES + SIGNATURE_BYTES

/** What two headers prove. */
export interface ProvenFork {
  readonly author: PeerId
  readonly epoch: number
  /** The first sequence number that was said twice, or whose predecessor was. */
  readonly at: number
  /** 32 bytes: equal to the id of the topic, for those who know it. */
  readonly topicId: Uint8Array
}

/** The same, while nobody has looked whether the author signed both. */
export interface ClaimedFork extends ProvenFork {
  readonly heads: readonly [RecordHead, RecordHead]
}

type Placed = Pick<RecordHeader, 'firstSeq' | 'count' | 'prev'>

/** The number from which on the two cannot both be true, or null. They are of one author and epoch, with different ids. */
export function forkOf(
  a: { readonly header: Placed; readonly id: Uint8Array },
  b: { readonly header: Placed; readonly id: Uint8Array },
): number | null {
  const [low, high] = a.header.firstSeq <= b.header.firstSeq ? [a, b] : [b, a]
  const end = low.header.firstSeq + low.header.count
  if (high.header.firstSeq < end) return high.header.firstSeq
  if (high.header.firstSeq > end) return null
  return sameBytes(high.header.prev, low.id.subarray(0, PREV_BYTES)) ? null : end
}

/** The proof that two records, or their heads, are. */
export function encodeForkProof(a: RecordHead, b: RecordHead): ForkProof {
  return [encodeSignedHead(a), encodeSignedHead(b)]
}

/** What the headers prove; throws `ERR_FORK` if they prove nothing, or their author did not sign both. */
export function verifyFork(proof: ForkProof, crypto: Crypto): ProvenFork {
  const { author, epoch, at, topicId, heads } = readFork(proof, crypto)
  if (heads.some((head) => verifyRecord(head, crypto) !== 'valid')) throw unproven('their author did not sign both')
  return { author, epoch, at, topicId }
}

/** What they prove if their author signed both, which is not looked at; throws `ERR_FORK` if they prove nothing even then. */
export function readFork([first, second]: ForkProof, crypto: Crypto): ClaimedFork {
  const [a, b] = [decodeSignedHead(first, crypto), decodeSignedHead(second, crypto)]
  const { author, epoch } = a.header
  if (b.header.author !== author || b.header.epoch !== epoch) throw unproven('they are of two authors or epochs')
  if (!sameBytes(a.topicId, b.topicId)) throw unproven('they are of two topics')
  if (sameBytes(a.id, b.id)) throw unproven('they are one header')
  const at = forkOf(a, b)
  if (at === null) throw unproven('one can follow the other')
  return { author, epoch, at, topicId: a.topicId, heads: [a, b] }
}

/** A head as it stands in a proof: what was signed ‖ its signature. */
export function encodeSignedHead({ signed, signature }: RecordHead): Uint8Array {
  const bytes = new Uint8Array(FORK_HEADER_BYTES)
  bytes.set(signed)
  bytes.set(signature, signed.byteLength)
  return bytes
}

/** Reads it again, verifying nothing; shares memory with `bytes`. Throws `ERR_FORK` for any other bytes. */
export function decodeSignedHead(bytes: Uint8Array, crypto: Crypto): RecordHead & { readonly topicId: Uint8Array } {
  if (bytes.byteLength !== FORK_HEADER_BYTES) throw unproven('one is no header')
  const [signed, signature] = [bytes.subarray(0, SIGNED_HEADER_BYTES), bytes.subarray(SIGNED_HEADER_BYTES)]
  try {
    return { ...decodeSigned(signed), signed, signature, id: crypto.hash([signed]) }
  } catch (cause) {
    throw unproven('one is no header', cause)
  }
}

function unproven(why: string, cause?: unknown): CoreError {
  return new CoreError('ERR_FORK', `the headers prove no fork: ${why}`, cause === undefined ? {} : { cause })
}
