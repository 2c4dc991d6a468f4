// Whether one more candidate may be dialled now: links, streams and dials that are there already, and how often a node may
// come back to peers that were busy. It counts and decides; it dials nobody.

import { isByHand, type Target } from './book.js'
import type { Dialler } from './dialler.js'
import type { PoolLimits } from './options.js'
import type { Peers } from './peers.js'
import type { Sockets } from './sockets.js'

export interface RoomOptions {
  readonly limits: PoolLimits
  readonly peers: Peers
  readonly sockets: Sockets
  readonly dialler: Dialler
}

/** Candidates that do not answer may be waited for in so many times the concurrency. */
const MAX_WAITING = 8
/** In a full network everybody is busy: a node asks again so often within a minute, whatever it has heard of. */
const MAX_REDIALS = 2
const REDIAL_WINDOW_MS = 60_000

export class Room {
  readonly #options: RoomOptions
  /** When busy peers were dialled again; within one window. */
  #redials: number[] = []

  constructor(options: RoomOptions) {
    this.#options = options
  }

  /** True if the target may be dialled now. */
  isOpenTo(target: Target, now: number): boolean {
    return this.whyNot(target, now) === null
  }

  /** The limit that keeps the target from being dialled; null if none does. */
  whyNot(target: Target, now: number): 'maxLinks' | 'maxClientSockets' | 'dialConcurrency' | 'reservePercent' | null {
    const { limits, peers, sockets, dialler } = this.#options
    const begun = this.#begun(now).length
    // Those that have not answered for a while are likely dead, and hold nobody up; too many links never come of it, as
    // each is counted again when it has proved who is there.
    const taken = peers.size + begun
    if (taken >= limits.maxLinks) return 'maxLinks'
    if (!sockets.hasClientRoom()) return 'maxClientSockets'
    const reserved = Math.floor((limits.maxLinks * limits.reservePercent) / 100)
    if (!isByHand(target) && !target.recalled && taken >= limits.maxLinks - reserved) return 'reservePercent'
    const isFull = begun >= limits.dialConcurrency || dialler.size >= limits.dialConcurrency * MAX_WAITING
    return isFull ? 'dialConcurrency' : null
  }

  /** When a dial that holds others up no longer does; null if none does. */
  roomAt(now: number): number | null {
    const [first] = this.#begun(now)
    return first === undefined ? null : first + this.#options.limits.staggerMs
  }

  /** True if a busy peer may be dialled again now, which counts. */
  takeRedial(now: number): boolean {
    // The very sum that `nextRedialAt` answers: one that is rounded otherwise might be over for one and not for the other.
    this.#redials = this.#redials.filter((at) => at + REDIAL_WINDOW_MS > now)
    if (this.#redials.length >= MAX_REDIALS) return false
    this.#redials.push(now)
    return true
  }

  nextRedialAt(now: number): number {
    return (this.#redials[0] ?? now) + REDIAL_WINDOW_MS
  }

  #begun(now: number): readonly number[] {
    const { limits, dialler } = this.#options
    return dialler.begunAfter(now - limits.staggerMs)
  }
}
