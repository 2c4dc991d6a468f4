// Where a member of the room can be dialled: a question of the library's own, which the member alone answers, by the address
// record that it has signed. It reaches members that no neighbour knows, and nobody tells of others.

import {
  type AddressRecord,
  type Crypto,
  decodeAddressRecord,
  encodeAddressRecord,
  fromPeerId,
  hasCode,
  type PeerId,
  sameBytes,
} from '@hearsay/core'
import { GossipError } from '../errors.js'
import type { RawAnswer } from './answer-queue.js'
import { checkType } from './signed.js'

/** Types of questions that no application asks or answers. */
const OWN_TYPES = 'hearsay/'
export const WHERE = 'hearsay/where'

/** Where a peer says that it can be dialled, and the neighbour that handed it over. */
export interface Located {
  readonly record: AddressRecord
  readonly via: PeerId
}

export function isOwnType(type: string): boolean {
  return type.startsWith(OWN_TYPES)
}

/** A type that an application may use. */
export function checkFreeType(type: string): string {
  if (!isOwnType(checkType(type))) return type
  throw new GossipError('ERR_OPTION', `types that begin with ${OWN_TYPES} are the library's own, such as ${type}`)
}

/** The answer of the one that is asked for; undefined is none. */
export function answerWhere(data: Uint8Array, record: AddressRecord | null): Uint8Array | undefined {
  if (!record || !sameBytes(data, fromPeerId(record.peer))) return undefined
  return encodeAddressRecord(record)
}

/** Null if it is not what the peer itself says. */
export function readWhere({ data, via }: RawAnswer, peer: PeerId, crypto: Crypto): Located | null {
  try {
    const record = decodeAddressRecord(data, crypto)
    return record.peer === peer ? { record, via } : null
  } catch (error) {
    // Anybody may answer anything to a question; who passed it on could not know.
    if (hasCode(error, 'ERR_RECORD', 'ERR_ENCODING')) return null
    throw error
  }
}
