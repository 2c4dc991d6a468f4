// What people hand to a book, in any of the forms that it takes, as parsed addresses.

import {
  type Address,
  type AddressRecord,
  type Crypto,
  decodeAddressRecord,
  encodeAddressRecord,
  isPeerId,
  type PeerId,
  parseAddress,
  parsePeerId,
  printAddress,
} from '@hearsay/core'
import type { Given } from './book.js'
import type { BookEntry, BookTarget } from './contract.js'
import { placeOf } from './entry.js'

/** Who or what is named: a peer, or else an address. */
export interface Target {
  readonly peer: PeerId | null
  readonly place: string | null
}

export function asList<Item extends BookEntry | BookTarget>(given: Item | readonly Item[]): readonly Item[] {
  return isList(given) ? given : [given]
}

/** What is to be saved; throws `ERR_ADDRESS`, `ERR_PEER_ID`, `ERR_RECORD` or `ERR_ENCODING`. */
export function toGiven(entry: BookEntry, crypto: Crypto): Given {
  if (typeof entry === 'string' || 'scheme' in entry) {
    const address = toAddress(entry)
    return { peer: address.peer, addresses: [address] }
  }
  if ('signature' in entry) return toGivenRecord(entry, crypto)
  const peer = entry.peer === null ? null : parsePeerId(entry.peer)
  return { peer, addresses: entry.addresses.map(toAddress) }
}

/** Throws `ERR_ADDRESS` for text that is neither an address nor a peer id. */
export function toTargets(target: BookTarget): readonly Target[] {
  if (typeof target === 'string') {
    return isPeerId(target) ? [{ peer: target, place: null }] : [toTarget(parseAddress(target))]
  }
  if ('scheme' in target) return [toTarget(toAddress(target))]
  if ('address' in target) return [toTarget(toAddress(target.address))]
  if (target.peer !== null) return [{ peer: parsePeerId(target.peer), place: null }]
  return (target.addresses ?? []).map((address) => toTarget(toAddress(address)))
}

/** An address of the scheme that is a peer id alone names the peer. */
function toTarget(address: Address): Target {
  return address.scheme === 'hyper' ? { peer: address.peer, place: null } : { peer: null, place: placeOf(address) }
}

/** Parsed anew: an object may hold anything. */
function toAddress(address: string | Address): Address {
  return parseAddress(typeof address === 'string' ? address : printAddress(address))
}

function toGivenRecord(given: AddressRecord, crypto: Crypto): Given {
  const record = decodeAddressRecord(encodeAddressRecord(given), crypto)
  return { peer: record.peer, addresses: record.addresses, record }
}

function isList<Item>(given: Item | readonly Item[]): given is readonly Item[] {
  return Array.isArray(given)
}
