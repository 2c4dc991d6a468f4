// Every accepted record in the order it came, bounded by messages and bytes: the oldest go first. Peers are positions in
// this log, so a slow peer costs a number, not a queue.

import type { PeerId, SignedRecord } from '@hearsay/core'
import type { PeerHandle } from './engine.js'

/** A record as it came. */
export interface Arrival {
  readonly record: SignedRecord
  /** Links it had crossed when it came; 0 for own records. */
  readonly hops: number
  /** When it came, on the driver's monotonic clock. */
  readonly at: number
  /** Who handed it over first; null for own records. */
  readonly via: PeerHandle | null
}

/** The positions of arrivals are consecutive and never reused. */
export class ArrivalLog {
  readonly #entries = new Map<number, Arrival>()
  readonly #places = new Map<string, number>()
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
    return this.#entries.get(position)
  }

  /** The record that begins at this place, if it is still held. */
  find(author: PeerId, epoch: number, firstSeq: number): SignedRecord | undefined {
    const position = this.#places.get(placeOf(author, epoch, firstSeq))
    return position === undefined ? undefined : this.#entries.get(position)?.record
  }

  /** Appends, and answers what had to go for it. The newest is kept even if it exceeds the bounds alone. */
  append(arrival: Arrival): readonly Arrival[] {
    const { header, block } = arrival.record
    this.#entries.set(this.#next, arrival)
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
    const arrival = this.#entries.get(this.#oldest) as Arrival
    const { header, block } = arrival.record
    this.#entries.delete(this.#oldest++)
    this.#places.delete(placeOf(header.author, header.epoch, header.firstSeq))
    this.#messages -= header.count
    this.#bytes -= block.byteLength
    return arrival
  }
}

function placeOf(author: PeerId, epoch: number, firstSeq: number): string {
  return `${author} ${epoch} ${firstSeq}`
}
