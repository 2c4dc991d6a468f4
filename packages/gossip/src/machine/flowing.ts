// When messages are taken and when not, because a reader lags; and how long, in all, peers had to send what is missing. Who reads
// slowly all the time has messages taken now and then, and what nobody sent then is not on its way any more.

/** Once messages are taken again, for so long what is missing may be among those that were not taken. */
const RESUME_MS = 5_000
/** Whoever had so long, in all, to send what is missing does not have it. */
const PATIENCE_MS = 20_000
/** Of a pause so much counts: what came meanwhile is taken at its end. */
const PAUSE_COUNTS_MS = 500
/** Moments are remembered so far apart, and no more of them than patience takes. */
const STEP_MS = 1_000
const MAX_MOMENTS = PATIENCE_MS / STEP_MS + 2

interface Moment {
  readonly at: number
  /** What had counted by then. */
  readonly counted: number
}

export class Flowing {
  #flows = true
  /** Since when that is so; null before it ever changed. */
  #since: number | null = null
  /** Milliseconds that peers had to send, up to then. */
  #counted = 0
  /** The earliest first, when messages were taken again. */
  readonly #moments: Moment[] = []

  /** Messages are taken again, or none for a while. */
  set(flows: boolean, now: number): void {
    if (flows === this.#flows) return
    this.#counted = this.#countedAt(now)
    this.#flows = flows
    this.#since = now
    const last = this.#moments.at(-1)
    if (!flows || (last && this.#counted < last.counted + STEP_MS)) return
    this.#moments.push({ at: now, counted: this.#counted })
    if (this.#moments.length > MAX_MOMENTS) this.#moments.shift()
  }

  /** True if what has been missing since then may be among what was not taken. */
  mayHold(since: number, now: number): boolean {
    if (this.#flows && (this.#since === null || now >= this.#since + RESUME_MS)) return false
    const first = this.#moments.find(({ at }) => at >= since)
    return !first || this.#countedAt(now) - first.counted < PATIENCE_MS
  }

  #countedAt(now: number): number {
    const elapsed = this.#since === null ? 0 : now - this.#since
    return this.#counted + (this.#flows ? elapsed : Math.min(elapsed, PAUSE_COUNTS_MS))
  }
}
