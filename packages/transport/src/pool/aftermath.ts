// What the end of a link, or a word from the application, means for dialling the peer again.

import type { CloseReason, PeerId, Random } from '@hearsay/core'
import type { Target } from './book.js'
import { backoffDelay } from './patience.js'
import type { Planner } from './planner.js'
import type { ResolvedQueue } from './queue-options.js'

/** A link that lived so long was of use, in milliseconds. */
const PROVEN_AFTER_MS = 10_000
/** Goodbyes that say nothing against the remote, however early they come. */
const MEANT_WELL: ReadonlySet<string> = new Set(['ERR_DUPLICATE', 'ERR_UNWANTED', 'ERR_SUSPENDED'])

export class Aftermath {
  readonly #planner: Planner
  readonly #queue: ResolvedQueue
  readonly #random: Random
  /** Since when a peer has its link; as many as there are links. */
  readonly #since = new Map<PeerId, number>()

  constructor(parts: { readonly planner: Planner; readonly queue: ResolvedQueue; readonly random: Random }) {
    this.#planner = parts.planner
    this.#queue = parts.queue
    this.#random = parts.random
  }

  onLinked(peer: PeerId, now: number): void {
    this.#since.set(peer, now)
  }

  /** How long its link lived; 0 if it had none. */
  onUnlinked(peer: PeerId, now: number): number {
    const since = this.#since.get(peer) ?? now
    this.#since.delete(peer)
    return now - since
  }

  /**
   * A useful link that was lost is dialled again; who said goodbye is not asked again; who went at once, with whatever word,
   * is treated like one that did not answer.
   */
  onLinkEnded(
    target: Target,
    { code, by }: CloseReason,
    times: { readonly livedMs: number; readonly now: number },
  ): void {
    const { livedMs, now } = times
    const wasUseful = livedMs >= PROVEN_AFTER_MS
    if (wasUseful) target.failures = 0
    // Patience that was asked for while this link lived is for its end; older patience is over.
    if (wasUseful && target.backedOffAt < now - livedMs) target.backoffs = 0
    target.proven ||= wasUseful
    if (by === 'failure' || (by === 'remote' && !wasUseful && !MEANT_WELL.has(code))) {
      return this.#planner.onLost(target, code)
    }
    if (target.backoffs > 0) this.#delay(target, now)
  }

  onBackoff(peer: PeerId, now: number): void {
    for (const target of this.#planner.book.of(peer)) {
      target.backoffs++
      target.backedOffAt = now
      target.lastCode ??= 'ERR_BACKOFF'
      this.#delay(target, now)
      if (target.state === 'queued') this.#planner.queue(target)
    }
  }

  #delay(target: Target, now: number): void {
    target.notBefore = now + backoffDelay(target.backoffs, this.#queue.requeue, this.#random)
  }
}
