// A topic's history in any `abstract-level` database. Each append is one batch, so that a crash leaves all of it or nothing;
// a damaged row is dropped, and counts as never received: peers have it still.

import {
  type Crypto,
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
  readonly #opened: Promise<void>
  /** What is asked of it is done one after another. */
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(database: StoreDatabase, topic: Topic, options: LevelStoreOptions) {
    this.#database = database
    this.#rows = new Rows(topic, options.crypto ?? sodiumCrypto())
    this.#options = options
    this.#opened = this.#open()
    // Whoever asks for something hears of it.
    this.#opened.catch(() => {})
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
    if (damaged.length > 0) await this.#drop(damaged)
  }

  vector(): Promise<readonly StoreHead[]> {
    return this.#enqueue(async () => {
      const heads: StoreHead[] = []
      for await (const [key] of this.#database.iterator({ ...this.#rows.records, ...VIEW })) {
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

  async close(): Promise<void> {
    this.#closed = true
    await this.#last
  }

  #enqueue<Result>(run: () => Promise<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(new GossipError('ERR_CLOSED', 'the store is closed'))
    const result = this.#last.then(() => this.#opened).then(run)
    this.#last = result.catch(() => {})
    return result
  }

  async #open(): Promise<void> {
    for await (const [key, row] of this.#database.iterator({ ...this.#rows.arrivals, ...VIEW })) {
      const { messages, bytes } = this.#rows.arrivedOf(row)
      this.#messages += messages
      this.#bytes += bytes
      this.#nextArrival = this.#rows.arrivalOf(key) + 1
    }
  }

  async #append(records: readonly StoredRecord[]): Promise<void> {
    const fresh = new Map(records.map((stored) => [this.#rows.keyOf(stored.record), stored]))
    const keys = [...fresh.keys()]
    const held = await this.#database.getMany(keys, VIEW)
    for (const [index, key] of keys.entries()) if (held[index] !== undefined) fresh.delete(key)
    if (fresh.size === 0) return
    let arrival = this.#nextArrival
    const operations = [...fresh.values()].flatMap((stored) => this.#rows.put(stored, arrival++))
    await this.#database.batch(operations, { ...VIEW, sync: this.#options.sync ?? false })
    this.#nextArrival = arrival
    for (const { record } of fresh.values()) {
      this.#messages += record.header.count
      this.#bytes += record.block.byteLength
    }
  }

  async #prune(limits: { readonly messages: number; readonly bytes: number }): Promise<readonly StoredRecord[]> {
    const dropped: StoredRecord[] = []
    const operations: Operation[] = []
    let [messages, bytes] = [this.#messages, this.#bytes]
    if (messages <= limits.messages && bytes <= limits.bytes) return dropped
    for await (const [key, row] of this.#database.iterator({ ...this.#rows.arrivals, ...VIEW })) {
      if (messages <= limits.messages && bytes <= limits.bytes) break
      const arrived = this.#rows.arrivedOf(row)
      messages -= arrived.messages
      bytes -= arrived.bytes
      operations.push({ type: 'del', key })
      const [value] = await this.#database.getMany([arrived.key], VIEW)
      const stored = value && this.#rows.decode(arrived.key, value)
      // One that was damaged, and came again, goes when its second arrival does.
      if (stored && stored.arrival !== this.#rows.arrivalOf(key)) continue
      operations.push({ type: 'del', key: arrived.key })
      if (stored) dropped.push({ record: stored.record, receivedAt: stored.receivedAt })
    }
    await this.#database.batch(operations, VIEW)
    this.#messages = messages
    this.#bytes = bytes
    return dropped
  }

  /** Their rows of arrival stay, and go in their turn. */
  async #drop(damaged: readonly string[]): Promise<void> {
    await this.#enqueue(() =>
      this.#database.batch(
        damaged.map((key) => ({ type: 'del', key })),
        VIEW,
      ),
    )
    this.#options.onDamage?.(damaged.length)
  }
}
