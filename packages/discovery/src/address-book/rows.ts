// The book as text: one line of JSON for each entry, on disk and in an export. Everything that is read is checked, as it may
// come from another version, another person or a damaged disk; a signature is checked again.

import {
  type Address,
  type AddressRecord,
  type Crypto,
  copyBytes,
  decodeAddressRecord,
  encodeAddressRecord,
  isPeerId,
  type PeerId,
  parseAddress,
  printAddress,
  type TopicId,
} from '@hearsay/core'
import type { BookOrigin } from './contract.js'
import { type Entry, MAX_ENTRY_TOPICS, MAX_PLACES, type Place, placeOf } from './entry.js'
import type { PlaceStats } from './statistics.js'

/** What an exported line says. */
export interface Portable {
  readonly peer: PeerId | null
  readonly addresses: readonly Address[]
  readonly record: AddressRecord | null
}

export const EXPORT_HEADER: string = JSON.stringify({ type: 'hearsay-address-book', version: 1 })
/** Longer lines are refused before they are parsed. */
export const MAX_LINE_LETTERS = 16_384

const ROW_VERSION = 1
const ORIGINS: readonly BookOrigin[] = ['hand', 'import', 'link', 'heard']
/** Counters beyond are nonsense. */
const MAX_COUNT = 1e12

type Fields = Readonly<Record<string, unknown>>

/** What may be handed on: no topics and no statistics, which say what this node did. */
export function toLine({ peer, places, record }: Entry): string {
  const addresses = [...places.values()].map(({ address }) => printAddress(address))
  return JSON.stringify({ peer, addresses, ...(record && { record: toBase64(record) }) })
}

/** True for the first line of an export that this version reads. */
export function isHeader(line: string): boolean {
  const fields = fieldsOf(line)
  return fields?.type === 'hearsay-address-book' && fields.version === 1
}

/** What an exported line says, or null. */
export function fromLine(line: string, crypto: Crypto): Portable | null {
  const fields = fieldsOf(line)
  if (!fields) return null
  try {
    const peer = peerIn(fields.peer)
    const record = recordIn(fields.record, peer, crypto)
    const addresses = listIn(fields.addresses, MAX_PLACES).map((each) => parseAddress(textIn(each)))
    return { peer, record, addresses }
  } catch {
    return null
  }
}

/** An entry with all that is known, for the own disk. */
export function toRow({ key, peer, origin, introducer, sourceGroup, record, places, topics, lastSeen }: Entry): string {
  const listed = [...places.values()].map(({ address, ...rest }) => ({ address: printAddress(address), ...rest }))
  const rest = { peer, origin, introducer, sourceGroup, topics: [...topics], lastSeen }
  return JSON.stringify({ v: ROW_VERSION, key, ...rest, record: record && toBase64(record), places: listed })
}

/** The entry of a row; throws for anything that `toRow` does not write. Times of a clock that was ahead become `now`. */
export function fromRow(row: string, { crypto, now }: { crypto: Crypto; now: number }): Entry {
  const fields = fieldsOf(row)
  if (fields?.v !== ROW_VERSION) throw new TypeError('not a row of this version')
  const peer = peerIn(fields.peer)
  const places = new Map(
    listIn(fields.places, MAX_PLACES).map((each) => {
      const place = placeIn(each, now)
      return [placeOf(place.address), place]
    }),
  )
  const [alone] = places.keys()
  if (alone === undefined) throw new TypeError('no address')
  const origin = ORIGINS.find((each) => each === fields.origin)
  if (!origin) throw new TypeError('not an origin')
  return {
    key: peer ?? alone,
    peer,
    origin,
    introducer: peerIn(fields.introducer),
    sourceGroup: textIn(fields.sourceGroup),
    record: recordIn(fields.record, peer, crypto),
    places,
    topics: new Set(listIn(fields.topics, MAX_ENTRY_TOPICS).map(topicIn)),
    lastSeen: timeIn(fields.lastSeen, now),
  }
}

function placeIn(value: unknown, now: number): Place {
  const { address, stats, byHand, listed } = asFields(value)
  return {
    address: parseAddress(textIn(address)),
    byHand: byHand === true,
    listed: listed === true,
    stats: statsIn(asFields(stats), now),
  }
}

function statsIn(fields: Fields, now: number): PlaceStats {
  return {
    successes: countIn(fields.successes),
    failures: countIn(fields.failures),
    consecutiveFailures: countIn(fields.consecutiveFailures),
    good: countIn(fields.good),
    bad: countIn(fields.bad),
    fadedAt: timeIn(fields.fadedAt, now) ?? now,
    failingSince: timeIn(fields.failingSince, now),
    rttMs: fields.rttMs === null ? null : countIn(fields.rttMs),
    lastSeen: timeIn(fields.lastSeen, now),
    lastTried: timeIn(fields.lastTried, now),
  }
}

function fieldsOf(line: string): Fields | null {
  if (line.length > MAX_LINE_LETTERS) return null
  try {
    return asFields(JSON.parse(line))
  } catch {
    return null
  }
}

function asFields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object')
  return value as Fields
}

function listIn(value: unknown, most: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > most) throw new TypeError('not a list within its bound')
  return value
}

function textIn(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('not a text')
  return value
}

function peerIn(value: unknown): PeerId | null {
  if (value === null || value === undefined) return null
  if (!isPeerId(value)) throw new TypeError('not a peer id')
  return value
}

/** Topic ids are spelt like peer ids. */
function topicIn(value: unknown): TopicId {
  if (!isPeerId(value)) throw new TypeError('not a topic id')
  return value as string as TopicId
}

function countIn(value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= MAX_COUNT)) throw new TypeError('not a count')
  return value
}

function timeIn(value: unknown, now: number): number | null {
  if (value === null || value === undefined) return null
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new TypeError('not a time')
  return Math.min(value, now)
}

function recordIn(value: unknown, peer: PeerId | null, crypto: Crypto): AddressRecord | null {
  if (value === null || value === undefined) return null
  const record = decodeAddressRecord(copyBytes(Buffer.from(textIn(value), 'base64')), crypto)
  if (record.peer !== peer) throw new TypeError('the record of somebody else')
  return record
}

function toBase64(record: AddressRecord): string {
  return Buffer.from(encodeAddressRecord(record)).toString('base64')
}
