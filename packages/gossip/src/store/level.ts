// A topic's history in any `abstract-level` database. Each append is one batch, so that a crash leaves all of it or nothing;
// a damaged row is dropped, and counts as never received: peers have it still. Rows of arrivals that do not agree with those
// of records, whatever befell them, are made anew.

import {
  type Crypto,
  type SignedRecord,
  type Store,
  type StoredRecord,
  type StoreHead,
  type StoreRange,
  sodiumCrypto,
  type Topic,
} from '@hearsay/core'
import { GossipError } from '../errors.js'
import { type Operation, type StoreDatabase, VIEW } from './database.js'
import { Rows } from './rows.js'

export interface LevelStoreOptions {
  /** Ask the database to wait for the disk at each append: also a crash of the machine then loses nothing. @default false */
  readonly sync?: boolean
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
  /** Told how many rows were damaged and are dropped. */
  readonly onDamage?: (rows: number) => void
}

/** The most messages that one record has: one that begins so far before a range may reach into it. */
const MAX_COUNT = 1_024

/** The history of one topic; the database stays its caller's to close, and may hold other topics and other things. */
export function levelStore(database: StoreDatabase, topic: Topic, options: LevelStoreOptions = {}): Store {
  return new LevelStore(database, topic, options)
}

class LevelStore implements Store {
  readonly #database: StoreDatabase
  readonly #rows: Rows
  readonly #options: LevelStoreOptions
  #messages = 0
  #bytes = 0
  #nextArrival = 0
  /** Of the record that came last. */
  #newest = -1
  /** True while what is counted here is what the database holds. */
  #isCounted = false
  /** What is asked of it is done one after another. */
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(database: StoreDatabase, topic: Topic, options: LevelStoreOptions) {
    this.#database = database
    this.#rows = new Rows(topic, options.crypto ?? sodiumCrypto())
    this.#options = options
  }

  append(records: readonly StoredRecord[]): Promise<void> {
    const batch = [...records]
    return this.#enqueue(() => this.#append(batch))
  }

  async *read({ author, epoch, from, to }: StoreRange): AsyncGenerator<StoredRecord> {
    await this.#enqueue(async () => {})
    const damaged: string[] = []
    const range = this.#rows.recordsOf({ author, epoch }, Math.max(0, from - MAX_COUNT), to)
    for await (const [key, row] of this.#database.iterator({ ...range, ...VIEW })) {
      const { firstSeq, end } = this.#rows.placeOf(key)
      if (Math.max(firstSeq, from) >= Math.min(end, to)) continue
      const stored = this.#rows.decode(key, row)
      if (stored) yield { record: stored.record, receivedAt: stored.receivedAt }
      else damaged.push(key)
    }
    if (damaged.length > 0) await this.#enqueue(() => this.#rebuild())
  }

