// What one neighbour says it holds of a place, and how it kept its word: in little memory, however much it says.

import { type Interval, IntervalSet } from '../order/intervals.js'

const MAX_RANGES = 16
/** Who was silent is asked again so much later; twice as late each time. */
const AGAIN_MS = 4_000
const MAX_DOUBLINGS = 3

export class Claim {
  #held = new IntervalSet(MAX_RANGES)
  #isRough = false
  /** How often it was silent. */
  silences = 0
  /** It is not asked before. */
  notBefore: number
  /** What it was asked for when it was silent last. */
  owed: Interval | null = null

  constructor(now: number) {
    this.notBefore = now
  }

  get ranges(): readonly Interval[] {
    return this.#held.ranges
  }

  add([from, to]: Interval): void {
    this.#held.add(from, to)
    // From now on there may be something in it that was never claimed: worth a question still.
    if (this.ranges.length === MAX_RANGES) this.#isRough = true
  }

  /** True if it said that it holds all of this. */
  covers([from, to]: Interval): boolean {
    return !this.#isRough && this.#held.covers(from, to)
  }

  overlaps([from, to]: Interval): boolean {
    return this.#held.overlaps(from, to)
  }

  /**
   * It does not hold this. What is below and here is let go too: one range more could fill what is taken out, which would be
   * asked for again.
   */
  takeOut([from, to]: Interval, isMissing: (range: Interval) => boolean): void {
    const rest = new IntervalSet(MAX_RANGES)
    for (const [low, high] of this.ranges) {
      const below = [low, Math.min(high, from)] as const
      if (isMissing(below)) rest.add(...below)
      rest.add(Math.max(low, to), high)
    }
    this.#held = rest
  }

  /** It sent nothing of this for long. */
  wasSilent(owed: Interval, now: number): void {
    this.notBefore = now + AGAIN_MS * 2 ** Math.min(this.silences, MAX_DOUBLINGS)
    this.silences++
    this.owed = owed
  }

  /** True if it was asked for this when it was silent last. */
  owes(number: number): boolean {
    return this.owed !== null && number >= this.owed[0] && number < this.owed[1]
  }

  /** It sends, after all. */
  speaks(now: number): void {
    this.notBefore = now
    this.silences = 0
    this.owed = null
  }
}
