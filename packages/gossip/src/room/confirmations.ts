// Which of this node's own messages each peer has confirmed. Of those that the history holds it is known exactly, at a bit for
// each message and peer, however many holes there are; of older ones the latest runs of each peer are remembered.

import type { PeerId } from '@hearsay/core'
import { type Interval, IntervalSet } from '../order/intervals.js'

/** Peers whose confirmations are remembered; the one that confirmed longest ago goes first. */
const MAX_PEERS = 1_024
/** Messages whose bits lie together. */
const PAGE = 1_024
/** The one page of all that are confirmed to the last bit, which what a peer says again walks over. Never written to. */
const FULL: Uint8Array = new Uint8Array(PAGE / 8).fill(0xff)
/** Runs of one peer that are remembered without bits, for messages that left the history; the lowest goes first. */
const MAX_RUNS = 64

interface Confirmed {
  readonly runs: IntervalSet
  /** By page, a bit for each message. */
  readonly bits: Map<number, Uint8Array>
}

export class Confirmations {
  readonly #peers = new Map<PeerId, Confirmed>()
  /** By page: how many peers have confirmed each message. */
  readonly #counts = new Map<number, Uint16Array>()
  /** The first page of which there are bits. */
  #firstPage = 0

  /** The peer has handed [from, to) to its room; answers between which numbers there are any that are new, null if none is. */
  add(peer: PeerId, from: number, to: number): Interval | null {
    const { runs, bits } = this.#touch(peer)
    const fresh = runs.containing(from)?.[1] ?? from
    if (fresh >= to) return null
    runs.add(from, to)
    const held = Math.max(fresh, this.#firstPage * PAGE)
    const marked = this.#markAll(bits, held, to)
    // Of what left the history nothing is new that is not remembered either.
    const left = Math.min(held, to)
    return runs.covers(fresh, left) && fresh < left ? [fresh, marked?.[1] ?? left] : marked
  }

  /** How many peers have confirmed the message. */
  count(seq: number): number {
    const page = Math.floor(seq / PAGE)
    if (page >= this.#firstPage) return this.#counts.get(page)?.[seq % PAGE] ?? 0
    let count = 0
    for (const { runs } of this.#peers.values()) if (runs.covers(seq, seq + 1)) count++
    return count
  }

  /** What is below is in the history no longer. */
  dropped(to: number): void {
    for (; (this.#firstPage + 1) * PAGE <= to; this.#firstPage++) {
      this.#counts.delete(this.#firstPage)
      for (const { bits } of this.#peers.values()) bits.delete(this.#firstPage)
    }
  }

  /** What is known of the peer, which is the last now that confirmed anything. */
  #touch(peer: PeerId): Confirmed {
    const confirmed = this.#peers.get(peer) ?? { runs: new IntervalSet(MAX_RUNS, 'forget'), bits: new Map() }
    this.#peers.delete(peer)
    this.#peers.set(peer, confirmed)
    const [oldest] = this.#peers.keys()
    if (this.#peers.size > MAX_PEERS && oldest) this.#forget(oldest)
    return confirmed
  }

  /** Answers between which numbers there were any that had no bit. */
  #markAll(bits: Confirmed['bits'], from: number, to: number): Interval | null {
    let marked: Interval | null = null
    for (let page = Math.floor(from / PAGE); page * PAGE < to; page++) {
      const own = bits.get(page) ?? new Uint8Array(PAGE / 8)
      if (own === FULL) continue
      const [first, end] = [page * PAGE, Math.min(to - page * PAGE, PAGE)]
      for (let at = Math.max(from - first, 0); at < end; at++) {
        // A whole byte at a time.
        if (own[at >> 3] === 0xff) at |= 7
        else if (this.#mark(own, page, at)) marked = [marked?.[0] ?? first + at, first + at + 1]
      }
      bits.set(page, own.every((byte) => byte === 0xff) ? FULL : own)
    }
    return marked
  }

  /** True if it had no bit. */
  #mark(own: Uint8Array, page: number, at: number): boolean {
    const [bit, byte] = [1 << (at & 7), own[at >> 3] ?? 0]
    if ((byte & bit) !== 0) return false
    own[at >> 3] = byte | bit
    this.#change(page, at, 1)
    return true
  }

  #forget(peer: PeerId): void {
    for (const [page, own] of this.#peers.get(peer)?.bits ?? []) {
      for (let at = 0; at < PAGE; at++) if (((own[at >> 3] ?? 0) & (1 << (at & 7))) !== 0) this.#change(page, at, -1)
    }
    this.#peers.delete(peer)
  }

  #change(page: number, at: number, by: 1 | -1): void {
    const counts = this.#counts.get(page) ?? new Uint16Array(PAGE)
    counts[at] = (counts[at] ?? 0) + by
    this.#counts.set(page, counts)
  }
}
