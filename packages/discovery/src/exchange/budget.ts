// What one peer may have of one thing: a burst, and then so much a second. Asked for the time, it keeps no timer.

export interface BudgetRate {
  readonly burst: number
  readonly perSecond: number
}

/** A token bucket. */
export class Budget {
  readonly #rate: BudgetRate
  #tokens: number
  #at: number

  constructor(rate: BudgetRate, now: number) {
    this.#rate = rate
    this.#tokens = rate.burst
    this.#at = now
  }

  /** How many whole units there are now. */
  left(now: number): number {
    const { burst, perSecond } = this.#rate
    const elapsedMs = Math.max(0, now - this.#at)
    this.#tokens = Math.min(burst, this.#tokens + (elapsedMs * perSecond) / 1_000)
    this.#at = Math.max(this.#at, now)
    return Math.floor(this.#tokens)
  }

  /** Takes up to `wanted` units and answers how many. */
  take(wanted: number, now: number): number {
    const taken = Math.min(Math.floor(wanted), this.left(now))
    this.#tokens -= taken
    return taken
  }
}
