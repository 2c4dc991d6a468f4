// Whose records are followed: one sequence for each (author, epoch), within bounds that a crowd of invented authors or
// epochs cannot push. Of those heard longest ago only the end is remembered; when that is too much too, new ones are refused.

import { type Crypto, fromPeerId, type PeerId } from '@hearsay/core'
import { type Head, MAX_HEADS } from '../frames/frames.js'
import { type Account, countOf } from '../machine/accounts.js'
import { Counters, type PlaceHash } from './counters.js'
import type { Interval } from './intervals.js'
import { FORKED, Sequence } from './sequence.js'

/** Authors whose messages a room takes. */
export type Members = ReadonlySet<PeerId>

export interface AuthorsOptions {
  readonly maxEpochs: number
  readonly maxEpochsPerAuthor: number
  readonly maxCounters: number
  /** The only authors that are followed; null: everybody. */
  readonly members: Members | null
  readonly crypto: Pick<Crypto, 'hash'>
  /** Called when a place is no longer followed. */
  readonly forgotten: (place: { readonly author: PeerId; readonly epoch: number }) => void
}

interface Author {
  readonly epochs: Map<number, Sequence>
  /** Epochs up to here were forgotten and are not heard again. */
  floor: number
}

/** Authors that are looked at for one that nothing waits for. */
const MAX_LOOKS = 16
/** Stands for an epoch where the floor of an author is remembered: no epoch is that high. */
const FLOOR = 2 ** 53

export class Authors {
  /** The one heard longest ago first. */
  readonly #authors = new Map<PeerId, Author>()
  /** The most recently active ones, the last one last: what `heads` needs, without a look at all the others. */
  readonly #recent = new Set<PeerId>()
  readonly #options: AuthorsOptions
  readonly #counters: Counters
  #size = 0

  constructor(options: AuthorsOptions) {
    this.#options = options
    this.#counters = new Counters(options.maxCounters)
  }