  vector(): Promise<readonly StoreHead[]> {
    return this.#enqueue(async () => {
      const heads: StoreHead[] = []
      for await (const key of this.#database.keys({ ...this.#rows.records, ...VIEW })) {
        const { author, epoch, firstSeq, end } = this.#rows.placeOf(key)
        const last = heads.at(-1)
        if (last?.author === author && last.epoch === epoch) {
          heads[heads.length - 1] = { ...last, next: Math.max(last.next, end) }
        } else heads.push({ author, epoch, floor: firstSeq, next: end })
      }
      return heads
    })
  }

  prune(limits: { readonly messages: number; readonly bytes: number }): Promise<readonly StoredRecord[]> {
    return this.#enqueue(() => this.#prune(limits))
  }

  remember(note: Uint8Array): Promise<void> {
    const operation = this.#rows.putNote(note)
    return this.#enqueue(() => this.#database.batch([operation], VIEW))
  }

  remembered(): Promise<Uint8Array | null> {
    return this.#enqueue(async () => {
      const [row] = await this.#database.getMany([this.#rows.noteKey], VIEW)
      const note = row ? this.#rows.noteOf(row) : null
      if (row && !note) this.#options.onDamage?.(1)
      return note
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#last
  }

  #enqueue<Result>(run: () => Promise<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(new GossipError('ERR_CLOSED', 'the store is closed'))
    const result = this.#last.then(() => this.#count()).then(run)
    this.#last = result.catch(() => {})
    return result
  }

  /** Counts what is there, if that is not known; every record has one arrival then. */
  async #count(): Promise<void> {
    if (this.#isCounted) return
    const named = new Set<string>()
    let [isWhole, damaged] = [true, 0]
    this.#begin()
    for await (const [key, row] of this.#database.iterator({ ...this.#rows.arrivals, ...VIEW })) {
      const arrived = this.#rows.arrivedOf(key, row)
      if (!arrived && !this.#rows.isUnchecked(row)) damaged++
      if (!arrived || named.has(arrived.key)) isWhole = false
      else {
        named.add(arrived.key)
        this.#add(arrived, this.#rows.arrivalOf(key))
      }
    }
    for await (const key of this.#database.keys({ ...this.#rows.records, ...VIEW })) {
      if (!named.delete(key)) isWhole = false
    }
    if (isWhole && named.size === 0) this.#isCounted = true
    else await this.#rebuild(damaged + named.size)
  }

  /** Drops damaged records, and makes the rows of arrivals anew from the others; `damaged` rows were found already. */
  async #rebuild(damaged = 0): Promise<void> {
    const operations: Operation[] = []
    this.#begin()
    for await (const key of this.#database.keys({ ...this.#rows.arrivals, ...VIEW })) {
      operations.push({ type: 'del', key })
    }
    for await (const [key, row] of this.#database.iterator({ ...this.#rows.records, ...VIEW })) {
      const stored = this.#rows.decode(key, row)
      if (stored) {
        operations.push(this.#rows.putArrival(stored.record, stored.arrival))
        this.#add(sizeOf(stored.record), stored.arrival)
      } else {
        operations.push({ type: 'del', key })
        damaged++
      }
    }
    await this.#write(operations)
    if (damaged > 0) this.#options.onDamage?.(damaged)
  }

  #begin(): void {
    this.#isCounted = false
    this.#messages = 0
    this.#bytes = 0
    this.#newest = -1
    this.#nextArrival = 0
  }

  #add({ messages, bytes }: Size, arrival: number): void {
    this.#messages += messages
    this.#bytes += bytes
    this.#newest = Math.max(this.#newest, arrival)
    this.#nextArrival = this.#newest + 1
  }

  /** What was not written may have been all the same: then it is counted again. */
  async #write(operations: Operation[], sync: boolean = this.#options.sync ?? false): Promise<void> {
    this.#isCounted = false
    await this.#database.batch(operations, { ...VIEW, sync })
    this.#isCounted = true
  }

  async #append(records: readonly StoredRecord[]): Promise<void> {
    const fresh = new Map(records.map((stored) => [this.#rows.keyOf(stored.record), stored]))
    const keys = [...fresh.keys()]
    const held = await this.#database.getMany(keys, VIEW)
    for (const [index, key] of keys.entries()) {
      const row = held[index]
      if (row && this.#rows.decode(key, row)) fresh.delete(key)
    }
    if (fresh.size === 0) return
    const arrivals = [...fresh.values()].map((stored, index) => ({ stored, arrival: this.#nextArrival + index }))
    await this.#write(arrivals.flatMap(({ stored, arrival }) => this.#rows.put(stored, arrival)))
    for (const { stored, arrival } of arrivals) this.#add(sizeOf(stored.record), arrival)
  }

  async #prune(limits: { readonly messages: number; readonly bytes: number }): Promise<readonly StoredRecord[]> {
    const dropped: StoredRecord[] = []
    const operations: Operation[] = []
    let [messages, bytes, damaged] = [this.#messages, this.#bytes, 0]
    if (messages <= limits.messages && bytes <= limits.bytes) return dropped
    const last = limits.messages > 0 && limits.bytes > 0 ? this.#newest : Number.POSITIVE_INFINITY
    for await (const [key, row] of this.#database.iterator({ ...this.#rows.arrivals, ...VIEW })) {
      const arrival = this.#rows.arrivalOf(key)
      if (arrival >= last || (messages <= limits.messages && bytes <= limits.bytes)) break
      const arrived = this.#rows.arrivedOf(key, row)
      if (!arrived) {
        await this.#rebuild(1)
        return this.#prune(limits)
      }
      messages -= arrived.messages
      bytes -= arrived.bytes
      operations.push({ type: 'del', key })
      const [value] = await this.#database.getMany([arrived.key], VIEW)
      const stored = value && this.#rows.decode(arrived.key, value)
      // One that was damaged, and came again, goes when its second arrival does.
      if (stored && stored.arrival !== arrival) continue
      operations.push({ type: 'del', key: arrived.key })
      if (stored) dropped.push({ record: stored.record, receivedAt: stored.receivedAt })
      else damaged++
    }
    // What a crash brings back goes next time.
    await this.#write(operations, false)
    this.#messages = messages
    this.#bytes = bytes
    if (damaged > 0) this.#options.onDamage?.(damaged)
    return dropped
  }
}

interface Size {
  readonly messages: number
  readonly bytes: number
}

function sizeOf({ header, block }: SignedRecord): Size {
  return { messages: header.count, bytes: block.byteLength }
}
