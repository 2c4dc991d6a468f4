// Keeps a room's records in a store, one write at a time and never in the way of the room: a store that fails costs a warning,
// and the room goes on in memory.

import type { SignedRecord, Store, StoredRecord } from '@hearsay/core'
import type { Input } from '../engine.js'
import { GossipError } from '../errors.js'

export interface KeeperOptions {
  readonly store: Store
  /** What is kept at most. */
  readonly bounds: { readonly messages: number; readonly bytes: number }
  readonly warn: (error: GossipError) => void
}

/** What came to others so long before the last that was kept is asked for too: it may have been on its way. */
const OVERLAP_MS = 10_000

export class Keeper {
  readonly #options: KeeperOptions
  #waiting: StoredRecord[] = []
  #messages = 0
  #bytes = 0
  #writing: Promise<void> | null = null
  #failed = false

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  /** All that is held, as it came; nothing if it cannot be read. */
  async load(): Promise<readonly StoredRecord[]> {
    const { store } = this.#options
    const all: StoredRecord[] = []
    try {
      for (const { author, epoch, floor, next } of await store.vector()) {
        for await (const stored of store.read({ author, epoch, from: floor, to: next })) all.push(stored)
      }
    } catch (error) {
      this.#fail('the store cannot be read', error)
    }
    // Each author's records are in order already, and stay so.
    return all.sort((a, b) => a.receivedAt - b.receivedAt)
  }

  keep(record: SignedRecord, receivedAt: number): void {
    if (this.#failed) return
    const { messages, bytes } = this.#options.bounds
    this.#messages += record.header.count
    this.#bytes += record.block.byteLength
    if (this.#waiting.length > 0 && (this.#messages > messages || this.#bytes > bytes)) {
      return this.#fail('the store is too slow', null)
    }
    this.#waiting.push({ record, receivedAt })
    this.#writing ??= this.#write()
  }

  /** Resolves when everything is written, or cannot be, and the store is closed. */
  async close(): Promise<void> {
    await this.#writing
    try {
      await this.#options.store.close()
    } catch (error) {
      this.#fail('the store cannot be closed', error)
    }
  }

  async #write(): Promise<void> {
    // What comes in the same tick is written together.
    await Promise.resolve()
    while (this.#waiting.length > 0 && !this.#failed) {
      const batch = this.#waiting
      this.#waiting = []
      this.#messages = 0
      this.#bytes = 0
      try {
        await this.#options.store.append(batch)
        await this.#options.store.prune(this.#options.bounds)
      } catch (error) {
        this.#fail('the store cannot be written', error)
      }
    }
    this.#writing = null
  }

  #fail(what: string, cause: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.#waiting = []
    this.#options.warn(new GossipError('ERR_STORE', `${what}; from now on the room is kept in memory`, { cause }))
  }
}

/** What a room is told that was here before: `now` is its clock's time, `wall` the same in milliseconds since 1970. */
export function restoring(
  kept: readonly StoredRecord[],
  { now, wall }: { readonly now: number; readonly wall: number },
): Extract<Input, { type: 'restore' }> {
  const ages = kept.map(({ receivedAt }) => Math.max(0, wall - receivedAt))
  const records = kept.map((stored, index) => ({ ...stored, at: now - (ages[index] ?? 0) }))
  const age = ages.reduce((least, one) => Math.min(least, one), Number.MAX_SAFE_INTEGER) + OVERLAP_MS
  return { type: 'restore', records, since: { age } }
}
