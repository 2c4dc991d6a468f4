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
  #minutes: number[] = []
  /** The last samples, in no order. */
  #recent: number[] = []
  #oldest = 0
  #minuteAt = 0

  /** Takes a difference of timestamps in microseconds modulo 2^32. */
  onSample(difference: number, now: number): void {
    if (this.#minutes.length === 0) {
      this.#minuteAt = now
      // Not pushed: that would make room for 17 at once, and most connections are idle.
      this.#minutes = [difference]
      this.#recent = new Array(CURRENT_SAMPLES).fill(difference)
      return
    }
    this.#onMinutes(difference, now)
    this.#recent[this.#oldest] = difference
    this.#oldest = (this.#oldest + 1) % CURRENT_SAMPLES
  }

  /** The least difference that is remembered; null before the first. */
  get base(): number | null {
    if (this.#minutes.length === 0) return null
    let least = this.#minutes[0] ?? 0
    for (let index = 1; index < this.#minutes.length; index++) {
      const each = this.#minutes[index] ?? 0
      if (elapsed32(least, each) < 0) least = each
    }
    return least
  }

  /** Microseconds in queues, now. */
  get queueing(): number {
    const { base } = this
    if (base === null) return 0
    let least = Number.POSITIVE_INFINITY
    for (let index = 0; index < CURRENT_SAMPLES; index++) {
      least = Math.min(least, Math.max(0, elapsed32(base, this.#recent[index] ?? 0)))
    }
    return least
  }

  /** The remote's clock runs slower than ours by this much: what was remembered is corrected. */
  shift(us: number): void {
    for (let index = 0; index < this.#minutes.length; index++) {
      this.#minutes[index] = ((this.#minutes[index] ?? 0) + us) >>> 0
    }
  }

  #onMinutes(difference: number, now: number): void {
    const minutes = this.#minutes
    const last = minutes.length - 1
    if (now - this.#minuteAt >= MINUTE_US) {
      this.#minuteAt = now
      minutes.push(difference)
      if (minutes.length > BASE_MINUTES) minutes.shift()
    } else if (elapsed32(minutes[last] ?? 0, difference) < 0) minutes[last] = difference
  }
}
