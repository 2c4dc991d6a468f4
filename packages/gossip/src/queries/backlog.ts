// What one neighbour is still to be sent of questions and answers: all that it has no window for now, and questions beyond
// the rate at which it takes them. Asked with the time, it keeps no timer. Questions go first: they are few.

import { TokenBucket } from '@hearsay/core'
import { stampQuery } from './frames.js'
import { Lanes, type Waiting } from './lanes.js'

/** Bytes that wait for one neighbour at most: of answers 32 of the largest, of questions 8. */
const MAX_BYTES = { query: 512 * 1024, answer: 2 * 1024 * 1024 } as const
/** Within what a neighbour takes (100, then 20 a second), though some come up to half a second late, and close together. */
const PACE = { burst: 90, perSecond: 20 } as const
/** How long one more question takes to be within the pace. */
const PACE_MS = 1_000 / PACE.perSecond

export type Said = 'query' | 'answer'
const ORDER: readonly Said[] = ['query', 'answer']

/** What was not sent: it did not fit, or its time was over. */
export interface Lost {
  readonly what: Said
  readonly why: 'full' | 'late'
}

export class Backlog {
  readonly #lanes: Readonly<Record<Said, Lanes>> = {
    query: new Lanes(MAX_BYTES.query),
    answer: new Lanes(MAX_BYTES.answer),
  }
  readonly #pace: TokenBucket
  readonly #onLost: (lost: Lost) => void
  /** Once until nothing waits any more. */
  #isTold = false

  constructor(now: number, onLost: (lost: Lost) => void) {
    this.#pace = new TokenBucket(PACE, now)
    this.#onLost = onLost
  }

  add(what: Said, waiting: Waiting): void {
    if (this.#lanes[what].add(waiting) > 0) this.#tell({ what, why: 'full' })
  }

  /** Sends what `send` takes, which answers false where there is no window. */
  flush(send: (frame: Uint8Array) => boolean, now: number): void {
    for (const what of ORDER) if (this.#lanes[what].expire(now) > 0) this.#tell({ what, why: 'late' })
    for (const what of ORDER) {
      const lanes = this.#lanes[what]
      for (let { first } = lanes; first && this.#isInPace(what, now); { first } = lanes) {
        if (what === 'query') stampQuery(first.frame, first.until - now)
        if (!send(first.frame)) return
        lanes.shift()
        if (what === 'query') this.#pace.take(now)
      }
    }
    if (this.#isEmpty) this.#isTold = false
  }

  /** When to flush again, though it takes nothing more until then; null if nothing waits. */
  wakeAt(now: number): number | null {
    if (this.#isEmpty) return null
    const { query, answer } = this.#lanes
    const isPaced = query.first !== undefined && !this.#isInPace('query', now)
    return Math.min(query.endsAt, answer.endsAt, isPaced ? now + PACE_MS : Number.POSITIVE_INFINITY)
  }

  get #isEmpty(): boolean {
    return !this.#lanes.query.first && !this.#lanes.answer.first
  }

  #isInPace(what: Said, now: number): boolean {
    return what === 'answer' || this.#pace.left(now) > 0
  }

  #tell(lost: Lost): void {
    if (this.#isTold) return
    this.#isTold = true
    this.#onLost(lost)
  }
}
