// Whether the room may have fallen apart: many peers that went at once without a word are not many who left. Which of them
// crashed and which are in another part cannot be told before they are back.

import type { CloseReason, Link, PeerId } from '@hearsay/core'

/** What `split` and `healed` tell. */
export interface Split {
  /** Peers that went without a word and are not back. */
  readonly lost: readonly PeerId[]
}

/** Links to the other part break one after another, as each notices the silence. */
const WINDOW_MS = 30_000
/** One that is gone has crashed. */
const LEAST = 2
/** Of a split that lasts those that were lost first are forgotten: who comes and goes under new names costs no more. */
const MAX_LOST = 1_024

interface Loss {
  readonly at: number
  /** How many peers there were just before. */
  readonly peers: number
}

/** Neighbours that a room may find in place of some before it notices that others are gone too. */
const FOUND_MEANWHILE = 2

export class SplitWatch {
  /** Those that went and are not back, in this order. */
  readonly #lost = new Map<PeerId, Loss>()
  #isSplit = false

  get lost(): readonly PeerId[] {
    return [...this.#lost.keys()]
  }

  /**
   * A peer went without a word; true if by now as many are gone as are left, or as are left of those that were here when the first
   * of them went: a room finds others in their place within seconds, and all of them in its own part.
   */
  onLost(peer: PeerId, left: number, now: number): boolean {
    if (!this.#isSplit) this.#forget(now)
    this.#lost.delete(peer)
    this.#lost.set(peer, { at: now, peers: left + 1 })
    const [oldest] = this.#lost.keys()
    if (this.#lost.size > MAX_LOST && oldest) this.#lost.delete(oldest)
    const gone = this.#lost.size
    if (this.#isSplit || gone < LEAST || gone < Math.min(left, this.#were() - gone)) return false
    this.#isSplit = true
    return true
  }

  /** A peer is here; true if it is the first of another part. */
  onBack(peer: PeerId): boolean {
    if (!this.#lost.delete(peer) || !this.#isSplit) return false
    this.#isSplit = false
    return true
  }

  /** How many peers were here when the first of them went; or later, of a room that grows rather than makes up for its losses. */
  #were(): number {
    const [first] = this.#lost.values()
    let were = first?.peers ?? 0
    for (const { peers } of this.#lost.values()) were = Math.max(were, peers - FOUND_MEANWHILE)
    return were
  }

  #forget(now: number): void {
    for (const [peer, { at }] of this.#lost) {
      if (now - at < WINDOW_MS) return
      this.#lost.delete(peer)
    }
  }
}

/** Why the links end of peers that are in the room: one listener for each, however often a peer comes and goes. */
export class LinkWatch {
  readonly #onEnd: (peer: PeerId, reason: CloseReason) => void
  readonly #stops = new Map<PeerId, () => void>()

  constructor(onEnd: (peer: PeerId, reason: CloseReason) => void) {
    this.#onEnd = onEnd
  }

  watch(peer: PeerId, link: Link): void {
    this.#stops.get(peer)?.()
    this.#stops.set(
      peer,
      link.once('close', (reason) => this.#onEnd(peer, reason)),
    )
  }

  /** The peer is in the room no more. When its link ends its channels end first: only one that lives on is let be. */
  leave(peer: PeerId): void {
    const stop = this.#stops.get(peer)
    this.#stops.delete(peer)
    if (stop) queueMicrotask(stop)
  }
}
