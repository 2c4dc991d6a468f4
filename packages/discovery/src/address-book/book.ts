// The address book without database, clock or randomness of its own: what becomes of each report.
//
//   report             | effect
//   -------------------|--------------------------------------------------------------------------------------------------
//   save               | in, whatever was removed; marked as given by hand
//   linked, dialled    | the address is proven; the entry of that address alone becomes the peer's
//   linked, accepted   | last seen and its own record: where it came from is not where it can be dialled
//   failed             | counted; purged when it fails often and for long while others answer
//   heard              | in, if nothing was removed there; the first to leave
//   newer record       | what the older one listed and the newer one does not goes, and stays away for a day
//   remove             | out, and away for a day, whoever speaks of it

import type { Address, AddressRecord, Crypto, PeerId } from '@hearsay/core'
import type { BookOrigin, BookTotals, FailedReport, HeardReport, LinkedReport } from './contract.js'
import { addPlace, addTopic, bytesOf, type Entry, groupOf, isProven, type Place, placeOf } from './entry.js'
import { networkGroup } from './groups.js'
import { Ledger } from './ledger.js'
import { noteFailure, noteRtt, noteSuccess } from './statistics.js'
import { Tombstones } from './tombstones.js'

export interface BookOptions {
  readonly maxPeers: number
  readonly crypto: Crypto
  /** 32 random bytes. */
  readonly secret: Uint8Array
  /** Told the name of each entry (`p/…`) and tombstone (`r/…` removed, `d/…` dropped) that came, changed or went. */
  readonly onChange: (name: string) => void
}

/** A peer's addresses as somebody gives them by hand; the record is verified. */
export interface Given {
  readonly peer: PeerId | null
  readonly addresses: readonly Address[]
  readonly record?: AddressRecord
}

/** Failures in a row, and the time since the first of them, after which an address is purged. */
const PURGE_HEARSAY = { failures: 3, ms: 600_000 }
const PURGE_PROVEN = { failures: 10, ms: 86_400_000 }
/** Codes of failures that say nothing against the address. */
const NOT_ITS_FAULT: ReadonlySet<string> = new Set([
  'ERR_ABORTED',
  'ERR_CLOSED',
  'ERR_DESCRIPTORS',
  'ERR_DUPLICATE',
  'ERR_LIMIT',
  'ERR_LISTEN',
  'ERR_SUSPENDED',
  'ERR_UNWANTED',
])
const LEADS_HERE = 'ERR_SELF'
/** For a tombstone that no record decided: any record is newer. */
const NO_SEQ = 0
/** More topics in one report are ignored. */
const MAX_REPORTED_TOPICS = 32
/** Peers that are linked, as far as was reported; no pool has more. */
const MAX_LINKED = 4_096
const RANK: Readonly<Record<BookOrigin, number>> = { heard: 0, import: 1, link: 2, hand: 3 }

export class Book {
  readonly ledger: Ledger
  readonly removed: Tombstones
  readonly dropped: Tombstones
  readonly #linked = new Set<PeerId>()
  /** When a link began or ended last. */
  #linkedAt = Number.NEGATIVE_INFINITY

  constructor({ onChange, ...options }: BookOptions) {
    this.ledger = new Ledger({ ...options, onChange: ({ key }) => onChange(`p/${key}`) })
    this.removed = new Tombstones((name) => onChange(`r/${name}`))
    this.dropped = new Tombstones((name) => onChange(`d/${name}`))
  }

  totals(now: number): BookTotals {
    this.removed.expire(now)
    this.dropped.expire(now)
    const all = this.ledger.values()
    return {
      peers: all.length,
      addresses: all.reduce((sum, { places }) => sum + places.size, 0),
      proven: all.filter(isProven).length,
      tombstones: this.removed.size + this.dropped.size,
      bytes: all.reduce((sum, entry) => sum + bytesOf(entry), 0),
    }
  }

  /** By hand: lifts what `remove` did. */
  save({ record, ...given }: Given, now: number): void {
    for (const { peer, addresses } of byPeer(given)) {
      const entry = this.#enter({ peer, origin: 'hand', sourceGroup: 'hand' }, addresses, now)
      if (peer !== null) this.removed.raise(peer)
      for (const address of addresses) {
        const name = placeOf(address)
        this.removed.raise(name)
        this.dropped.raise(dropName(peer, name))
        this.#place(entry, address, { now, byHand: true })
      }
      if (record) this.#applyRecord(entry, record, now)
      this.ledger.put(entry, now)
    }
  }

