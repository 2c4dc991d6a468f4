// How long what is missing is waited for: before an author's beginning, and where there is a hole.

import type { Assemblies } from '../large/assemblies.js'
import type { GossipLimits } from '../options.js'
import type { Hole } from '../order/ordering.js'
import type { Exchange } from '../repair/exchange.js'
import { OWED_MS } from '../repair/fillings.js'
import type { Since } from '../since.js'
import { Flowing } from './flowing.js'

/** Who has been in the room for so long is new no longer. */
const NEWCOMER_MS = 5_000
/** Whoever says that it has what fills a hole need not have it: so long its word is enough to wait. */
const WORD_MS = 5_000
/** What waits is not kept from who stays alone for good. */
const ALONE_MS = 60_000
/** While it sends parts of large records, what it has may be behind them: then for so long. */
const BUSY_WORD_MS = 60_000

export interface WaitingParts {
  readonly limits: GossipLimits
  readonly since: Since
  readonly exchange: Exchange
  readonly assemblies: () => Assemblies
  /** When the first channel of this room opened; null before. */
  readonly presentSince: () => number | null
  /** Since when there is somebody who can be asked, or there was without a break; null while there is nobody. */
  readonly linkedSince: () => number | null
}

export class Waiting {
  readonly #parts: WaitingParts
  readonly #flowing = new Flowing()

  constructor(parts: WaitingParts) {
    this.#parts = parts
  }

  /**
   * Who has been here for long hears everybody from the beginning, unless it was cut off: what it missed is on its way. Who asks
   * for history waits too, for a neighbour that has less of it may be the first to answer.
   */
  settleMs(now: number): number {
    const { settleMs, holdMs } = this.#parts.limits
    const { since } = this.#parts
    const isNew = now < (this.#parts.presentSince() ?? now) + NEWCOMER_MS
    return isNew && since === 'live' ? settleMs : Math.max(settleMs, holdMs)
  }

  /** Messages are taken again, or none for a while. */
  setFlowing(flowing: boolean, now: number): void {
    this.#flowing.set(flowing, now)
  }

  /** True if what fills the hole is on its way, so that it is not given up. */
  isComing({ author, epoch, from, before, since }: Hole, now: number): boolean {
    if (this.#flowing.mayHold(since, now)) return true
    const { exchange } = this.#parts
    const assemblies = this.#parts.assemblies()
    if (assemblies.isComing({ author, epoch }, { from, before }, now)) return true
    const range = { from, before }
    if (this.#isAlone(since, now)) return true
    if (exchange.fillings.isFilling({ author, epoch }, range)) return true
    if (exchange.runs.isComing({ author, epoch }, { from, before, since }, now)) return true
    // Before a beginning there may be nothing that this node is owed.
    if (from > 0 && now < since + OWED_MS && exchange.isOwed({ author, epoch }, range)) return true
    if (now >= since + BUSY_WORD_MS) return false
    const promisers = exchange.wants.promisersOf({ author, epoch }, range)
    return now < since + WORD_MS ? promisers.size > 0 : assemblies.isFedByAny(promisers, now)
  }

  /** Who is alone cannot ask anybody, and who was until now could not: its patience begins when it can. */
  #isAlone(since: number, now: number): boolean {
    const linkedSince = this.#parts.linkedSince()
    if (linkedSince === null) return now < since + ALONE_MS
    return since < linkedSince && now < linkedSince + this.#parts.limits.holdMs
  }
}
