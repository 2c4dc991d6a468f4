// Spreads what may be in flight over a round trip, so that no burst overflows a small queue (RFC 9002 §7.7). Timers wake a
// process a millisecond late: what could have gone in four of them may go at once.

/** RFC 9002: a little faster than the window, so that the window decides. */
const GAIN = 1.25
/** Slow start doubles the window in a round trip. */
const SLOW_START_GAIN = 2
const BURST_US = 4_000
/** A way so short is a local one, on which a timer would only cost time. */
const SHORT_US = 10_000
/** RFC 9002's initial window. */
const BURST_PACKETS = 10

export class Pacer {
  #tokens: number = Number.POSITIVE_INFINITY
  #at = 0
  /** Bytes in a microsecond; 0: as many as one likes. */
  #rate = 0
  #burst: number = Number.POSITIVE_INFINITY

  /** To be told before packets are sent. */
  update(
    state: {
      readonly window: number
      readonly roundTripUs: number
      readonly slowStart: boolean
      readonly packet: number
    },
    now: number,
  ): void {
    if (state.roundTripUs < SHORT_US) {
      this.#tokens = Number.POSITIVE_INFINITY
      return
    }
    this.#rate = ((state.slowStart ? SLOW_START_GAIN : GAIN) * state.window) / state.roundTripUs
    this.#burst = Math.max(BURST_PACKETS * state.packet, this.#rate * BURST_US)
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#rate)
    this.#at = now
  }

  /** True if a packet may leave now. */
  get isOpen(): boolean {
    return this.#tokens > 0
  }

  onSent(bytes: number): void {
    this.#tokens -= bytes
  }

  /** When the next packet may leave, if none may now. */
  get opensAt(): number {
    return this.#at + Math.ceil((1 - this.#tokens) / this.#rate)
  }
}
