// Peers and addresses that worked, kept over restarts. This file drives the book in `address-book/book.ts`: it owns the clock,
// the randomness and the database, and decides nothing about who is in the book.

import {
  type Candidate,
  type Clock,
  type Crypto,
  type Logger,
  type Random,
  sodiumCrypto,
  systemClock,
  systemRandom,
} from '@hearsay/core'
import { Book } from './address-book/book.js'
import type {
  AddressBook,
  AddressStats,
  BookDatabase,
  BookEntry,
  BookTarget,
  BookTotals,
  FailedReport,
  HeardReport,
  KnownPeer,
  LinkedReport,
  SampleOptions,
} from './address-book/contract.js'
import { type Entry, isProven, toCandidates, toKnownPeer, toStats } from './address-book/entry.js'
import { importLines } from './address-book/import.js'
import { EXPORT_HEADER, fromRow, toLine, toRow } from './address-book/rows.js'
import { choose } from './address-book/selection.js'
import { Storage } from './address-book/storage.js'
import { asList, type Target, toGiven, toTargets } from './address-book/targets.js'
import type { Tombstones } from './address-book/tombstones.js'
import { closedError, DiscoveryError } from './errors.js'

export interface AddressBookOptions {
  /** Any `abstract-level` database, such as one of `classic-level`; it stays the caller's to close. @default memory */
  readonly database?: BookDatabase
  /** Peers and addresses alone, together; at least 1. @default 4_096 */
  readonly maxPeers?: number
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default systemRandom() */
  readonly random?: Random
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
  readonly logger?: Logger
}

export const DEFAULT_MAX_PEERS = 4_096
/** Reports that wait while the book is loading. */
const MAX_EARLY_REPORTS = 1_024

/**
 * An address book, empty or as the database has it. Throws `TypeError` for a bound that is not a positive integer.
 *
 * @example const book = createAddressBook({ database: new ClassicLevel('addresses') })
 */
export function createAddressBook(options: AddressBookOptions = {}): AddressBook {
  return new StoredBook(options)
}

class StoredBook implements AddressBook {
  readonly #clock: Clock
  readonly #random: Random
  readonly #crypto: Crypto
  readonly #book: Book
  readonly #storage: Storage | null
  readonly #loading: Promise<void>
  /** Wall time that goes on evenly: a clock that is set back or forth while this runs changes nothing. */
  readonly #offset: number
  /** Reports that came before the book was loaded; null when it is. */
  #early: (() => void)[] | null = null
  #closing: Promise<void> | null = null

