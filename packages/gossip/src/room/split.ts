// Whether the room may have fallen apart: many peers that went at once without a word are not many who left. Which of them
// crashed and which are in another part cannot be told before they are back.

import type { PeerId } from '@hearsay/core'

/** What `split` and `healed` tell. */
export interface Split {
  /** Peers that went without a word and are not back. */
  readonly lost: readonly PeerId[]
}

/** Links to the other part break one after another, as each notices the silence. */
const WINDOW_MS = 30_000
/** One that is gone has crashed. */
const LEAST = 2

export class SplitWatch {
  /** When each went that is not back; as many as there were peers within the window. */
  readonly #lost = new Map<PeerId, number>()
  #isSplit = false

  get lost(): readonly PeerId[] {
    return [...this.#lost.keys()]
  }

  /** A peer went without a word; true if by now as many are gone as are left. */
  onLost(peer: PeerId, left: number, now: number): boolean {
    if (!this.#isSplit) this.#forget(now)
    this.#lost.delete(peer)
    this.#lost.set(peer, now)
    if (this.#isSplit || this.#lost.size < LEAST || this.#lost.size < left) return false
    this.#isSplit = true
    return true
  }

  /** A peer is here; true if it is the first of another part. */
  onBack(peer: PeerId): boolean {
    if (!this.#lost.delete(peer) || !this.#isSplit) return false
    this.#isSplit = false
    return true
  }

  #forget(now: number): void {
    for (const [peer, at] of this.#lost) {
      if (now - at < WINDOW_MS) return
      this.#lost.delete(peer)
    }
  }
}
