// Keys that were shut out, and until when. Bounded: with too many, the one met least recently is let in again.

import type { PeerId, Random } from '@hearsay/core'
import { RecentMap } from './recent.js'

export class BanList {
  readonly #until: RecentMap<PeerId, number>
  readonly #banMs: number
  readonly #random: Random

  constructor(options: { readonly maxBans: number; readonly banMs: number; readonly random: Random }) {
    this.#until = new RecentMap(options.maxBans)
    this.#banMs = options.banMs
    this.#random = options.random
  }

  get size(): number {
    return this.#until.size
  }

  /** By chance up to half as long again, so that the end cannot be foreseen. */
  ban(peer: PeerId, now: number): void {
    this.#until.set(peer, now + this.#banMs * (1 + this.#random.below(501) / 1_000))
  }

  isBanned(peer: PeerId, now: number): boolean {
    const until = this.#until.get(peer)
    if (until !== undefined && until <= now) this.#until.delete(peer)
    return until !== undefined && until > now
  }
}
