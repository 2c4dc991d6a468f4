// Keeps a room's records in a store, one write at a time and never in the way of the room: of what waits for one that is slow
// only the newest is kept, as of all else; a store that fails costs a warning, and the room goes on in memory.

import type { PeerId, SignedRecord, Store, StoredRecord } from '@hearsay/core'
import { GossipError } from '../errors.js'
import { Marks } from './marks.js'
import type { Kept } from './past.js'

export interface KeeperOptions {
  readonly store: Store
  /** What is kept at most. */
  readonly bounds: { readonly messages: number; readonly bytes: number }
  /** Whose messages are this node's own. */
  readonly author: PeerId
  /** Milliseconds since 1970. */
  readonly wall: () => number
  readonly warn: (error: GossipError) => void
}

/** A store that lets so much go by while it writes once is too slow for what is said, which somebody should know. */
const SLOW_BYTES = 64 * 1024 * 1024

export class Keeper {
  readonly #options: KeeperOptions
  /** The oldest first; what lies before `#first` has been let go. */
  #waiting: StoredRecord[] = []
  #first = 0
  #messages = 0
  #bytes = 0
  /** Bytes that were let go since the last write began. */
  #passedOver = 0
  #isSlow = false
  /** What is to be remembered; null before it is known what was. */
  #marks: Marks | null = null
  #isMarked = false
  #writing: Promise<void> | null = null
  #failed = false
  #isClosing = false

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  /**
   * All that is held, each author's in order, authors among each other as it came, and what is remembered; nothing if any of it
   * cannot be read. From now on the room counts as joined.
   */
  async load(): Promise<Kept> {
    const { store } = this.#options
    const all: StoredRecord[] = []
    let marks: Marks | null = null
    try {
      const note = await store.remembered?.()
      marks = note ? Marks.fromBytes(note) : null
      for (const { author, epoch, floor, next } of await store.vector()) {
        for await (const stored of store.read({ author, epoch, from: floor, to: next })) all.push(stored)
      }
    } catch (error) {
      this.#fail('the store cannot be read', error)
      return { records: [], marks: null }
    }
    marks?.retain(this.#ownEpochs(all))
    this.#marks = marks ?? this.#marksOf(all)
    if (!marks) this.#mark()
    return { records: merged(all), marks: all.length > 0 && store.remember ? this.#marks : marks }
  }

  /** A peer has these own messages, of this life or of an earlier one. */
  confirmed(epoch: number, from: number, to: number): void {
    if (this.#marks?.confirm(epoch, from, to)) this.#mark()
  }

  keep(record: SignedRecord, receivedAt: number): void {
    if (this.#failed) return
    this.#messages += record.header.count
    this.#bytes += record.block.byteLength
    this.#waiting.push({ record, receivedAt })
    this.#letGo()
    this.#writing ??= this.#write()
  }

  /** Resolves when everything is written, or cannot be, and the store is closed. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.#writing
    try {
      await this.#options.store.close()
    } catch (error) {
      this.#fail('the store cannot be closed', error)
    }
  }

  /** What would be pruned as soon as it is written need not be written; the newest is kept even if it exceeds the bounds alone. */
  #letGo(): void {
    const { messages, bytes } = this.#options.bounds
    while (this.#first < this.#waiting.length - 1 && (this.#messages > messages || this.#bytes > bytes)) {
      const { header, block } = (this.#waiting[this.#first] as StoredRecord).record
      this.#messages -= header.count
      this.#bytes -= block.byteLength
      this.#passedOver += block.byteLength
      this.#first++
    }
    // Moving the rest only once half of them is dead keeps this constant on average.
    if (this.#first > this.#waiting.length / 2) {
      this.#waiting.splice(0, this.#first)
      this.#first = 0
    }
    if (this.#passedOver <= SLOW_BYTES || this.#isSlow) return
    this.#isSlow = true
    this.#warn('the store is too slow: not all that is said is kept', null)
  }

  async #write(): Promise<void> {
    // What comes in the same tick is written together.
    await Promise.resolve()
    while ((this.#waiting.length > 0 || this.#isMarked) && !this.#failed) {
      const batch = this.#waiting.slice(this.#first)
      this.#waiting = []
      this.#first = 0
      this.#messages = 0
      this.#bytes = 0
      this.#passedOver = 0
      try {
        // First, for of records without a note nobody knows that they are unheard.
        if (this.#isMarked) await this.#remember()
        if (batch.length > 0) await this.#keepAll(batch)
      } catch (error) {
        this.#fail('the store cannot be written', error)
      }
    }
    this.#writing = null
  }

  /** Without a note, of an earlier version or damaged: what was said here counts as heard, lest who comes is given all of it. */
  #marksOf(records: readonly StoredRecord[]): Marks {
    const { author, wall } = this.#options
    const marks = new Marks(records.reduce((least, { receivedAt }) => Math.min(least, receivedAt), wall()))
    for (const { header } of records.map(({ record }) => record)) {
      if (header.author === author) marks.confirm(header.epoch, header.firstSeq, header.firstSeq + header.count)
    }
    return marks
  }

  #ownEpochs(records: readonly StoredRecord[]): ReadonlySet<number> {
    const headers = records.map(({ record }) => record.header)
    return new Set(headers.filter(({ author }) => author === this.#options.author).map(({ epoch }) => epoch))
  }

  async #keepAll(batch: readonly StoredRecord[]): Promise<void> {
    await this.#options.store.append(batch)
    await this.#options.store.prune(this.#options.bounds)
  }

  #mark(): void {
    if (this.#failed || this.#isClosing || !this.#options.store.remember) return
    this.#isMarked = true
    this.#writing ??= this.#write()
  }

  async #remember(): Promise<void> {
    this.#isMarked = false
    if (this.#marks) await this.#options.store.remember?.(this.#marks.toBytes())
  }

  #fail(what: string, cause: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.#waiting = []
    this.#first = 0
    this.#warn(`${what}; from now on the room is kept in memory`, cause)
  }

  #warn(message: string, cause: unknown): void {
    this.#options.warn(new GossipError('ERR_STORE', message, { cause }))
  }
}

/**
 * By time, of records that are in order author by author, and stay so: one counts as having come no later than what follows it,
 * whether it came late or the clock stepped back.
 */
function merged(records: readonly StoredRecord[]): readonly StoredRecord[] {
  const timed = records.map((stored) => ({ stored, at: stored.receivedAt }))
  for (let index = timed.length - 2; index >= 0; index--) {
    const [one, next] = [timed[index], timed[index + 1]]
    if (one && next && one.stored.record.header.author === next.stored.record.header.author) {
      one.at = Math.min(one.at, next.at)
    }
  }
  return timed.sort((one, other) => one.at - other.at).map(({ stored }) => stored)
}
