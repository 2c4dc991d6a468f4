// When so much had to be repaired, or so many links went, that the trees are not worth keeping: then the next record of each
// author is flooded, and teaches new ones.

import type { PeerHandle } from '../engine.js'

/** The time over which repairs are compared with records. */
const WINDOW_MS = 1_000
/** Repairs that make a storm: at least so many, and this share of the records, missed from two parents or more. */
const LEAST_REPAIRS = 2
const REPAIR_SHARE = 0.05
const LEAST_PARENTS = 2
/** A quarter of the links within two seconds; one alone is no storm, however few there are. */
const LOSS_MS = 2_000
const LOSS_SHARE = 0.25
const LEAST_LOSSES = 2
/** How long a storm lasts, and how long it is before the next one. */
export const STORM_MS = 3_000
export const CALM_MS = 30_000

export class Storm {
  #startedAt = Number.NEGATIVE_INFINITY
  #windowAt = Number.NEGATIVE_INFINITY
  #records = 0
  #lastRecords = 0
  #repairs = 0
  readonly #parents = new Set<PeerHandle | null>()
  /** When links were lost, the latest ones. */
  #losses: number[] = []

  /** When the storm began that is not over; null in calm. */
  since(now: number): number | null {
    return now < this.#startedAt + STORM_MS ? this.#startedAt : null
  }

  /** A record came. */
  record(now: number): void {
    this.#turn(now)
    this.#records++
  }

  /** A record came only because it was asked for, where this parent should have sent it; true if that begins a storm. */
  repair(parent: PeerHandle | null, now: number): boolean {
    this.#turn(now)
    this.#repairs++
    this.#parents.add(parent)
    const share = REPAIR_SHARE * Math.max(this.#records, this.#lastRecords)
    return this.#repairs >= Math.max(LEAST_REPAIRS, share) && this.#parents.size >= LEAST_PARENTS && this.#begin(now)
  }

  /** A link went, so many are left; true if that begins a storm. */
  loss(left: number, now: number): boolean {
    this.#losses = [...this.#losses.filter((at) => at > now - LOSS_MS), now].slice(-1_024)
    const lost = this.#losses.length
    return lost >= Math.max(LEAST_LOSSES, LOSS_SHARE * (left + lost)) && this.#begin(now)
  }

  #begin(now: number): boolean {
    if (now < this.#startedAt + CALM_MS) return false
    this.#startedAt = now
    return true
  }

  #turn(now: number): void {
    if (now < this.#windowAt + WINDOW_MS) return
    this.#lastRecords = now < this.#windowAt + 2 * WINDOW_MS ? this.#records : 0
    this.#windowAt = now
    this.#records = 0
    this.#repairs = 0
    this.#parents.clear()
  }
}
