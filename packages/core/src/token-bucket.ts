// What somebody may have of one thing: a burst, and then so much a second. Asked for the time, it keeps no timer.

export interface TokenRate {
  readonly burst: number
  readonly perSecond: number
}

/** A token bucket (Turner 1986). */
export class TokenBucket {
  readonly #rate: TokenRate
  #tokens: number
  #at: number

  /** A full one; `now` is milliseconds on any clock, always the same. */
  constructor(rate: TokenRate, now: number) {
    this.#rate = rate
    this.#tokens = rate.burst
    this.#at = now
  }

  /** How many whole tokens there are now. */
  left(now: number): number {
    const { burst, perSecond } = this.#rate
    this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, now - this.#at) * perSecond) / 1_000)
    this.#at = Math.max(this.#at, now)
    return Math.floor(this.#tokens)
  }

  /** Takes up to so many and answers how many. */
  takeUpTo(wanted: number, now: number): number {
    const taken = Math.min(Math.floor(wanted), this.left(now))
    this.#tokens -= taken
    return taken
  }

  /** Takes one; false if there is none. */
  take(now: number): boolean {
    return this.takeUpTo(1, now) === 1
  }
}
