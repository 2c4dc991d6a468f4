// One peer of the book with its addresses, or one address whose peer nobody knows yet; and the forms in which others see it.

import {
  type Address,
  type AddressRecord,
  type Candidate,
  MAX_RECORD_ADDRESSES,
  type PeerId,
  printAddress,
  type TopicId,
  withPeer,
} from '@hearsay/core'
import type { AddressStats, BookOrigin, KnownPeer } from './contract.js'
import { networkGroup } from './groups.js'
import { freshStats, type PlaceStats, scoreOf } from './statistics.js'

/** One address of an entry. */
export interface Place {
  /** As it was first spelt: with or without the peer that is expected there. */
  readonly address: Address
  readonly stats: PlaceStats
  /** Somebody here gave it: no record takes it away. */
  byHand: boolean
  /** The peer's current record lists it. */
  listed: boolean
}

export interface Entry {
  /** The peer id, or the place of an address alone. */
  readonly key: string
  readonly peer: PeerId | null
  origin: BookOrigin
  /** Whose word it was, if it was hearsay. */
  readonly introducer: PeerId | null
  /** The network of whoever brought it. */
  readonly sourceGroup: string
  record: AddressRecord | null
  readonly places: Map<string, Place>
  readonly topics: Set<TopicId>
  lastSeen: number | null
}

export const BOOK_SOURCE = 'book'
export const MAX_PLACES: number = MAX_RECORD_ADDRESSES
/** Letters of all addresses of an entry. */
export const MAX_PLACES_LETTERS = 2_048
export const MAX_ENTRY_TOPICS = 32

/** The spelling of an address without the peer that is expected there. */
export function placeOf(address: Address): string {
  return address.scheme === 'hyper' ? printAddress(address) : printAddress(withPeer(address, null))
}

/** True if this node has reached one of its addresses itself. */
export function isProven(entry: Entry): boolean {
  for (const { stats } of entry.places.values()) if (stats.lastSeen !== null) return true
  return false
}

/** The network where it was reached, or else of its first address. */
export function groupOf(entry: Entry): string {
  const [first] = entry.places.values()
  const proven = [...entry.places.values()].find(({ stats }) => stats.lastSeen !== null)
  const place = proven ?? first
  return place ? networkGroup(place.address) : 'nowhere'
}

/** The address as a place of the entry; null if there is no room for it, also by pushing out another. */
export function addPlace(
  entry: Entry,
  address: Address,
  { now, displace }: { readonly now: number; readonly displace: boolean },
): Place | null {
  const name = placeOf(address)
  const known = entry.places.get(name)
  if (known) return known
  if (entry.places.size >= MAX_PLACES && !(displace && dropWorst(entry, now))) return null
  if (lettersOf(entry) + name.length > MAX_PLACES_LETTERS) return null
  const place = { address, stats: freshStats(now), byHand: false, listed: false }
  entry.places.set(name, place)
  return place
}

export function addTopic(entry: Entry, topic: TopicId): void {
  entry.topics.delete(topic)
  const [oldest] = entry.topics
  if (oldest !== undefined && entry.topics.size >= MAX_ENTRY_TOPICS) entry.topics.delete(oldest)
  entry.topics.add(topic)
}

/** The score of its best address. */
export function entryScore(entry: Entry, now: number): number {
  let best = 0
  for (const { stats } of entry.places.values()) best = Math.max(best, scoreOf(stats, now))
  return best
}

/** Its addresses, the most promising first. */
export function addressesOf(entry: Entry, now: number): readonly Address[] {
  const scored = [...entry.places.values()].map(({ address, stats }) => ({ address, score: scoreOf(stats, now) }))
  return scored.sort((a, b) => b.score - a.score).map(({ address }) => address)
}

export function toKnownPeer(entry: Entry, now: number): KnownPeer {
  return {
    peer: entry.peer,
    addresses: addressesOf(entry, now).map(printAddress),
    record: entry.record,
    topics: [...entry.topics],
    lastSeen: toDate(entry.lastSeen),
    proven: isProven(entry),
    origin: entry.origin,
  }
}

/**
 * The entry as candidates: one of what this node reached or was given by hand; and one of what it was only told, on the word
 * of its introducer or of the peer itself, so that whoever dials can be as careful with it as with any hearsay.
 */
export function toCandidates(entry: Entry, now: number): readonly Candidate[] {
  const { peer } = entry
  const addresses = addressesOf(entry, now)
  const isSure = (address: Address): boolean => {
    const place = entry.places.get(placeOf(address))
    return place !== undefined && (place.byHand || place.stats.lastSeen !== null)
  }
  const sure = addresses.filter(isSure)
  const told = addresses.filter((address) => !isSure(address))
  const referrer = entry.introducer ?? peer
  const hearsay = { peer, addresses: told, source: BOOK_SOURCE, ...(referrer !== null && { referrer }) }
  return [{ peer, addresses: sure, source: BOOK_SOURCE }, hearsay].filter((candidate) => candidate.addresses.length > 0)
}

/** How the places have fared together; failures in a row count at the best of them. */
export function toStats(places: readonly Place[], lastSeen: number | null, now: number): AddressStats {
  const all = places.map(({ stats }) => stats)
  const sum = (of: (stats: PlaceStats) => number): number => all.reduce((total, stats) => total + of(stats), 0)
  const rtts = all.flatMap(({ rttMs }) => rttMs ?? [])
  return {
    successes: sum(({ successes }) => successes),
    failures: sum(({ failures }) => failures),
    consecutiveFailures: all.length === 0 ? 0 : Math.min(...all.map((stats) => stats.consecutiveFailures)),
    rttMs: rtts.length === 0 ? null : Math.min(...rtts),
    lastSeen: toDate(latest([lastSeen, ...all.map((stats) => stats.lastSeen)])),
    lastTried: toDate(latest(all.map((stats) => stats.lastTried))),
    score: Math.max(0, ...all.map((stats) => scoreOf(stats, now))),
  }
}

/** What it holds, in letters and bytes. */
export function bytesOf(entry: Entry): number {
  const record = entry.record ? 128 + lettersOf(entry) : 0
  return entry.key.length + lettersOf(entry) + record + entry.topics.size * 52
}

function lettersOf(entry: Entry): number {
  let letters = 0
  for (const name of entry.places.keys()) letters += name.length
  return letters
}

/** Makes room for another address: what was reached or given by hand stays, and what the peer does not list goes first. */
function dropWorst(entry: Entry, now: number): boolean {
  const spare = [...entry.places].filter(([, { stats, byHand }]) => !byHand && stats.lastSeen === null)
  const worth = ({ listed, stats }: Place): number => Number(listed) + scoreOf(stats, now)
  const [worst] = spare.sort(([, a], [, b]) => worth(a) - worth(b))
  return worst !== undefined && entry.places.delete(worst[0])
}

function latest(times: readonly (number | null)[]): number | null {
  const known = times.flatMap((time) => time ?? [])
  return known.length === 0 ? null : Math.max(...known)
}

function toDate(time: number | null): Date | null {
  return time === null ? null : new Date(time)
}
