// What is remembered of places that neighbours hold in bulk, and of those neighbours.

import type { PeerHandle } from '../engine.js'
import type { Source } from '../machine/arrivals.js'
import type { Interval } from '../order/intervals.js'
import type { Claim } from './claim.js'
import { SILENT } from './want.js'

export interface Place {
  readonly key: string
  readonly source: Source
  readonly claims: Map<PeerHandle, Claim>
  fetch: Fetch | null
  /** When something was claimed first, or came. */
  progressAt: number
  /** Infinity if it waits for something else. */
  dueAt: number
}

/** What a neighbour was asked for. */
export interface Fetch {
  readonly peer: PeerHandle
  readonly from: number
  to: number
  /** The number after the last that came. */
  done: number
  /** When it was asked or sent something of it. */
  at: number
  /** True if there is nothing to ask for behind it. */
  isLast: boolean
  /** True if it is waited for no longer than until another can be asked. */
  isHurried: boolean
}

/** A neighbour that claims. */
export interface Claimer {
  readonly places: Set<Place>
  /** Those that wait until it has fewer to send. */
  readonly waiting: Set<Place>
  fetches: number
  /** Claims that it did not keep. */
  broken: number
  heardAt: number
}

/** Whom to ask for what. */
export interface Choice {
  readonly peer: PeerHandle
  /** The least is the best. */
  readonly rank: readonly number[]
  readonly stretch: Interval
}

/** True if several that claim it were silent. */
export function isInVain({ claims }: Place): boolean {
  let silent = 0
  for (const { silences } of claims.values()) if (silences > 0) silent++
  return silent >= SILENT
}

/** Who of those that claim it was silent most often; null if nobody was. */
export function mostSilent({ claims }: Place): PeerHandle | null {
  let most: { readonly peer: PeerHandle; readonly silences: number } | null = null
  for (const [peer, { silences }] of claims) if (silences > (most?.silences ?? 0)) most = { peer, silences }
  return most?.peer ?? null
}

/** True if the first of two ranks is the better one. */
export function isLess(rank: readonly number[], other: readonly number[]): boolean {
  const at = rank.findIndex((value, index) => value !== other[index])
  return at !== -1 && (rank[at] ?? 0) < (other[at] ?? 0)
}
