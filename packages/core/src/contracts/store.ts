// Where a room keeps its history. Records are already verified; a store neither checks nor interprets payloads.

import type { PeerId } from '../peer-id.js'
import type { SignedRecord } from '../record.js'

/** A record with the time it came, in milliseconds since 1970. */
export interface StoredRecord {
  readonly record: SignedRecord
  readonly receivedAt: number
}

/** A half-open range [from, to) of sequence numbers in one author's epoch. */
export interface StoreRange {
  readonly author: PeerId
  readonly epoch: number
  readonly from: number
  readonly to: number
}

/** Where records end in one author's epoch: everything held lies in [floor, next). */
export interface StoreHead {
  readonly author: PeerId
  readonly epoch: number
  readonly floor: number
  readonly next: number
}

/** Verified records of one topic. */
export interface Store {
  /** Keeps the records; one that is held already is not kept twice. Resolves when a crash can no longer lose them, as far as the implementation can promise. */
  append(records: readonly StoredRecord[]): Promise<void>
  /** The records that overlap the range, lowest sequence number first. */
  read(range: StoreRange): AsyncIterable<StoredRecord>
  /** The heads of every (author, epoch) held, in order of author and epoch. */
  vector(): Promise<readonly StoreHead[]>
  /**
   * Drops the records that came first until at most so many messages and bytes are left; answers what was dropped. The newest
   * stays even if it exceeds the limits alone, unless these are 0.
   */
  prune(limits: { readonly messages: number; readonly bytes: number }): Promise<readonly StoredRecord[]>
  /**
   * Keeps a few bytes of the room's own beside the records, in place of those before; a crash of the machine may bring those back.
   * Without it a room takes up again what was kept, but what it said itself in an earlier life counts as heard by nobody.
   */
  remember?(note: Uint8Array): Promise<void>
  /**
   * What was to be remembered last; null if nothing was, or it is damaged: then all that the room said itself counts as heard.
   * There if `remember` is.
   */
  remembered?(): Promise<Uint8Array | null>
  /** Twice is once; other calls then reject with `ERR_CLOSED`. */
  close(): Promise<void>
}
