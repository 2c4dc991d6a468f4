// A peer's own word on where it can be dialled, signed, so that others can hand it on: in busy answers, peer exchange,
// shuffles and DHT values. This file knows its bytes and its signature:
//
//     version (1) ‖ peer (32) ‖ seq ‖ count ‖ count × (length ‖ address in UTF-8) ‖ signature (64)
//
// Numbers are compact-encoding's `uint` in the shortest spelling. The signature covers the domain and all before it.

import { uint } from 'compact-encoding'
import { type Address, parseAddress, printAddress } from './address.js'
import { copyBytes } from './bytes.js'
import type { Crypto } from './contracts/crypto.js'
import { SIGNATURE_BYTES } from './crypto.js'
import { CoreError } from './errors.js'
import type { Identity } from './identity.js'
import { fromPeerId, type PeerId, PUBLIC_KEY_BYTES, toPeerId } from './peer-id.js'
import { Reader } from './reader.js'
import { isStrictSignature } from './strict-signature.js'

/** Where a peer says that it can be dialled. The one with the higher `seq` replaces the other. */
export interface AddressRecord {
  readonly peer: PeerId
  /** Below 2^53. */
  readonly seq: number
  /** At most 16, of at most 800 bytes together. None: cannot be dialled at present. */
  readonly addresses: readonly Address[]
  /** 64 bytes, by `peer`. */
  readonly signature: Uint8Array
}

export const MAX_RECORD_ADDRESSES = 16
/** All addresses of a record with their lengths. */
export const MAX_RECORD_ADDRESSES_BYTES = 800
/** A whole record: a value of HyperDHT takes about as much. */
export const MAX_ADDRESS_RECORD_BYTES = 900

const VERSION = 1
const DOMAIN = new TextEncoder().encode('hearsay/addresses/1')
const utf8 = new TextEncoder()

/** Signs where `identity` can be dialled; throws `ERR_RECORD` outside the bounds. */
export function createAddressRecord(
  identity: Identity,
  draft: Pick<AddressRecord, 'seq' | 'addresses'>,
): AddressRecord {
  const { seq, addresses } = draft
  const body = encodeBody({ peer: identity.id, seq, addresses })
  return { peer: identity.id, seq, addresses: [...addresses], signature: identity.sign(concat([DOMAIN, body])) }
}

/** The record as it travels, at most 900 bytes; throws `ERR_RECORD` outside the bounds. */
export function encodeAddressRecord(record: AddressRecord): Uint8Array {
  return concat([encodeBody(record), record.signature])
}

/**
 * The record in `bytes`, if its peer signed it. Throws `ERR_ENCODING` for bytes that are no record in its one spelling, and
 * `ERR_RECORD` for one that breaks a bound or whose signature is not strict and valid.
 */
export function decodeAddressRecord(bytes: Uint8Array, crypto: Crypto): AddressRecord {
  if (bytes.byteLength > MAX_ADDRESS_RECORD_BYTES) throw refused(`${bytes.byteLength} bytes`)
  const copy = copyBytes(bytes)
  const reader = new Reader(copy, malformed)
  const version = reader.uint()
  if (version !== VERSION) throw malformed(`version ${version}`)
  const peer = toPeerId(reader.bytes(PUBLIC_KEY_BYTES))
  const seq = reader.uint()
  const addresses = readAddresses(reader)
  const body = copy.subarray(0, copy.byteLength - reader.left)
  const signature = reader.bytes(SIGNATURE_BYTES)
  reader.end()
  if (!isSignedBy(fromPeerId(peer), { body, signature }, crypto)) throw refused('its peer did not sign it')
  return { peer, seq, addresses, signature }
}

function isSignedBy(
  publicKey: Uint8Array,
  signed: { readonly body: Uint8Array; readonly signature: Uint8Array },
  crypto: Crypto,
): boolean {
  const { body, signature } = signed
  return isStrictSignature(signature, publicKey) && crypto.verify(signature, concat([DOMAIN, body]), publicKey)
}

function encodeBody({ peer, seq, addresses }: Omit<AddressRecord, 'signature'>): Uint8Array {
  if (!Number.isSafeInteger(seq) || seq < 0) throw refused('a sequence number is a whole number below 2^53')
  if (addresses.length > MAX_RECORD_ADDRESSES) throw refused(`${addresses.length} addresses`)
  const listed = concat(addresses.flatMap(addressBytes))
  if (listed.byteLength > MAX_RECORD_ADDRESSES_BYTES) throw refused(`${listed.byteLength} bytes of addresses`)
  const body = concat([uintBytes(VERSION), fromPeerId(peer), uintBytes(seq), uintBytes(addresses.length), listed])
  const whole = body.byteLength + SIGNATURE_BYTES
  if (whole > MAX_ADDRESS_RECORD_BYTES) throw refused(`${whole} bytes`)
  return body
}

function addressBytes(address: Address): Uint8Array[] {
  const text = utf8.encode(printAddress(address))
  return [uintBytes(text.byteLength), text]
}

function readAddresses(reader: Reader): readonly Address[] {
  const count = reader.uint()
  if (count > MAX_RECORD_ADDRESSES) throw refused(`${count} addresses`)
  const before = reader.left
  const addresses = Array.from({ length: count }, () => readAddress(reader.bytes(reader.uint())))
  if (before - reader.left > MAX_RECORD_ADDRESSES_BYTES) throw refused(`${before - reader.left} bytes of addresses`)
  return addresses
}

/** Only the one spelling of an address is taken, so that a record has one encoding. */
function readAddress(bytes: Uint8Array): Address {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const address = parseAddress(text)
    if (printAddress(address) === text) return address
  } catch (cause) {
    throw malformed('not an address', cause)
  }
  throw malformed('an address in another spelling')
}

function uintBytes(value: number): Uint8Array {
  const state = { start: 0, end: 0, buffer: null as Uint8Array | null }
  uint.preencode(state, value)
  const filled = { start: 0, end: state.end, buffer: new Uint8Array(state.end) }
  uint.encode(filled, value)
  return filled.buffer
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.byteLength
  }
  return out
}

function malformed(why: string, cause?: unknown): CoreError {
  return new CoreError('ERR_ENCODING', `malformed address record: ${why}`, cause === undefined ? {} : { cause })
}

function refused(why: string): CoreError {
  return new CoreError('ERR_RECORD', `refused address record: ${why}`)
}
