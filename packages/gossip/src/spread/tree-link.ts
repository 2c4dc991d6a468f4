// What the trees engine remembers of one neighbour beside the masks of each author.

import { type PeerId, TokenBucket } from '@hearsay/core'

/** New authors that a link may bring: so many at once, and so many a second. Those beyond are told of, not flooded. */
const NEW_AUTHORS = { burst: 100, perSecond: 10 } as const
/** A neighbour that goes on sending is told again not to, later each time: it may be one that never minds (`flood`). */
const FIRST_AGAIN_MS = 500
const LAST_AGAIN_MS = 64_000
/** A neighbour that has not asked for what was offered so long ago has it from somebody else. */
const OFFERED_MS = 5_000
/** Authors of which it is remembered that something was offered; the one offered longest ago is forgotten. */
const MAX_OFFERS = 4_096
/** Authors of which it is remembered that this neighbour was told; the one told longest ago is forgotten. */
const MAX_PRUNES = 4_096

export class TreeLink {
  /** When it last wanted the records of all authors again: what was pruned before counts no more. */
  graftedAt: number = Number.NEGATIVE_INFINITY
  /** Authors of which it was told not to send, with when it may be told again. */
  readonly #prunes = new Map<PeerId, { readonly at: number; readonly againMs: number }>()
  readonly #offers = new Map<PeerId, number>()
  readonly #newAuthors = new TokenBucket(NEW_AUTHORS, 0)

  /** True if an author that it is the first to bring may be flooded. */
  takeNewAuthor(now: number): boolean {
    return this.#newAuthors.take(now)
  }

  /** True if it is time to tell it not to send this author's records. */
  mayPrune(author: PeerId, now: number): boolean {
    const last = this.#prunes.get(author)
    if (last && now < last.at) return false
    const againMs = last ? Math.min(2 * last.againMs, LAST_AGAIN_MS) : FIRST_AGAIN_MS
    this.#prunes.delete(author)
    this.#prunes.set(author, { at: now + againMs, againMs })
    const [oldest] = this.#prunes.keys()
    if (this.#prunes.size > MAX_PRUNES && oldest !== undefined) this.#prunes.delete(oldest)
    return true
  }

  /** A record of this author was offered. */
  noteOffer(author: PeerId, now: number): void {
    this.#offers.delete(author)
    this.#offers.set(author, now)
    const [oldest] = this.#offers.keys()
    if (this.#offers.size > MAX_OFFERS && oldest !== undefined) this.#offers.delete(oldest)
  }

  /** True if one was offered lately; whether it has been asked for since is for the author's tree to say. */
  isOffered(author: PeerId, now: number): boolean {
    return now < (this.#offers.get(author) ?? Number.NEGATIVE_INFINITY) + OFFERED_MS
  }

  /** It is to send this author's records again. */
  forgetPrune(author: PeerId): void {
    this.#prunes.delete(author)
  }

  forgetPrunes(): void {
    this.#prunes.clear()
  }
}
