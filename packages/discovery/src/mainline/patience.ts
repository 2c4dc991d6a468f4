// How long to wait for a node's answer. The library waits two seconds for each, however near the network is, and a look-up ends
// with its slowest node, which in a DHT is often one that has gone. This file waits as long as answers here usually take.

import type { Clock, Timer } from '@hearsay/core'

export interface PatienceOptions {
  readonly clock: Clock
  /** Nobody has answered the query in time. */
  readonly onSilence: (query: SentQuery) => void
}

export interface SentQuery {
  readonly transaction: string
  readonly host: string
  readonly port: number
}

/** Before anybody has answered, as RFC 6298 has it. */
const FIRST_MS = 1_000
/** A busy machine answers later than usual without being gone. */
const LEAST_MS = 30
/** The library's own patience ends a little later. */
const MOST_MS = 2_000
/** More than the library ever has on its way: its concurrency, and the bootstrap nodes. */
const MAX_WAITING = 256

/** RFC 6298's estimate over all nodes together: the mean of the round trips and four times their deviation. */
export class Patience {
  readonly #options: PatienceOptions
  readonly #waiting = new Map<string, { readonly sentAt: number; readonly timer: Timer }>()
  #mean: number | null = null
  #deviation = 0

  constructor(options: PatienceOptions) {
    this.#options = options
  }

  /** How long the next query may take. */
  get waitMs(): number {
    if (this.#mean === null) return FIRST_MS
    return Math.min(Math.max(this.#mean + 4 * this.#deviation, LEAST_MS), MOST_MS)
  }

  onSent(query: SentQuery): void {
    const key = keyOf(query)
    if (this.#waiting.size >= MAX_WAITING || this.#waiting.has(key)) return
    const { clock, onSilence } = this.#options
    const timer = clock.setTimer(this.waitMs, () => {
      this.#waiting.delete(key)
      onSilence(query)
    })
    this.#waiting.set(key, { sentAt: clock.now(), timer })
  }

  onAnswer(query: SentQuery): void {
    const waiting = this.#waiting.get(keyOf(query))
    if (!waiting) return
    waiting.timer.cancel()
    this.#waiting.delete(keyOf(query))
    this.#learn(this.#options.clock.now() - waiting.sentAt)
  }

  close(): void {
    for (const { timer } of this.#waiting.values()) timer.cancel()
    this.#waiting.clear()
  }

  #learn(tookMs: number): void {
    if (this.#mean === null) {
      this.#mean = tookMs
      this.#deviation = tookMs / 2
      return
    }
    this.#deviation += (Math.abs(this.#mean - tookMs) - this.#deviation) / 4
    this.#mean += (tookMs - this.#mean) / 8
  }
}

function keyOf({ transaction, host, port }: SentQuery): string {
  return `${transaction} ${host}:${port}`
}