  /** Hearsay, or an import; false if nothing of it may enter. What is signed counts more than what is said beside it. */
  hear({ topic, ...report }: HeardReport, origin: 'heard' | 'import', now: number): boolean {
    const { peer, record, referrer = null } = report
    if (record && record.peer !== peer) return false
    const sourceGroup = origin === 'import' ? origin : this.#groupOfPeer(referrer)
    let took = false
    for (const { peer: owner, addresses } of byPeer({ peer, addresses: record ? [] : report.addresses })) {
      if (owner !== null && this.removed.get(owner, now)) continue
      const entry = this.#enter({ peer: owner, origin, introducer: referrer, sourceGroup }, addresses, now)
      for (const address of addresses) {
        if (!this.#isBuried(owner, placeOf(address), now)) addPlace(entry, address, { now, displace: false })
      }
      if (record) this.#applyRecord(entry, record, now)
      if (topic) addTopic(entry, topic)
      if (this.ledger.put(entry, now)) took = true
    }
    return took
  }

  linked({ peer, address, initiator = true, record, rttMs, topics = [] }: LinkedReport, now: number): void {
    this.#linkedAt = now
    if (this.#linked.size < MAX_LINKED) this.#linked.add(peer)
    const dialled = initiator ? address : null
    if (this.removed.get(peer, now) || (dialled && this.removed.get(placeOf(dialled), now))) return
    const sourceGroup = address ? networkGroup(address) : peer
    const entry = this.#enter({ peer, origin: 'link', sourceGroup }, [], now)
    entry.lastSeen = now
    if (dialled) this.#prove(entry, dialled, { now, rttMs })
    if (record?.peer === peer) this.#applyRecord(entry, record, now)
    for (const topic of topics.slice(0, MAX_REPORTED_TOPICS)) addTopic(entry, topic)
    this.ledger.put(entry, now)
  }

  unlinked(peer: PeerId, now: number): void {
    this.#linkedAt = now
    this.#linked.delete(peer)
    const entry = this.ledger.get(peer)
    if (!entry) return
    entry.lastSeen = now
    this.ledger.put(entry, now)
  }

  failed({ peer = null, address, code = '' }: FailedReport, now: number): void {
    if (NOT_ITS_FAULT.has(code)) return
    const owner = peer ?? address?.peer ?? null
    const name = address ? placeOf(address) : null
    const entries = owner === null ? this.ledger.at(name ?? '') : [this.ledger.get(owner)]
    // An address that is known alone has failed too when somebody was expected there.
    const alone = name !== null && owner !== null ? [this.ledger.get(name)] : []
    for (const entry of [...entries, ...alone]) if (entry) this.#fail(entry, name, { code, now })
  }

  /** Forgets a peer with its addresses, or an address; true if there was anything. */
  remove({ peer, place }: { peer: PeerId | null; place: string | null }, now: number): boolean {
    const stone = { at: now, seq: NO_SEQ }
    if (peer !== null) {
      const entry = this.ledger.get(peer)
      for (const name of [peer, ...(entry?.places.keys() ?? [])]) this.removed.bury(name, stone)
      if (entry) this.ledger.delete(entry)
      return entry !== null
    }
    if (place === null) return false
    this.removed.bury(place, stone)
    const entries = this.ledger.at(place)
    for (const entry of entries) {
      entry.places.delete(place)
      this.ledger.put(entry, now)
    }
    return entries.length > 0
  }

  /** The entry that is known, or a draft that is in the book when it is put there. */
  #enter(
    by: Pick<Entry, 'peer' | 'origin' | 'sourceGroup'> & { readonly introducer?: PeerId | null },
    addresses: readonly Address[],
    now: number,
  ): Entry {
    const [address] = addresses
    const key = by.peer ?? (address ? placeOf(address) : '')
    const known = this.ledger.get(key)
    if (known) {
      if (RANK[by.origin] > RANK[known.origin]) known.origin = by.origin
      return known
    }
    const lastSeen = by.origin === 'link' ? now : null
    return { introducer: null, ...by, key, record: null, places: new Map(), topics: new Set(), lastSeen }
  }

  #place(entry: Entry, address: Address, { now, ...marks }: { now: number } & Partial<Place>): void {
    const place = addPlace(entry, address, { now, displace: true })
    if (place) Object.assign(place, marks)
  }

