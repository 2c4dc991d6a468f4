// How long a remote has not been heard: when to ask if it is there, and when to give it up.

import type { UtpLimits } from './options.js'

export class Silence {
  readonly #limits: UtpLimits
  #heardAt: number
  #askedAt: number = Number.NEGATIVE_INFINITY
  /** Since when something is not acknowledged. */
  #busySince: number

  constructor(limits: UtpLimits, now: number) {
    this.#limits = limits
    this.#heardAt = now
    this.#busySince = now
  }

  onHeard(now: number): void {
    this.#heardAt = now
    this.#askedAt = Number.NEGATIVE_INFINITY
  }

  onAsked(now: number): void {
    this.#askedAt = now
  }

  onBusy(now: number): void {
    this.#busySince = now
  }

  /** When the remote is to be asked for a sign of life. */
  get asksAt(): number {
    const { keepAliveMs } = this.#limits
    return Math.max(this.#heardAt + keepAliveMs * 1_000, this.#askedAt + keepAliveMs * 250)
  }

  /** When it has been silent for too long. */
  endsAt(isBusy: boolean): number {
    const idleAt = this.#heardAt + this.#limits.idleTimeoutMs * 1_000
    if (!isBusy) return idleAt
    return Math.min(idleAt, Math.max(this.#heardAt, this.#busySince) + this.#limits.silenceTimeoutMs * 1_000)
  }
}
