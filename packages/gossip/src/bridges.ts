// Bridges: what one neighbour had heard of an author, and another had not, when they came. A node that follows the author has it
// too and sends it on; one that came later does not follow it, and fetches what lies between for the one who lacks it. The last
// words of an author that is gone would else stay with those who heard them, if they are linked to others by newcomers alone.

import type { Source } from './arrivals.js'
import type { PeerHandle } from './engine.js'
import type { Head } from './frames.js'
import type { Interval } from './intervals.js'

/** How long what is on its way is waited for: an author that goes on is followed by then. */
export const BRIDGE_MS = 1_000
/** More is history, which a newcomer did not ask for. */
export const MAX_BRIDGED = 64

/** A neighbour's word of what it had heard. */
export interface Informed {
  readonly heads: Iterable<Head>
  headOf(source: Source): number | undefined
}

export interface BridgeContext {
  informed(): Iterable<readonly [PeerHandle, Informed]>
  isFollowed(source: Source): boolean
  fetch(source: Source, range: Interval, now: number): void
}

export class Bridges {
  readonly #context: BridgeContext
  readonly #dueAt = new Map<PeerHandle, number>()

  constructor(context: BridgeContext) {
    this.#context = context
  }

  /** When `expire` is next needed; infinity if never. */
  get deadline(): number {
    // The first that came is due first.
    const [first] = this.#dueAt.values()
    return first ?? Number.POSITIVE_INFINITY
  }

  introduced(peer: PeerHandle, now: number): void {
    this.#dueAt.set(peer, now + BRIDGE_MS)
  }

  down(peer: PeerHandle): void {
    this.#dueAt.delete(peer)
  }

  expire(now: number): void {
    for (const [peer, dueAt] of this.#dueAt) {
      if (dueAt > now) return
      this.#dueAt.delete(peer)
      this.#compare(peer, now)
    }
  }

  #compare(peer: PeerHandle, now: number): void {
    const others = new Map(this.#context.informed())
    const one = others.get(peer)
    others.delete(peer)
    for (const head of one?.heads ?? []) {
      if (this.#context.isFollowed(head)) continue
      for (const other of others.values()) {
        const next = other.headOf(head) ?? head.next
        const [from, to] = [Math.min(next, head.next), Math.max(next, head.next)]
        if (from < to && to - from <= MAX_BRIDGED) this.#context.fetch(head, [from, to], now)
      }
    }
  }
}
