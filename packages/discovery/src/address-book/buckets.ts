// Who leaves a full book: the worst of the most crowded bucket. In which bucket an entry lies is a hash under a secret of
// this process, so that nobody can aim at the bucket of somebody else.
//
//   class  | bucket by                                                    | leaves
//   -------|--------------------------------------------------------------|----------------------------------------------
//   heard  | network of who brought it, and one of 16 slots by its own    | first
//   proven | network where it was reached                                 | for another of its kind or one given by hand, or
//          |                                                              | when proven ones are over 3/4 of the book
//   hand   | one for all                                                  | for another given by hand
//
// So who tells of a million addresses displaces what the same network told before, and who is a million keys on one network
// displaces itself; neither reaches what this node has proven elsewhere.

import { type Crypto, copyBytes } from '@hearsay/core'
import { type Entry, entryScore, groupOf, isProven } from './entry.js'

type Class = 'heard' | 'proven' | 'hand'

interface Bucket {
  readonly class: Class
  readonly entries: Set<Entry>
}

const BUCKETS = 256
/** Of the 256, at most so many hold what one network brought (Bitcoin's table of new addresses: 64 of 1,024). */
const SLOTS_PER_SOURCE = 16
/** Hearsay is judged among so many of its bucket, those heard of first: a full scan for each would be the attacker's lever. */
const MAX_JUDGED_HEARSAY = 32
const PROVEN_SHARE = 3 / 4
/** Who leaves first. */
const ORDER: readonly Class[] = ['heard', 'proven', 'hand']

export class Buckets {
  readonly #crypto: Crypto
  readonly #secret: Uint8Array
  readonly #buckets = new Map<string, Bucket>()
  readonly #places = new Map<Entry, string>()
  #proven = 0

  /** @param secret 32 random bytes that nobody else knows */
  constructor(crypto: Crypto, secret: Uint8Array) {
    this.#crypto = crypto
    this.#secret = copyBytes(secret)
  }

  /** Puts the entry where it belongs now. */
  put(entry: Entry): void {
    const key = this.#keyOf(entry)
    if (this.#places.get(entry) === key) return
    this.delete(entry)
    const bucket = this.#buckets.get(key) ?? { class: classOf(entry), entries: new Set() }
    bucket.entries.add(entry)
    this.#buckets.set(key, bucket)
    this.#places.set(entry, key)
    if (bucket.class === 'proven') this.#proven += 1
  }

  delete(entry: Entry): void {
    const key = this.#places.get(entry)
    const bucket = key === undefined ? undefined : this.#buckets.get(key)
    if (key === undefined || !bucket) return
    this.#places.delete(entry)
    bucket.entries.delete(entry)
    if (bucket.entries.size === 0) this.#buckets.delete(key)
    if (bucket.class === 'proven') this.#proven -= 1
  }

  /** Who is to leave a book of `max` entries for a newcomer; null if the newcomer is worth less than all. */
  worst({ newcomer, max, now }: { newcomer: Entry; max: number; now: number }): Entry | null {
    const crowdedByProven = this.#mostCrowded('proven')
    if (crowdedByProven && this.#proven > max * PROVEN_SHARE) return worstOf(crowdedByProven, now)
    const rank = ORDER.indexOf(classOf(newcomer))
    for (const kind of ORDER.slice(0, rank + 1)) {
      const bucket = this.#mostCrowded(kind)
      if (bucket) return worstOf(bucket, now)
    }
    return null
  }

  #mostCrowded(kind: Class): Bucket | null {
    let most: Bucket | null = null
    for (const bucket of this.#buckets.values()) {
      if (bucket.class === kind && bucket.entries.size > (most?.entries.size ?? 0)) most = bucket
    }
    return most
  }

  #keyOf(entry: Entry): string {
    const kind = classOf(entry)
    if (kind === 'hand') return kind
    const group = groupOf(entry)
    if (kind === 'proven') return `${kind} ${this.#hash([kind, group], BUCKETS)}`
    const slot = this.#hash(['slot', entry.sourceGroup, group], SLOTS_PER_SOURCE)
    return `${kind} ${this.#hash([kind, entry.sourceGroup, String(slot)], BUCKETS)}`
  }

  #hash(parts: readonly string[], limit: number): number {
    // Groups hold no spaces, so joined parts cannot be confused.
    const hash = this.#crypto.hash([new TextEncoder().encode(parts.join(' '))], this.#secret)
    return ((hash[0] ?? 0) * 256 + (hash[1] ?? 0)) % limit
  }
}

function classOf(entry: Entry): Class {
  if (entry.origin === 'hand') return 'hand'
  return isProven(entry) ? 'proven' : 'heard'
}

function worstOf(bucket: Bucket, now: number): Entry | null {
  let worst: Entry | null = null
  let lowest = Number.POSITIVE_INFINITY
  let judged = 0
  for (const entry of bucket.entries) {
    const score = entryScore(entry, now)
    if (score < lowest) {
      lowest = score
      worst = entry
    }
    if (bucket.class === 'heard' && ++judged >= MAX_JUDGED_HEARSAY) break
  }
  return worst
}
