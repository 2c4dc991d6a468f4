// How long packets wait in queues on the way to the remote: what it reports of our timestamps, less the least that it has
// reported for ten minutes (RFC 6817 §3.4.2). The two clocks need not agree: only differences count, modulo 2^32.

import { elapsed32 } from './sequence.js'

/** RFC 6817's BASE_HISTORY: minutes whose least delay is remembered, so that a changed route is noticed. */
const BASE_MINUTES = 10
const MINUTE_US = 60_000_000
/** libutp's CURRENT_FILTER: the least of so many samples, so that a single late one means nothing. */
const CURRENT_SAMPLES = 3

export class DelayHistory {
  /** The least of each minute, the newest last; modulo 2^32. */
  readonly #minutes: number[] = []
  readonly #recent: number[] = []
  #minuteAt = 0

  /** Takes a difference of timestamps in microseconds modulo 2^32. */
  onSample(difference: number, now: number): void {
    if (this.#minutes.length === 0 || now - this.#minuteAt >= MINUTE_US) {
      this.#minuteAt = now
      this.#minutes.push(difference)
      if (this.#minutes.length > BASE_MINUTES) this.#minutes.shift()
    } else {
      const last = this.#minutes.length - 1
      if (elapsed32(this.#minutes[last] ?? 0, difference) < 0) this.#minutes[last] = difference
    }
    this.#recent.push(difference)
    if (this.#recent.length > CURRENT_SAMPLES) this.#recent.shift()
  }

  /** The least difference that is remembered; null before the first. */
  get base(): number | null {
    let [least = null] = this.#minutes
    for (const each of this.#minutes) if (least === null || elapsed32(least, each) < 0) least = each
    return least
  }

  /** Microseconds in queues, now. */
  get queueing(): number {
    const { base } = this
    if (base === null) return 0
    let least = Number.POSITIVE_INFINITY
    for (const each of this.#recent) least = Math.min(least, Math.max(0, elapsed32(base, each)))
    return least
  }

  /** The remote's clock runs slower than ours by this much: what was remembered is corrected. */
  shift(us: number): void {
    for (let index = 0; index < this.#minutes.length; index++) {
      this.#minutes[index] = ((this.#minutes[index] ?? 0) + us) >>> 0
    }
  }
}