  constructor(options: AddressBookOptions) {
    const { database, logger, maxPeers = DEFAULT_MAX_PEERS } = options
    if (!Number.isSafeInteger(maxPeers) || maxPeers < 1) throw new TypeError(`maxPeers is a positive integer`)
    this.#clock = options.clock ?? systemClock()
    this.#random = options.random ?? systemRandom()
    this.#crypto = options.crypto ?? sodiumCrypto()
    this.#offset = this.#clock.wall() - this.#clock.now()
    this.#book = new Book({
      maxPeers,
      crypto: this.#crypto,
      secret: this.#random.bytes(32),
      onChange: (name) => this.#storage?.touch(name),
    })
    const read = (name: string): string | null => this.#rowOf(name)
    this.#storage = database ? new Storage({ database, clock: this.#clock, logger, read }) : null
    this.#loading = this.#storage ? this.#load(this.#storage) : Promise.resolve()
  }

  ready(): Promise<void> {
    return this.#loading
  }

  async save(entries: BookEntry | readonly BookEntry[]): Promise<void> {
    const given = asList(entries).map((entry) => toGiven(entry, this.#crypto))
    await this.#open()
    for (const each of given) this.#book.save(each, this.#now())
    await this.#storage?.flush()
  }

  async remove(targets: BookTarget | readonly BookTarget[]): Promise<number> {
    const named = asList(targets).flatMap(toTargets)
    await this.#open()
    const removed = named.filter((target) => this.#book.remove(target, this.#now())).length
    await this.#storage?.flush()
    return removed
  }

  async *known({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<KnownPeer, undefined> {
    await this.#open()
    for (const { key } of this.#book.ledger.values()) {
      if (signal?.aborted) throw new DiscoveryError('ERR_ABORTED', 'the listing was aborted', { cause: signal.reason })
      const entry = this.#book.ledger.get(key)
      if (entry) yield toKnownPeer(entry, this.#now())
    }
  }

  getStats(): Promise<BookTotals>
  getStats(target: BookTarget): Promise<AddressStats | null>
  async getStats(target?: BookTarget): Promise<BookTotals | AddressStats | null> {
    const named = target === undefined ? null : toTargets(target)[0]
    await this.#open()
    if (named === null) return this.#book.totals(this.#now())
    return named ? this.#statsOf(named) : null
  }

  async *export(): AsyncGenerator<string, undefined> {
    await this.#open()
    yield EXPORT_HEADER
    for (const entry of this.#book.ledger.values()) if (isOwnWord(entry)) yield toLine(entry)
  }

  async import(lines: string | Iterable<string> | AsyncIterable<string>): Promise<{ added: number; refused: number }> {
    await this.#open()
    const outcome = await importLines(lines, {
      crypto: this.#crypto,
      take: (report) => this.#closing === null && this.#book.hear(report, 'import', this.#now()),
    })
    await this.#storage?.flush()
    return outcome
  }

  sample(n: number, { topic, membersOnly = false, except = () => false, random }: SampleOptions = {}): Candidate[] {
    const now = this.#now()
    const how = { random: random ?? this.#random, now }
    const all = this.#book.ledger.values().filter(({ peer }) => peer === null || !except(peer))
    const isMember = ({ topics }: Entry): boolean => topic !== undefined && topics.has(topic)
    const members = choose(all.filter(isMember), n, how)
    const strangers = membersOnly ? [] : all.filter((entry) => !isMember(entry))
    const others = choose(strangers, n - members.length, how)
    return [...members, ...others].flatMap((entry) => toCandidates(entry, now))
  }

  onLinked(report: LinkedReport): void {
    this.#report(() => this.#book.linked(report, this.#now()))
  }

  onUnlinked({ peer }: { readonly peer: LinkedReport['peer'] }): void {
    this.#report(() => this.#book.unlinked(peer, this.#now()))
  }

  onFailed(report: FailedReport): void {
    this.#report(() => this.#book.failed(report, this.#now()))
  }

  onHeard(report: HeardReport): boolean {
    if (this.#closing || this.#early) return false
    return this.#book.hear(report, 'heard', this.#now())
  }

  close(): Promise<void> {
    this.#closing ??= this.#loading.then(() => this.#storage?.close())
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #now(): number {
    return this.#offset + this.#clock.now()
  }

  async #open(): Promise<void> {
    if (!this.#closing) await this.#loading
    if (this.#closing) throw closedError('book')
  }

  /** What comes while the book is loading waits for it, within a bound: the newest reports count. */
  #report(run: () => void): void {
    if (this.#closing) return
    if (!this.#early) return run()
    this.#early.push(run)
    if (this.#early.length > MAX_EARLY_REPORTS) this.#early.shift()
  }

  #statsOf({ peer, place }: Target): AddressStats | null {
    const now = this.#now()
    if (peer !== null) {
      const entry = this.#book.ledger.get(peer)
      return entry && toStats([...entry.places.values()], entry.lastSeen, now)
    }
    const places = this.#book.ledger.at(place ?? '').flatMap((entry) => entry.places.get(place ?? '') ?? [])
    return places.length === 0 ? null : toStats(places, null, now)
  }

  async #load(storage: Storage): Promise<void> {
    this.#early = []
    await storage.load((name, row) => this.#restore(name, row))
    const early = this.#early
    this.#early = null
    for (const run of early) run()
  }

  #restore(name: string, row: string): void {
    const now = this.#now()
    const key = name.substring(2)
    const stones = this.#stonesOf(name)
    if (stones) return restoreStone(stones, { key, row, now })
    const entry = fromRow(row, { crypto: this.#crypto, now })
    if (name !== `p/${entry.key}`) throw new TypeError('the row of another entry')
    this.#book.ledger.put(entry, now)
  }

  #rowOf(name: string): string | null {
    const key = name.substring(2)
    const stones = this.#stonesOf(name)
    if (stones) {
      const stone = stones.get(key, this.#now())
      return stone && JSON.stringify(stone)
    }
    const entry = this.#book.ledger.get(key)
    // Hearsay is not worth a disk that strangers could keep busy.
    return entry && entry.origin !== 'heard' ? toRow(entry) : null
  }

  #stonesOf(name: string): Tombstones | null {
    return name.startsWith('r/') ? this.#book.removed : name.startsWith('d/') ? this.#book.dropped : null
  }
}

/** Reached here, or given to this node: not somebody's word alone. */
function isOwnWord(entry: Entry): boolean {
  return entry.origin === 'hand' || entry.origin === 'import' || isProven(entry)
}

/** One of a clock that was ahead stands a day from now, not longer; one that is older than a day goes. */
function restoreStone(stones: Tombstones, { key, row, now }: { key: string; row: string; now: number }): void {
  const { at, seq } = JSON.parse(row) as { at: unknown; seq: unknown }
  if (typeof at !== 'number' || !Number.isSafeInteger(seq)) throw new TypeError('not a tombstone')
  stones.bury(key, { at: Math.min(at, now), seq: Number(seq) })
  stones.get(key, now)
}
