// The bytes that travel with hello and goodbye: a node's own record, and the others that a full node names.
//
//     hello's extra   = address record
//     goodbye's extra = count × (kind ‖ 0 ‖ length as u16 ‖ bytes)     kind 0: address record, 1: address in UTF-8 with the peer expected
//
// It knows bytes alone; what is worth a dial is decided elsewhere. What cannot be read is taken as if it were not there.

import {
  type AddressRecord,
  type Candidate,
  type Crypto,
  decodeAddressRecord,
  encodeAddressRecord,
  type PeerId,
  parseAddress,
  printAddress,
  withPeer,
} from '@hearsay/core'
import { MAX_GOODBYE_EXTRA_BYTES } from '@hearsay/core/mux'
import type { Referral } from './messages.js'
import { MAX_REFERRALS } from './referrals.js'

const RECORD = 0
const ADDRESS = 1
/** Kind and length; every length that fits is below 2^16. */
const HEAD_BYTES = 4

/** As many of them as a goodbye may carry. */
export function encodeTries(tries: readonly Referral[]): Uint8Array {
  const parts: Uint8Array[] = []
  let total = 0
  for (const referral of tries.slice(0, MAX_REFERRALS)) {
    const part = encodeTry(referral)
    if (!part || total + part.byteLength > MAX_GOODBYE_EXTRA_BYTES) continue
    parts.push(part)
    total += part.byteLength
  }
  return Buffer.concat(parts)
}

/** Candidates with their peers known; at most 16, none that its peer did not sign if it is a record. */
export function decodeTries(bytes: Uint8Array, crypto: Crypto): readonly Candidate[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found: Candidate[] = []
  for (let at = 0, count = 0; at + HEAD_BYTES <= bytes.byteLength && count < MAX_REFERRALS; count++) {
    const length = view.getUint16(at + 2, true)
    const part = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length)
    const candidate = part.byteLength === length ? decodeTry(view.getUint8(at), part, crypto) : null
    if (candidate) found.push(candidate)
    at += HEAD_BYTES + length
  }
  return found
}

/** The record of the peer that sent it; null if it sent none, or not its own. */
export function decodeRecord(bytes: Uint8Array | null, peer: PeerId, crypto: Crypto): AddressRecord | null {
  if (!bytes) return null
  try {
    const record = decodeAddressRecord(bytes, crypto)
    return record.peer === peer ? record : null
  } catch {
    // Nobody has to have a record.
    return null
  }
}

function encodeTry({ peer, record, address }: Referral): Uint8Array | null {
  if (record) return withHead(RECORD, encodeAddressRecord(record))
  return address ? withHead(ADDRESS, Buffer.from(printAddress(withPeer(address, peer)))) : null
}

function withHead(kind: number, body: Uint8Array): Uint8Array {
  const part = new Uint8Array(HEAD_BYTES + body.byteLength)
  const view = new DataView(part.buffer)
  view.setUint8(0, kind)
  view.setUint16(2, body.byteLength, true)
  part.set(body, HEAD_BYTES)
  return part
}

function decodeTry(kind: number, part: Uint8Array, crypto: Crypto): Candidate | null {
  try {
    if (kind === RECORD) {
      const { peer, addresses } = decodeAddressRecord(part, crypto)
      return { peer, addresses, source: 'busy' }
    }
    if (kind !== ADDRESS) return null
    const address = parseAddress(new TextDecoder('utf-8', { fatal: true }).decode(part))
    return address.peer === null ? null : { peer: address.peer, addresses: [address], source: 'busy' }
  } catch {
    // One that cannot be read does not spoil the others.
    return null
  }
}