  #prove(entry: Entry, address: Address, { now, rttMs }: { now: number; rttMs: number | undefined }): void {
    const name = placeOf(address)
    this.dropped.raise(dropName(entry.peer, name))
    const place = addPlace(entry, address, { now, displace: true })
    if (!place) return
    const alone = name === entry.key ? null : this.ledger.get(name)
    if (alone) this.#adopt(alone, entry, place)
    noteSuccess(place.stats, now)
    if (rttMs !== undefined) noteRtt(place.stats, rttMs)
  }

  /** Who answers at an address that stood alone is now known. */
  #adopt(alone: Entry, entry: Entry, place: Place): void {
    const own = alone.places.get(alone.key)
    if (own?.byHand) place.byHand = true
    if (own && place.stats.lastTried === null) Object.assign(place.stats, own.stats)
    if (RANK[alone.origin] > RANK[entry.origin]) entry.origin = alone.origin
    for (const topic of alone.topics) addTopic(entry, topic)
    this.ledger.delete(alone)
  }

  #applyRecord(entry: Entry, record: AddressRecord, now: number): void {
    if (entry.record && record.seq <= entry.record.seq) return
    const listed = new Set(record.addresses.map(placeOf))
    for (const [name, place] of entry.places) {
      if (!place.listed || listed.has(name)) continue
      place.listed = false
      if (!place.byHand) this.#drop(entry, name, { at: now, seq: record.seq })
    }
    entry.record = record
    for (const address of record.addresses) {
      const name = placeOf(address)
      if (!this.#isBuried(entry.peer, name, now, record.seq)) this.#place(entry, address, { now, listed: true })
    }
  }

  #fail(entry: Entry, name: string | null, { code, now }: { readonly code: string; readonly now: number }): void {
    for (const [place, own] of entry.places) {
      if (name !== null && place !== name) continue
      noteFailure(own.stats, now)
      if (code !== LEADS_HERE && !this.#isDead(own, now)) continue
      this.#drop(entry, place, { at: now, seq: entry.record?.seq ?? NO_SEQ })
    }
    this.ledger.put(entry, now)
  }

  #isDead({ stats, byHand }: Place, now: number): boolean {
    const { failures, ms } = stats.lastSeen === null && !byHand ? PURGE_HEARSAY : PURGE_PROVEN
    const since = stats.failingSince ?? now
    // While nobody at all is reached it is our own network that is down, and the book is what brings us back.
    const othersAnswer = this.#linked.size > 0 || this.#linkedAt >= since
    return stats.consecutiveFailures >= failures && now - since >= ms && othersAnswer
  }

  #drop(entry: Entry, name: string, stone: { readonly at: number; readonly seq: number }): void {
    this.dropped.bury(dropName(entry.peer, name), stone)
    entry.places.delete(name)
  }

  /** True if the address was removed, or dropped for a reason that `seq` does not overrule. */
  #isBuried(peer: PeerId | null, name: string, now: number, seq = -1): boolean {
    if (this.removed.get(name, now)) return true
    const stone = this.dropped.get(dropName(peer, name), now)
    return stone !== null && stone.seq >= seq
  }

  #groupOfPeer(peer: PeerId | null): string {
    const entry = peer === null ? null : this.ledger.get(peer)
    return entry ? groupOf(entry) : (peer ?? 'found')
  }
}

/** One part for each peer that is named; of a named peer, what expects somebody else at an address is left out. */
function* byPeer({ peer, addresses }: Given): Generator<Pick<Given, 'peer' | 'addresses'>> {
  if (peer !== null) yield { peer, addresses: addresses.filter((each) => each.peer === null || each.peer === peer) }
  else for (const address of addresses) yield { peer: address.peer, addresses: [address] }
}

function dropName(peer: PeerId | null, place: string): string {
  return peer === null ? place : `${peer} ${place}`
}
