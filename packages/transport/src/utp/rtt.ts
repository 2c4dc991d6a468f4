// How long a packet and its acknowledgement take, and how long to wait for one (RFC 6298, in microseconds).

/** libtorrent's least; libutp takes twice as much, which a quick link feels at every loss of a last packet. */
export const MIN_RTO_US = 500_000
/** RFC 6298 §2.1: before anything was measured. */
export const INITIAL_RTO_US = 1_000_000
/**
 * However often nothing comes back, we try again within this: nine tries before a silence of 30 s has passed, of which a network
 * that loses every fifth packet lets one through in 9,999 of 10,000 cases.
 */
export const MAX_RTO_US = 4_000_000

export class RoundTrip {
  /** 0 until something was measured. */
  smoothed = 0
  /** The least of all; infinite until something was measured. */
  least: number = Number.POSITIVE_INFINITY
  #variation = 0
  #timeout = INITIAL_RTO_US
  #backOff = 0

  /** How often in a row the timeout has passed. */
  get backOff(): number {
    return this.#backOff
  }

  get timeout(): number {
    return Math.min(MAX_RTO_US, this.#timeout * 2 ** this.#backOff)
  }

  onSample(us: number): void {
    const sample = Math.max(1, us)
    this.least = Math.min(this.least, sample)
    if (this.smoothed === 0) {
      this.smoothed = sample
      this.#variation = sample / 2
    } else {
      this.#variation += (Math.abs(this.smoothed - sample) - this.#variation) / 4
      this.smoothed += (sample - this.smoothed) / 8
    }
    this.#timeout = Math.max(MIN_RTO_US, Math.round(this.smoothed + 4 * this.#variation))
  }

  /** Something new was acknowledged. */
  onProgress(): void {
    this.#backOff = 0
  }

  onTimeout(): void {
    if (this.#backOff < 16) this.#backOff++
  }
}
