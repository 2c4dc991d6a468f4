// Which of this node's own messages each peer has confirmed. Of those that the history holds it is known exactly, at a bit for
// each message and peer, however many holes there are; of older ones the latest runs of each peer are remembered.

import type { PeerId } from '@hearsay/core'
import { IntervalSet } from '../order/intervals.js'

/** Peers whose confirmations are remembered; the one that confirmed longest ago goes first. */
const MAX_PEERS = 1_024
/** Messages whose bits lie together. */
const PAGE = 1_024
/** Runs of one peer that are remembered without bits: of messages that went, and so that what it says again costs nothing. */
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

  /** The peer has handed [from, to) to its room; answers from where on that may be new. */
  add(peer: PeerId, from: number, to: number): number {
    const confirmed = this.#peers.get(peer) ?? { runs: new IntervalSet(MAX_RUNS, 'forget'), bits: new Map() }
    const fresh = confirmed.runs.containing(from)?.[1] ?? from
    this.#peers.delete(peer)
    this.#peers.set(peer, confirmed)
    confirmed.runs.add(from, to)
    for (let seq = Math.max(fresh, this.#firstPage * PAGE); seq < to; seq++) this.#mark(confirmed, seq)
    const [oldest] = this.#peers.keys()
    if (this.#peers.size > MAX_PEERS && oldest) this.#forget(oldest)
    return fresh
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

  #mark({ bits }: Confirmed, seq: number): void {
    const [page, at] = [Math.floor(seq / PAGE), seq % PAGE]
    const own = bits.get(page) ?? new Uint8Array(PAGE / 8)
    const bit = 1 << (at & 7)
    const byte = own[at >> 3] ?? 0
    if ((byte & bit) !== 0) return
    own[at >> 3] = byte | bit
    bits.set(page, own)
    this.#change(page, at, 1)
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
