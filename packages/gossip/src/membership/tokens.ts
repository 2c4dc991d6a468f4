// What somebody may have of one thing: a burst, and then so much a second. Asked for the time, it keeps no timer.

export interface TokenRate {
  readonly burst: number
  readonly perSecond: number
}

/** A token bucket. */
export class Tokens {
  readonly #rate: TokenRate
  #left: number
  #at: number

  constructor(rate: TokenRate, now: number) {
    this.#rate = rate
    this.#left = rate.burst
    this.#at = now
  }

  /** Takes one; false if there is none. */
  take(now: number): boolean {
    const { burst, perSecond } = this.#rate
    this.#left = Math.min(burst, this.#left + (Math.max(0, now - this.#at) * perSecond) / 1_000)
    this.#at = Math.max(this.#at, now)
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}
