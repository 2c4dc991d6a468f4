// The rounds of one topic in a DHT: announced and looked up again and again, often while the room is empty, seldom while it is
// not, and never twice at a time. Knows the clock; what an announcement and a look are stands in the sessions that have them.

import type { Clock, DiscoveryJoin, Random, Timer } from '@hearsay/core'
import { createLookupSchedule, FIRST_PAUSE_MS, type LookupSchedule } from './schedule.js'

export interface RoundsParts {
  readonly clock: Clock
  readonly random: Random
  /** Announces; true if at least one node has stored it. Never rejects. */
  readonly announce: () => Promise<boolean>
  /** Looks up once. Never rejects. */
  readonly look: () => Promise<void>
  /** Each time that it is considered what is due, before the look. */
  readonly onTurn?: () => void
}

const RETRY_CAP_MS = 60_000
const LOOKUP_SETTLED_MS = 300_000
/** HyperDHT keeps announcements for 20 minutes, mainline (BEP 5) for about half an hour. */
const REANNOUNCE_MS = 600_000
const REANNOUNCE_SPREAD_MS = 120_000

export class Rounds {
  /** The last announcement was stored. */
  announced = false
  readonly #wish: DiscoveryJoin
  readonly #parts: RoundsParts
  readonly #lookups: LookupSchedule
  readonly #announcements: LookupSchedule
  #announcing: Promise<void> | null = null
  #looking: Promise<void> | null = null
  #timer: Timer | null = null
  #stopped = false

  constructor(wish: DiscoveryJoin, parts: RoundsParts) {
    this.#wish = wish
    this.#parts = parts
    const { random, clock } = parts
    const now = clock.now()
    // The announcement is a look-up too, so the first one of its own comes a little later.
    const firstLookup = now + (wish.announce ? FIRST_PAUSE_MS : 0)
    this.#lookups = createLookupSchedule({ capMs: RETRY_CAP_MS, settledMs: LOOKUP_SETTLED_MS, random }, firstLookup)
    const settledMs = REANNOUNCE_MS + random.below(REANNOUNCE_SPREAD_MS)
    this.#announcements = createLookupSchedule({ capMs: RETRY_CAP_MS, settledMs, random }, now)
  }

  /** Sets the timer for what is due next. */
  arm(): void {
    this.#timer?.cancel()
    if (this.#stopped) return
    const { clock } = this.#parts
    const times = [
      this.#wish.lookup ? this.#lookups.nextAt : null,
      this.#wish.announce ? this.#announcements.nextAt : null,
    ]
    const next = Math.min(...times.filter((at) => at !== null))
    if (Number.isFinite(next)) this.#timer = clock.setTimer(next - clock.now(), () => this.#onTimer())
  }

  /** Looks again now. */
  refresh(): void {
    this.#lookups.reset(this.#parts.clock.now())
    this.arm()
  }

  /** Announces again now: what was announced leads nowhere. */
  reannounce(): void {
    this.announced = false
    this.#announcements.reset(this.#parts.clock.now())
  }

  /** Resolves when the announcement that is under way, or else a new one, has ended. */
  announce(): Promise<void> {
    this.#announcing ??= this.#announceOnce().finally(() => {
      this.#announcing = null
    })
    return this.#announcing
  }

  /** The announcement that is under way. */
  get announcing(): Promise<void> | null {
    return this.#announcing
  }

  /** Never two at a time; one that is asked for while another runs follows it. */
  look(): Promise<void> {
    const before = this.#looking ?? Promise.resolve()
    const looking = before
      .then(() => this.#parts.look())
      .finally(() => {
        if (this.#looking === looking) this.#looking = null
      })
    this.#looking = looking
    return looking
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #onTimer(): void {
    const now = this.#parts.clock.now()
    if (this.#wish.announce && this.#announcements.due(now, this.announced ? 1 : 0)) void this.announce()
    this.#parts.onTurn?.()
    if (this.#wish.lookup && this.#lookups.due(now, this.#wish.linked()) && !this.#looking) void this.look()
    this.arm()
  }

  async #announceOnce(): Promise<void> {
    this.announced = await this.#parts.announce()
  }
}
