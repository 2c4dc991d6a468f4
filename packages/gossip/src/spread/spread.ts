// What makes one engine differ from another: how a record that is new here goes on to each neighbour, and what is learnt from
// how it came. Everything else is the room machine's.

import type { PeerId } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'
import type { Account } from '../machine/accounts.js'
import type { Arrival, Source } from '../machine/arrivals.js'
import type { Neighbour } from '../machine/neighbour.js'
import type { News } from '../repair/news.js'

/**
 * How a neighbour learns of a record: it is sent; it is told that nobody sends it unless it asks; it is told in a while,
 * should the push that it waits for not come.
 */
export type Way = 'push' | 'offer' | 'have'

/** What is known where a record goes on. */
export interface Crossing {
  readonly neighbour: Neighbour
  readonly arrival: Arrival
  /** True if it is of before the neighbour's channel opened. */
  readonly isPast: boolean
  /** True if there is no other neighbour that it could go to. */
  readonly isOnly: boolean
  readonly now: number
}

/** A strategy of dissemination; it sees every neighbour and arrival of one room. */
export interface Spread {
  /** The way of a record to a neighbour that lacks it. */
  wayOf(crossing: Crossing): Way
  /** A new record was accepted; `from` is null for own ones. */
  onAccepted(
    arrival: Arrival,
    how: { readonly from: Neighbour | null; readonly news: News; readonly now: number },
  ): void
  /** A neighbour sent unasked what was here already. */
  onDuplicate(neighbour: Neighbour, arrival: Arrival, now: number): void
  /** A neighbour was asked by us, or asked us, for a record of this author. */
  onAsking(neighbour: Neighbour, source: Source): void
  onAsked(neighbour: Neighbour, source: Source): void
  /** A neighbour wants no records of these authors unasked, or wants them again; none: of all authors. */
  onPrune(neighbour: Neighbour, sources: readonly Source[], now: number): void
  onGraft(neighbour: Neighbour, sources: readonly Source[], now: number): void
  onPeerDown(peer: PeerHandle, now: number): void
  /** For those that spread in rounds: arrivals from here on wait for the next one. */
  readonly upTo?: number
  /** When the next round is due. */
  readonly dueAt?: number
  /** Begins a round if one is due, in which all before this position goes on. */
  beginRound?(next: number, now: number): boolean
  /** All before this position was here before: it is no news. */
  onRestored?(next: number): void
  /** A round is due by hand. */
  onTick?(): void
  /** Authors of whom something is remembered. */
  readonly trees?: Account
  /** How long a push is waited for when a neighbour says that it has a record of this author, in ms. */
  pullDelayMs(author: PeerId): number
}

export type MakeSpread = (neighbours: ReadonlyMap<PeerHandle, Neighbour>) => Spread
