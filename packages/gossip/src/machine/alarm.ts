// When the next of many things is due. Whoever sets a time tells it here, so that nobody need look at all of them to know that
// none is due: it may be too early, since what was put off does not say so, and is never too late.

export class Alarm {
  #at: number = Number.POSITIVE_INFINITY

  /** Infinity if nothing is to come. */
  get at(): number {
    return this.#at
  }

  /** Something is due then. */
  set(at: number): void {
    if (at < this.#at) this.#at = at
  }

  /** All that had been set is looked at now: what is still to come says so again. */
  clear(): void {
    this.#at = Number.POSITIVE_INFINITY
  }
}
