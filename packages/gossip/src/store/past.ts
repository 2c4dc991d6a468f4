// What a store kept, as a room takes it up again: its records, which of its own words nobody may have heard, and what to ask for
// that came since.

import type { PeerId, StoredRecord } from '@hearsay/core'
import type { Input } from '../engine.js'
import type { Since } from '../since.js'
import type { Marks } from './marks.js'

/** What came to others so long before the last that was kept is asked for too: it may have been on its way. */
const OVERLAP_MS = 10_000

export interface Kept {
  /** Each author's in order. */
  readonly records: readonly StoredRecord[]
  /** Null if the store cannot remember them, or nothing is kept and the room was never joined with it. */
  readonly marks: Marks | null
}

/**
 * What the machine is to hear first; null if the room was never here. With anything kept it asks for what came since that: a room
 * that ended while it fetched what it asked for first does not ask for the rest again.
 */
export function pastOf(
  { records, marks }: Kept,
  own: { readonly author: PeerId; readonly since: Since; readonly now: number; readonly wall: number },
): Extract<Input, { type: 'restore' }> | null {
  const ageOf = (time: number): number => Math.max(0, own.wall - time)
  const isUnheard = ({ header: { author, epoch, firstSeq, count } }: StoredRecord['record']): boolean =>
    author === own.author && marks?.isConfirmed(epoch, firstSeq, firstSeq + count) !== true
  if (records.length === 0) {
    if (!marks) return null
    return { type: 'restore', records: [], since: sinceFirst(own.since, ageOf(marks.joinedAt) + OVERLAP_MS) }
  }
  const restored = records.map(({ record, receivedAt }) => {
    return { record, receivedAt, at: own.now - ageOf(receivedAt), isUnheard: isUnheard(record) }
  })
  const age = records.reduce((least, { receivedAt }) => Math.min(least, ageOf(receivedAt)), Number.MAX_SAFE_INTEGER)
  return { type: 'restore', records: restored, since: { age: age + OVERLAP_MS } }
}

/**
 * Nothing came of the first join: what was asked for then is still to come, and what was said since. Not the last so many from
 * before it: which these were nobody knows any more, and only what was said since is asked for.
 */
function sinceFirst(since: Since, elapsedMs: number): Since {
  if (since === 'all') return since
  return { age: elapsedMs + (since !== 'live' && 'age' in since ? since.age : 0) }
}
