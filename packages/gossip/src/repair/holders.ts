// What neighbours promised to have, and how they kept it: whom to ask, how long to wait for the answer, and when to let them
// offer more. All of it is bounded by neighbour.

import type { PeerHandle } from '../engine.js'
import type { Want } from './want.js'

/** Promises of one neighbour that are remembered; the oldest is forgotten. Twice what it may offer before it is told to go on. */
export const MAX_PROMISES = 1_024
/** So many offers at once; then the neighbour waits until half of them are settled. */
export const OFFERS = 512
export const MORE_OFFERS = 256
/** Questions that one neighbour is asked at once. */
const MAX_ASKED = 512
/** One that was not answered for so long never will be. */
const LOST_MS = 30_000
/** An answer is waited for about two round trips, no less than this, and no more: then somebody else is asked too. */
const LEAST_PATIENCE_MS = 20
const MOST_PATIENCE_MS = 250
/** The time in which half of the broken promises is forgiven. */
const FORGIVE_MS = 10_000

/** One neighbour, as one that promises. */
export class Holder {
  readonly peer: PeerHandle
  readonly promises: Map<string, Want> = new Map()
  /** What it was asked and has not answered, with when. */
  readonly asked: Map<string, number> = new Map()
  /** Round trip, learnt from answers. */
  rttMs = 125
  /** When it last sent a record. */
  heardAt: number = Number.NEGATIVE_INFINITY
  #broken = 0
  #brokenAt = 0
  #offered = 0

  constructor(peer: PeerHandle) {
    this.peer = peer
  }

  /** True if it has enough to answer; questions that it must have forgotten do not count. */
  isBusy(now: number): boolean {
    for (const [key, askedAt] of this.asked) {
      if (this.asked.size < MAX_ASKED || askedAt > now - LOST_MS) break
      this.asked.delete(key)
    }
    return this.asked.size >= MAX_ASKED
  }

  /** How long its answer is waited for. */
  get patienceMs(): number {
    return Math.min(Math.max(2 * this.rttMs, LEAST_PATIENCE_MS), MOST_PATIENCE_MS)
  }

  /** Broken promises, the older the less. */
  brokenAt(now: number): number {
    const halvings = Math.floor((now - this.#brokenAt) / FORGIVE_MS)
    return halvings > 30 ? 0 : this.#broken / (1 << Math.max(halvings, 0))
  }

  breaks(now: number): void {
    this.#broken = this.brokenAt(now) + 1
    this.#brokenAt = now
  }

  /** It promises; answers the want that had to be forgotten for it. */
  promise(want: Want): Want | undefined {
    this.promises.set(want.key, want)
    const [oldest] = this.promises
    if (this.promises.size <= MAX_PROMISES || !oldest) return undefined
    this.promises.delete(oldest[0])
    return oldest[1]
  }

  ask(key: string, now: number): void {
    this.asked.set(key, now)
  }

  /** It answered: true if it was asked this. */
  answer(key: string, now: number): boolean {
    const askedAt = this.asked.get(key)
    if (askedAt === undefined) return false
    this.asked.delete(key)
    // Answers that wait behind others tell how much was asked, not how far away the neighbour is.
    if (askedAt > this.heardAt) this.rttMs += (now - askedAt - this.rttMs) / 4
    return true
  }

  offered(count: number): void {
    this.#offered += count
  }

  /** True, once, if it may be told to offer more; `claims`: places of which it holds runs that are not here yet. */
  takeMore(claims: number): boolean {
    if (this.#offered < MORE_OFFERS || this.promises.size + claims > OFFERS) return false
    this.#offered -= MORE_OFFERS
    return true
  }
}
