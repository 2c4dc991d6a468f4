// An address book in virtual time, and peers to put into it.

import {
  type Address,
  type AddressRecord,
  createAddressRecord,
  createIdentity,
  type Identity,
  type Logger,
  type PeerId,
  parseAddress,
  seededRandom,
} from '@hearsay/core'
import { type VirtualClock, virtualClock } from '@hearsay/core/memory'
import { type AddressBook, type AddressBookOptions, createAddressBook, type KnownPeer } from '../../src/index.js'

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
export const DAY_MS = 86_400_000

export interface BookFixture {
  readonly book: AddressBook
  readonly clock: VirtualClock
  readonly warnings: string[]
}

export function createBook(options: AddressBookOptions & { readonly seed?: number } = {}): BookFixture {
  const { seed = 1, ...rest } = options
  const clock = virtualClock()
  const warnings: string[] = []
  const logger: Logger = ({ message }) => warnings.push(message)
  return { book: createAddressBook({ clock, random: seededRandom(seed), logger, ...rest }), clock, warnings }
}

/** A key that depends on the number alone. */
export function identityOf(n: number): Identity {
  return createIdentity({ seed: seededRandom(n).bytes(32) })
}

export function peerOf(n: number): PeerId {
  return identityOf(n).id
}

export function recordOf(n: number, seq: number, addresses: readonly string[]): AddressRecord {
  return createAddressRecord(identityOf(n), { seq, addresses: addresses.map(parseAddress) })
}

/** One address in a /16 of its own, for n below 200. */
export function addressOf(n: number): Address {
  return parseAddress(`tcp://${n + 20}.1.2.3:4000`)
}

export async function listOf(book: AddressBook): Promise<readonly KnownPeer[]> {
  const all: KnownPeer[] = []
  for await (const known of book.known()) all.push(known)
  return all
}

export async function addressesIn(book: AddressBook): Promise<readonly string[]> {
  return (await listOf(book)).flatMap(({ addresses }) => addresses).sort()
}

export async function linesOf(book: AddressBook): Promise<readonly string[]> {
  const lines: string[] = []
  for await (const line of book.export()) lines.push(line)
  return lines
}
