// What the pool knows of its candidates, for people who ask why one is not dialled.

import { type PeerId, printAddress } from '@hearsay/core'
import { isNeeded, peerOf, type Target } from './book.js'
import type { Planner } from './planner.js'

/** A candidate, and what it waits for. */
export interface QueuedCandidate {
  readonly peer: PeerId | null
  readonly addresses: readonly string[]
  readonly source: string
  readonly state: 'linked' | 'dialling' | 'queued' | 'idle'
  /**
   * Why it is not dialled now: `null` if it is, or is about to be; `linked`; `unwanted`; `suspended`; the limit that is
   * reached; or the code of what went wrong last, after which it rests.
   */
  readonly why: string | null
  /** What the system or a library called what went wrong last, such as `ECONNREFUSED`; null if it said nothing. */
  readonly detail: string | null
  /** Milliseconds until it may be dialled; 0 if it may be now. */
  readonly waitMs: number
  /** Dials and short links that came to nothing since a link was of use. */
  readonly failures: number
  readonly proven: boolean
  readonly persistent: boolean
}

export function reportQueue(
  planner: Planner,
  { now, suspended }: { readonly now: number; readonly suspended: boolean },
): readonly QueuedCandidate[] {
  return [...planner.book.values()].map((target) => {
    const { addresses, source, failures, proven, persistent, lastDetail: detail } = target
    const state = planner.linkOf(target) ? 'linked' : target.state
    const why = suspended ? 'suspended' : whyNot(planner, target, now)
    const until = target.state === 'queued' ? target.dueAt : target.notBefore
    const waitMs = state === 'linked' || state === 'dialling' ? 0 : Math.max(0, until - now)
    const printed = addresses.map(printAddress)
    return {
      peer: peerOf(target),
      addresses: printed,
      source,
      state,
      why,
      detail,
      waitMs,
      failures,
      proven,
      persistent,
    }
  })
}

function whyNot(planner: Planner, target: Target, now: number): string | null {
  if (planner.linkOf(target)) return 'linked'
  if (target.state === 'dialling') return null
  const until = target.state === 'queued' ? target.dueAt : target.notBefore
  if (until > now) return target.lastCode ?? 'waiting'
  if (!isNeeded(target)) return 'unwanted'
  return planner.room.whyNot(target, now)
}
