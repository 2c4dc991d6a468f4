// Neighbours that ask for what this node waits for itself. They are answered when it is here or was given up, and not before:
// who is told that it is not here would give it up too, while it is on its way.

import type { PeerHandle } from '../engine.js'
import type { Source } from '../machine/arrivals.js'
import { placeKey } from '../machine/place-key.js'
import type { Interval } from '../order/intervals.js'
import type { PlacedRange } from '../serving/notices.js'

/** Questions of one neighbour that wait; it is told that what is beyond them is not here. */
export const MAX_WAITING = 256

export interface WaitersContext {
  /** The hole of this place that is filled or given up in time, or null: nobody waits for what may stay open for good. */
  holeOf(source: Source): Interval | null
  /** It is here, or will not be: the one who asked is to be answered. */
  answer(peer: PeerHandle, range: PlacedRange, now: number): void
}

interface Waiter {
  readonly peer: PeerHandle
  readonly range: PlacedRange
}

export class Waiters {
  readonly #context: WaitersContext
  /** By place. */
  readonly #waiters = new Map<string, Set<Waiter>>()
  /** How many there are of each neighbour. */
  readonly #counts = new Map<PeerHandle, number>()

  constructor(context: WaitersContext) {
    this.#context = context
  }

  /** A neighbour asks for what is not here: the number up to which it will be answered later; null if nothing is on its way. */
  take(peer: PeerHandle, { source, first, count }: PlacedRange): number | null {
    const hole = this.#context.holeOf(source)
    const waiting = this.#counts.get(peer) ?? 0
    if (!hole || !isWithin(hole, first) || waiting >= MAX_WAITING) return null
    const to = Math.min(hole[1], first + count)
    const key = placeKey(source)
    const others = this.#waiters.get(key) ?? new Set()
    this.#waiters.set(key, others.add({ peer, range: { source, first, count: to - first } }))
    this.#counts.set(peer, waiting + 1)
    return to
  }

  /** Something of this place was delivered or passed over. */
  moved(source: Source, now: number): void {
    if (this.#waiters.size === 0) return
    const key = placeKey(source)
    const waiters = this.#waiters.get(key)
    if (!waiters) return
    const hole = this.#context.holeOf(source)
    for (const waiter of [...waiters]) {
      if (hole && isWithin(hole, waiter.range.first)) continue
      this.#forget(key, waiters, waiter)
      this.#context.answer(waiter.peer, waiter.range, now)
    }
  }

  down(peer: PeerHandle): void {
    if (!this.#counts.has(peer)) return
    for (const [key, waiters] of this.#waiters) {
      for (const waiter of [...waiters]) if (waiter.peer === peer) this.#forget(key, waiters, waiter)
    }
  }

  #forget(key: string, waiters: Set<Waiter>, waiter: Waiter): void {
    waiters.delete(waiter)
    if (waiters.size === 0) this.#waiters.delete(key)
    const left = (this.#counts.get(waiter.peer) ?? 1) - 1
    if (left === 0) this.#counts.delete(waiter.peer)
    else this.#counts.set(waiter.peer, left)
  }
}

function isWithin([from, end]: Interval, number: number): boolean {
  return number >= from && number < end
}
