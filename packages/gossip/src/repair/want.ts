// One record that is missed, and who of those that say they have it was asked how often.

import type { PeerHandle } from '../engine.js'
import type { PlacedRange } from '../serving/notices.js'

/** Questions to one neighbour about one record. */
export const MAX_TRIES = 3
/** When so many were asked and sent nothing, each that is new is asked at once: some tell of what they do not pass on. */
export const SILENT = 2

/** One record that is missed. */
export interface Want extends PlacedRange {
  readonly key: string
  /** How often each was asked. */
  readonly holders: Map<PeerHandle, number>
  /** Who promised it first, and when; a hole is no promise. */
  readonly promise: { readonly peer: PeerHandle; readonly at: number }
  /** True if nobody will push it. */
  offered: boolean
  /** True if we hold another record for its place: its author may have forked. */
  readonly isDoubt: boolean
  dueAt: number
  askedOf: PeerHandle | null
}

/** True if others than the one that is asked were asked, and sent nothing. */
export function isInVain({ holders, askedOf }: Want): boolean {
  let silent = 0
  for (const [peer, tries] of holders) if (tries > 0 && peer !== askedOf) silent++
  return silent >= SILENT
}

export function hasUntried({ holders }: Want): boolean {
  for (const tries of holders.values()) if (tries === 0) return true
  return false
}

/** True if somebody was asked less than the one that is silent. */
export function hasOther({ holders }: Want, silent: PeerHandle): boolean {
  const most = holders.get(silent) ?? MAX_TRIES
  for (const tries of holders.values()) if (tries < most) return true
  return false
}

/** True if somebody may be asked once more. */
export function hasTries({ holders }: Want): boolean {
  for (const tries of holders.values()) if (tries < MAX_TRIES) return true
  return false
}

/** Who was asked most, but for the one that is asked now; null if nobody was. */
export function mostAsked({ holders, askedOf }: Want): PeerHandle | null {
  let most: { readonly peer: PeerHandle; readonly tries: number } | null = null
  for (const [peer, tries] of holders) {
    if (peer !== askedOf && tries > (most?.tries ?? 0)) most = { peer, tries }
  }
  return most?.peer ?? null
}
