// Every accepted record in the order it came, bounded by messages and bytes: the oldest go first. Peers are positions in
// this log, so a slow peer costs a number, not a queue.

import type { PeerId, SignedRecord } from '@hearsay/core'
import type { PeerHandle } from './engine.js'

/** A place of which records come: one object for all of its arrivals, so that a neighbour can be asked about it cheaply. */
export interface Source {
  readonly author: PeerId
  readonly epoch: number
}

/** A record as it came. */
export interface Arrival {
  readonly record: SignedRecord
  /** Links it had crossed when it came; 0 for own records. */
  readonly hops: number
  /** When it came, on the driver's monotonic clock. */
  readonly at: number
  /** Who handed it over first; null for own records. */
  readonly via: PeerHandle | null
  readonly source: Source
  /** The number after the record's last one. */
  readonly end: number
}

/** The positions of arrivals are consecutive and never reused. */
export class ArrivalLog {
  #entries: (Arrival | undefined)[] = []
  /** `#entries[#offset]` is the oldest; what lies before it is gone. */
  #offset = 0
  readonly #places = new Map<string, number>()
  readonly #sources = new Map<string, { readonly source: Source; count: number }>()
  readonly #bounds: { readonly messages: number; readonly bytes: number }
  #oldest = 0
  #next = 0
  #messages = 0
  #bytes = 0

  constructor(bounds: { readonly messages: number; readonly bytes: number }) {
    this.#bounds = bounds
  }

  /** The lowest position that is still held. */
  get oldest(): number {
    return this.#oldest
  }

  /** The position of the next arrival. */
  get next(): number {
    return this.#next
  }

  at(position: number): Arrival | undefined {
    return this.#entries[position - this.#oldest + this.#offset]
  }

  /** The record that begins at this place, if it is still held. */
  find(author: PeerId, epoch: number, firstSeq: number): SignedRecord | undefined {
    const position = this.#places.get(placeOf(author, epoch, firstSeq))
    return position === undefined ? undefined : this.at(position)?.record
  }

  /** The position from which on so many messages, or as many as there are, came by that time. */
  lastBefore(time: number, messages: number): number {
    let from = this.#next
    for (let left = messages, at = this.#next - 1; at >= this.#oldest && left > 0; at--) {
      const arrival = this.at(at)
      if (!arrival || arrival.at > time) continue
      left -= arrival.record.header.count
      from = at
    }
    return from
  }

  /** Appends, and answers what had to go for it. The newest is kept even if it exceeds the bounds alone. */
  append(arrival: Omit<Arrival, 'source' | 'end'>): readonly Arrival[] {
    const { record, hops, at, via } = arrival
    const { header, block } = record
    const source = this.#claimSource(header)
    // Spelt out: a copy by spread is read ten times slower (V8 12), and each peer that comes reads all of them.
    this.#entries.push({ record, hops, at, via, source, end: header.firstSeq + header.count })
    this.#places.set(placeOf(header.author, header.epoch, header.firstSeq), this.#next)
    this.#next++
    this.#messages += header.count
    this.#bytes += block.byteLength
    const evicted: Arrival[] = []
    while (this.#isOver() && this.#oldest < this.#next - 1) evicted.push(this.#evict())
    return evicted
  }

  #isOver(): boolean {
    return this.#messages > this.#bounds.messages || this.#bytes > this.#bounds.bytes
  }

  #evict(): Arrival {
    const arrival = this.#entries[this.#offset] as Arrival
    const { header, block } = arrival.record
    this.#entries[this.#offset++] = undefined
    this.#oldest++
    // Moving the rest only once half the array is dead keeps eviction constant on average.
    if (this.#offset >= 1_024 && this.#offset * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#offset)
      this.#offset = 0
    }
    this.#places.delete(placeOf(header.author, header.epoch, header.firstSeq))
    this.#releaseSource(header)
    this.#messages -= header.count
    this.#bytes -= block.byteLength
    return arrival
  }

  #claimSource({ author, epoch }: Source): Source {
    const key = `${author} ${epoch}`
    const known = this.#sources.get(key) ?? { source: { author, epoch }, count: 0 }
    known.count++
    this.#sources.set(key, known)
    return known.source
  }

  #releaseSource({ author, epoch }: Source): void {
    const key = `${author} ${epoch}`
    const known = this.#sources.get(key)
    if (known && --known.count === 0) this.#sources.delete(key)
  }
}

function placeOf(author: PeerId, epoch: number, firstSeq: number): string {
  return `${author} ${epoch} ${firstSeq}`
}
