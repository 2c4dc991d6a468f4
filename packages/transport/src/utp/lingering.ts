// Connections that are over: the remote may not have heard our last acknowledgement, and says its goodbye again. What they
// were is remembered for a while, so that the answer is not RESET. Some of them nobody will ask again: those whose goodbye
// carried the last acknowledgement, and was acknowledged.

import type { Remains } from './connection-options.js'
import { FIN, type Packet } from './packet.js'
import { MAX_RTO_US } from './rtt.js'
import { distance } from './sequence.js'

/** Who misses the last acknowledgement says goodbye again after so long at most. */
const QUIET_US = MAX_RTO_US

interface Remembered extends Remains {
  readonly until: number
}

export class Lingering {
  readonly #most: number
  /** The oldest first; all stay equally long. */
  readonly #table = new Map<string, Remembered>()
  #quietAt: number = Number.NEGATIVE_INFINITY

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#table.size
  }

  /** When the oldest is forgotten. */
  get forgetAt(): number {
    if (this.#table.size === 0) return Number.POSITIVE_INFINITY
    for (const { until } of this.#table.values()) return until
    return Number.POSITIVE_INFINITY
  }

  /** Until then somebody may ask again; the past: nobody will. */
  get neededUntil(): number {
    return this.#table.size > 0 ? this.#quietAt : Number.NEGATIVE_INFINITY
  }

  add(key: string, remains: Remains, { now, until }: { readonly now: number; readonly until: number }): void {
    if (remains.isOwed) this.#quietAt = Math.min(now + QUIET_US, until)
    this.#table.delete(key)
    this.#table.set(key, { ...remains, until })
    for (const oldest of this.#table.keys()) {
      if (this.#table.size <= this.#most) break
      this.#table.delete(oldest)
    }
  }

  has(key: string): boolean {
    return this.#table.has(key)
  }

  /** What to acknowledge again for a packet that came: null for new data, which nobody reads. */
  recall(key: string, { type, seq }: Packet, now: number): Remains | null {
    const remembered = this.#table.get(key)
    if (!remembered) return null
    this.#quietAt = Math.max(this.#quietAt, Math.min(now + QUIET_US, remembered.until))
    const ahead = distance(remembered.ack, seq)
    if (ahead === 0 || ahead >= 0x8000) return remembered
    if (type !== FIN || ahead > 1) return null
    // Its goodbye to somebody who stopped listening before it.
    const heard = { ...remembered, ack: seq }
    this.#table.set(key, heard)
    return heard
  }

  forget(key: string): void {
    this.#table.delete(key)
  }

  onTimer(now: number): void {
    for (const [key, { until }] of this.#table) {
      if (now < until) return
      this.#table.delete(key)
    }
  }
}
