// How long a candidate waits to be dialled again, and what kind of failure it was. Pure.

import type { Random } from '@hearsay/core'
import { isByHand, type Target } from './book.js'

/** The first wait for a persistent candidate. */
const FIRST_MS = 1_000
/** A candidate is not dialled again within this, however late its failure came. */
const BREATH_MS = 100
/** A busy peer is asked again after this, then after twice as long, up to the limit: its links last for minutes. */
const BUSY_MS = 30_000
const MAX_BUSY_MS = 600_000
/** Who does not want us will not soon. */
export const REFUSED_MS = 600_000

export interface PatienceOptions {
  readonly now: number
  readonly random: Random
  /** Persistent candidates are dialled at most so far apart. */
  readonly persistMs: number
  readonly requeue: readonly number[]
}

/** Milliseconds until the next dial, with jitter of 10 to 30 %; infinite when the candidate has had its chances. */
export function retryDelay(target: Target, { now, random, persistMs, requeue }: PatienceOptions): number {
  const jitter = 0.1 + random.below(201) / 1_000
  if (target.persistent) {
    const wait = target.failures === 0 ? Math.min(FIRST_MS, persistMs) : persistMs
    // Counted from the last dial, which may have taken as long, and never later than promised.
    return Math.max(BREATH_MS, target.startedAt + wait * (1 - jitter) - now)
  }
  const wait = target.proven || isByHand(target) ? requeue[target.failures + target.backoffs] : undefined
  if (wait === undefined) return Number.POSITIVE_INFINITY
  return wait * (random.below(2) === 0 ? 1 - jitter : 1 + jitter)
}

/** Milliseconds until a peer that was busy so often in a row is asked again; up to 30 % more by chance. */
export function busyDelay(times: number, random: Random): number {
  return Math.min(MAX_BUSY_MS, BUSY_MS * 2 ** (times - 1)) * (1.1 + random.below(201) / 1_000)
}

/** Milliseconds that a candidate rests for whose patience was asked for `backoffs` times. */
export function backoffDelay(backoffs: number, requeue: readonly number[], random: Random): number {
  const wait = requeue[Math.min(backoffs, requeue.length) - 1] ?? 0
  return wait * (1.1 + random.below(201) / 1_000)
}

/** True if the peer itself turned us away and will again. */
export function isRefusal(code: string): boolean {
  return code === 'ERR_BANNED' || code === 'ERR_REFUSED'
}