  get accounts(): { readonly places: Account; readonly ends: Account } {
    const { maxEpochs, maxCounters } = this.#options
    return { places: countOf(this.#size, maxEpochs), ends: countOf(this.#counters.size, maxCounters) }
  }

  isMember(author: PeerId): boolean {
    const { members } = this.#options
    return members === null || members.has(author)
  }

  find(author: PeerId, epoch: number): Sequence | undefined {
    return this.#authors.get(author)?.epochs.get(epoch)
  }

  /** True if something of this place was heard, or waits to be: also if only its end is remembered. */
  isFollowed(author: PeerId, epoch: number): boolean {
    return this.find(author, epoch)?.isFollowed ?? this.#endOf(author, epoch) !== null
  }

  /** From where on the author is known to have said two things; null if it is not. */
  frozenAt(author: PeerId, epoch: number): number | null {
    const sequence = this.find(author, epoch)
    if (sequence) return sequence.frozenAt
    return this.#endOf(author, epoch) === FORKED ? 0 : null
  }

  /** True if a record was accepted for any number of the range, as far as is known. */
  isKnown(author: PeerId, epoch: number, [from, to]: readonly [number, number]): boolean {
    const sequence = this.find(author, epoch)
    if (sequence) return sequence.isKnown(from, to)
    return this.#counters.size > 0 && from < (this.#counters.get(this.#hashOf(author, epoch)) ?? 0)
  }

  /** The lowest stretch of the range of which nothing was accepted and anything may be; null if there is none. */
  missingIn(author: PeerId, epoch: number, range: Interval): Interval | null {
    if (!this.admits(author, epoch)) return null
    const sequence = this.find(author, epoch)
    if (sequence) return sequence.missingIn(range)
    const from = Math.max(range[0], this.#endOf(author, epoch) ?? 0)
    return from < range[1] ? [from, range[1]] : null
  }

  /** True if a sequence for this place exists or may be begun. */
  admits(author: PeerId, epoch: number): boolean {
    if (!this.isMember(author)) return false
    const known = this.#authors.get(author)
    if (known?.epochs.has(epoch)) return true
    if (epoch <= (known?.floor ?? this.#floorOf(author))) return false
    const { maxEpochs, maxEpochsPerAuthor } = this.#options
    return (
      this.#size < maxEpochs || (known && known.epochs.size >= maxEpochsPerAuthor) || this.#idle(author) !== undefined
    )
  }

  /** The sequence of a place that is admitted, begun if need be. */
  open(author: PeerId, epoch: number): Sequence {
    const known = this.#authors.get(author) ?? { epochs: new Map<number, Sequence>(), floor: this.#floorOf(author) }
    this.#authors.set(author, known)
    const found = known.epochs.get(epoch)
    if (found) return found
    if (this.#size >= this.#options.maxEpochs) this.#forgetIdle(author)
    const sequence = new Sequence(this.#endOf(author, epoch))
    known.epochs.set(epoch, sequence)
    this.#size++
    if (known.epochs.size > this.#options.maxEpochsPerAuthor) this.#forgetLowest(author, known)
    return sequence
  }

  /** Marks the place as just active, so that `heads` tells it first, and it is forgotten last. */
  touch(author: PeerId): void {
    const known = this.#authors.get(author)
    if (known) {
      this.#authors.delete(author)
      this.#authors.set(author, known)
    }
    this.#recent.delete(author)
    this.#recent.add(author)
    const [oldest] = this.#recent
    if (this.#recent.size > MAX_HEADS && oldest !== undefined) this.#recent.delete(oldest)
  }

  /** Up to `MAX_HEADS` heads, of the most recently active authors first. */
  heads(): Head[] {
    const heads: Head[] = []
    for (const author of [...this.#recent].reverse()) {
      for (const [epoch, { next }] of this.#authors.get(author)?.epochs ?? []) {
        if (heads.length === MAX_HEADS) return heads
        if (next !== null) heads.push({ author, epoch, next })
      }
    }
    return heads
  }

  #forgetLowest(author: PeerId, known: Author): void {
    known.floor = Math.min(...known.epochs.keys())
    known.epochs.delete(known.floor)
    this.#size--
    this.#options.forgotten({ author, epoch: known.floor })
  }

  /** One of those heard longest ago of whom nothing waits, and whose end can be remembered. */
  #idle(except: PeerId): PeerId | undefined {
    if (!this.#counters.hasRoom) return undefined
    let looks = 0
    for (const [author, { epochs, floor }] of this.#authors) {
      if (looks++ === MAX_LOOKS) return undefined
      // All that there is to remember of it, or what is left out could be delivered twice.
      const isRoom = this.#counters.hasRoomFor(epochs.size + (floor >= 0 ? 1 : 0))
      if (author !== except && isRoom && [...epochs.values()].every(({ isIdle }) => isIdle)) return author
    }
    return undefined
  }

  /** Of one author only the ends stay. */
  #forgetIdle(except: PeerId): void {
    const author = this.#idle(except)
    const known = author === undefined ? undefined : this.#authors.get(author)
    if (author === undefined || !known) return
    for (const [epoch, { end }] of known.epochs) {
      if (end !== null) this.#counters.set(this.#hashOf(author, epoch), end)
      this.#options.forgotten({ author, epoch })
    }
    if (known.floor >= 0) this.#counters.set(this.#hashOf(author, FLOOR), known.floor)
    this.#size -= known.epochs.size
    this.#authors.delete(author)
    this.#recent.delete(author)
  }

  #endOf(author: PeerId, epoch: number): number | null {
    return this.#counters.size === 0 ? null : (this.#counters.get(this.#hashOf(author, epoch)) ?? null)
  }

  #floorOf(author: PeerId): number {
    return this.#counters.size === 0 ? -1 : (this.#counters.get(this.#hashOf(author, FLOOR)) ?? -1)
  }

  #hashOf(author: PeerId, epoch: number): PlaceHash {
    const place = new Uint8Array(8)
    new DataView(place.buffer).setFloat64(0, epoch, true)
    const hash = this.#options.crypto.hash([fromPeerId(author), place])
    const view = new DataView(hash.buffer, hash.byteOffset, 8)
    return [view.getUint32(0, true), view.getUint32(4, true)]
  }
}
