// Keys that were shut out, why, and until when. Bounded: with too many, the one met least recently is let in again.

import type { PeerId, Random } from '@hearsay/core'
import { RecentMap } from './recent.js'

/** How long and why. */
export interface Ban {
  readonly reason: string | null
  /** On the pool's clock; infinite for one that does not end. */
  readonly until: number
}

/** People read it; it never travels. */
const MAX_REASON_LETTERS = 256

export class BanList {
  readonly #bans: RecentMap<PeerId, Ban>
  readonly #options: { readonly banMs: number; readonly forgetMs: number | null; readonly random: Random }

  constructor(options: {
    readonly maxBans: number
    readonly banMs: number
    /** How long a ban lasts that names no end. */
    readonly forgetMs: number | null
    readonly random: Random
  }) {
    this.#bans = new RecentMap(options.maxBans)
    this.#options = options
  }

  get size(): number {
    return this.#bans.size
  }

  /** Without `ms` the end cannot be foreseen, unless the options name it. */
  ban(peer: PeerId, now: number, { ms, reason }: { readonly ms?: number; readonly reason?: string } = {}): void {
    const { banMs, forgetMs, random } = this.#options
    const until = now + (ms ?? forgetMs ?? banMs * (1 + random.below(501) / 1_000))
    this.#bans.set(peer, { reason: reason?.slice(0, MAX_REASON_LETTERS) ?? null, until })
  }

  /** True if it was banned. */
  unban(peer: PeerId, now: number): boolean {
    const wasBanned = this.isBanned(peer, now)
    this.#bans.delete(peer)
    return wasBanned
  }

  isBanned(peer: PeerId, now: number): boolean {
    const ban = this.#bans.get(peer)
    if (ban !== undefined && ban.until <= now) this.#bans.delete(peer)
    return ban !== undefined && ban.until > now
  }

  /** Those that last. */
  list(now: number): readonly (readonly [PeerId, Ban])[] {
    return [...this.#bans.entries()].filter(([, { until }]) => until > now)
  }
}
