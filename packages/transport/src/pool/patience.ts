// How long a candidate waits to be dialled again. Pure.

import type { Random } from '@hearsay/core'
import type { Target } from './book.js'

/** Waits for a candidate that was useful before, or that somebody asked for; then it is forgotten. */
const REQUEUE_MS = [1_000, 5_000, 15_000] as const
/** The first wait for a persistent candidate. */
const FIRST_MS = 1_000
/** A candidate is not dialled again within this, however late its failure came. */
const BREATH_MS = 100

export interface PatienceOptions {
  readonly now: number
  readonly random: Random
  /** Persistent candidates are dialled at most so far apart. */
  readonly persistMs: number
}

/** Milliseconds until the next dial, with jitter of 10 to 30 %; infinite when the candidate is to be forgotten. */
export function retryDelay(target: Target, { now, random, persistMs }: PatienceOptions): number {
  const jitter = 0.1 + random.below(201) / 1_000
  if (target.persistent) {
    const wait = target.failures === 0 ? Math.min(FIRST_MS, persistMs) : persistMs
    // Counted from the last dial, which may have taken as long, and never later than promised.
    return Math.max(BREATH_MS, target.startedAt + wait * (1 - jitter) - now)
  }
  const wait = target.proven || target.requests.size > 0 ? REQUEUE_MS[target.failures] : undefined
  if (wait === undefined) return Number.POSITIVE_INFINITY
  return wait * (random.below(2) === 0 ? 1 - jitter : 1 + jitter)
}
