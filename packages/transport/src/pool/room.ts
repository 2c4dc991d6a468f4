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

type Limit = 'maxLinks' | 'maxClientSockets' | 'dialConcurrency' | 'reservePercent'

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

  /** Whether a target may be dialled now. It counts once for all targets, so it holds until one is dialled. */
  gate(now: number): (target: Target) => boolean {
    const [first, others] = [this.#limitFor(true, now) === null, this.#limitFor(false, now) === null]
    return (target) => (isFirst(target) ? first : others)
  }

  /** The limit that keeps the target from being dialled; null if none does. */
  whyNot(target: Target, now: number): Limit | null {
    return this.#limitFor(isFirst(target), now)
  }

  #limitFor(first: boolean, now: number): Limit | null {
    const { limits, peers, sockets, dialler } = this.#options
    const begun = this.#begun(now).length
    // Those that have not answered for a while are likely dead, and hold nobody up; too many links never come of it, as
    // each is counted again when it has proved who is there.
    const taken = peers.size + begun
    if (taken >= limits.maxLinks) return 'maxLinks'
    if (!sockets.hasClientRoom()) return 'maxClientSockets'
    const reserved = Math.floor((limits.maxLinks * limits.reservePercent) / 100)
    if (!first && taken >= limits.maxLinks - reserved) return 'reservePercent'
    const isFull = begun >= limits.dialConcurrency || dialler.size >= limits.dialConcurrency * MAX_WAITING
    return isFull ? 'dialConcurrency' : null
  }

  /** When a dial that holds others up no longer does; null if none does. */
  roomAt(now: number): number | null {
    return this.#begun(now)[0] ?? null
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

  /** When each of those that hold others up no longer does. */
  #begun(now: number): readonly number[] {
    const { limits, dialler } = this.#options
    return dialler.overAt(limits.staggerMs, now)
  }
}

/** Limits that keep room for others do not count for it. */
function isFirst(target: Target): boolean {
  return isByHand(target) || target.recalled
}
