// What an address book promises: types only. The names `save`, `remove`, `known` and `getStats` are peernet's.

import type { Address, AddressRecord, Candidate, PeerId, Random, TopicId } from '@hearsay/core'

/** How an entry came into the book: given by hand, imported, by a link of our own, or because somebody said so. */
export type BookOrigin = 'hand' | 'import' | 'link' | 'heard'

/** What can be saved: an address as text or parsed, a signed record, or a peer with addresses. */
export type BookEntry =
  | string
  | Address
  | AddressRecord
  | { readonly peer: PeerId | null; readonly addresses: readonly (string | Address)[] }

/** What can be named: an address or a peer id as text, an address, or anything that `known` yields. */
export type BookTarget =
  | string
  | Address
  | { readonly address: string | Address }
  | { readonly peer: PeerId | null; readonly addresses?: readonly (string | Address)[] }

/** One peer, or one address whose peer is not known yet. */
export interface KnownPeer {
  readonly peer: PeerId | null
  /** At most 16; the most promising first. */
  readonly addresses: readonly string[]
  /** The peer's own word on its addresses; the newest that was seen. */
  readonly record: AddressRecord | null
  /** Topics that were shared with it, at most 32. */
  readonly topics: readonly TopicId[]
  /** The last time it was linked. */
  readonly lastSeen: Date | null
  /** This node has reached it itself at one of the addresses. */
  readonly proven: boolean
  readonly origin: BookOrigin
}

/** How an address, or a peer at all its addresses, has fared. */
export interface AddressStats {
  readonly successes: number
  readonly failures: number
  /** Failures since the last success. */
  readonly consecutiveFailures: number
  /** Smoothed round trip in milliseconds; null before the first measurement. */
  readonly rttMs: number | null
  readonly lastSeen: Date | null
  readonly lastTried: Date | null
  /** 0 to 1; 0.5 is unknown. What happened counts half as much a day later. */
  readonly score: number
}

export interface BookTotals {
  readonly peers: number
  readonly addresses: number
  /** Peers that this node has reached itself. */
  readonly proven: number
  readonly tombstones: number
  /** An estimate of the text that is held: addresses, records and topics. */
  readonly bytes: number
}

export interface LinkedReport {
  readonly peer: PeerId
  /** `link.address`: where the peer was dialled, or where it came from. */
  readonly address: Address | null
  /** `link.initiator`: this node dialled, so the address is proven. @default true */
  readonly initiator?: boolean
  readonly rttMs?: number
  /** The peer's own record, verified. */
  readonly record?: AddressRecord | null
  readonly topics?: readonly TopicId[]
}

/** A dial that failed: at one address, or at all of a peer's. */
export interface FailedReport {
  readonly address?: Address
  readonly peer?: PeerId | null
  /**
   * Why. What is this node's own affair, or shows that somebody is there, does not count against the address: `ERR_ABORTED`,
   * `ERR_CLOSED`, `ERR_DESCRIPTORS`, `ERR_DUPLICATE`, `ERR_LIMIT`, `ERR_LISTEN`, `ERR_SUSPENDED`, `ERR_UNWANTED`. `ERR_SELF`
   * purges it: it leads back here. @default a failure
   */
  readonly code?: string
}

/** Somebody's word: it is kept, dialled and forgotten first, and never stored on disk. */
export interface HeardReport {
  readonly peer: PeerId | null
  readonly addresses: readonly Address[]
  readonly record?: AddressRecord
  /** Whose word it is; null if a discovery found it by itself. */
  readonly referrer?: PeerId | null
  readonly topic?: TopicId
}

export interface SampleOptions {
  /** Those who shared this topic come first. */
  readonly topic?: TopicId
  /** Only those who shared the topic. @default false */
  readonly membersOnly?: boolean
  /** Never these. */
  readonly except?: (peer: PeerId) => boolean
  /** @default the book's */
  readonly random?: Random
}

/** Peers and addresses that worked, with their statistics. */
export interface AddressBook {
  /** Resolves when what was stored is loaded; never rejects. */
  ready(): Promise<void>
  /** Takes one or more by hand, also after `remove`. Throws `ERR_ADDRESS`, `ERR_PEER_ID`, `ERR_RECORD` and then takes none. */
  save(entries: BookEntry | readonly BookEntry[]): Promise<void>
  /** Forgets one or more; for 24 hours only `save` brings them back. Resolves with how many were known. */
  remove(targets: BookTarget | readonly BookTarget[]): Promise<number>
  /** Everybody in the book. Rejects with `ERR_ABORTED`. */
  known(options?: { readonly signal?: AbortSignal }): AsyncIterable<KnownPeer>
  /** The totals; or how one address or peer has fared, null if it is not in the book. */
  getStats(): Promise<BookTotals>
  getStats(target: BookTarget): Promise<AddressStats | null>
  /** Lines of JSON, a header first: what was proven or given by hand, without topics and statistics. */
  export(): AsyncIterable<string>
  /** Takes what `export` gave, as one text or line by line. Resolves with what became of its entries; rejects with `ERR_IMPORT` for another format. */
  import(lines: string | Iterable<string> | AsyncIterable<string>): Promise<{ added: number; refused: number }>
  /**
   * Up to `n` entries by chance: diverse by network and by introducer, the promising more often, those on the LAN first. What
   * this node reached or was given is one candidate; what it was only told of the same peer is another, with a `referrer`.
   */
  sample(n: number, options?: SampleOptions): readonly Candidate[]
  onLinked(report: LinkedReport): void
  onUnlinked(report: { readonly peer: PeerId }): void
  onFailed(report: FailedReport): void
  /** False if the book does not take it. */
  onHeard(report: HeardReport): boolean
  /** Writes what is not written; the database stays open, it is the caller's. Twice is once. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** What of an `abstract-level` database is used; keys and values are asked for as text, and keys begin with `hearsay/book/1/`. */
export interface BookDatabase {
  iterator(options: {
    readonly gte: string
    readonly lt: string
    readonly keyEncoding: 'utf8'
    readonly valueEncoding: 'utf8'
  }): AsyncIterable<readonly [string, string]>
  batch(
    operations: (
      | { readonly type: 'put'; readonly key: string; readonly value: string }
      | { readonly type: 'del'; readonly key: string }
    )[],
    options: { readonly keyEncoding: 'utf8'; readonly valueEncoding: 'utf8' },
  ): Promise<void>
}
