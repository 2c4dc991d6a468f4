// What was delivered, in order, bounded like the arrival log, with readers as positions in it. A reader that never starts
// costs nothing; one that pauses tells so, and whoever feeds the log stops taking from peers.

import type { Delivery, HistoryQuery } from '@hearsay/core'

interface Entry {
  readonly delivery: Delivery
  readonly own: boolean
  /** Bytes of all that was ever appended before it. */
  readonly bytesBefore: number
}

interface Reader {
  /** What it reads next; where the history begins when it starts. */
  position: number
  readonly query: HistoryQuery
  wake: (() => void) | null
  ended: boolean
}

/** A paused reader may lag this share of the log's bounds before peers are held back, and this before they go on. */
const LAG_SHARE = 0.5
const RESUME_SHARE = 0.25
/**
 * What a paused reader has not read is kept up to so many times the bounds: what peers had on the way when they were held
 * back may be far more messages than the bounds, though few bytes.
 */
const UNREAD_SHARE = 4

export class DeliveryLog {
  readonly #bounds: { readonly messages: number; readonly bytes: number }
  readonly #onPressure: (pressed: boolean) => void
  readonly #readers = new Set<Reader>()
  #entries: (Entry | undefined)[] = []
  /** The position of `#entries[#offset]`; what lies before the offset is gone. */
  #oldest = 0
  #offset = 0
  /** Of all that was ever appended. */
  #bytes = 0
  #closed = false
  #pressed = false

  constructor(bounds: { messages: number; bytes: number }, onPressure: (pressed: boolean) => void) {
    this.#bounds = bounds
    this.#onPressure = onPressure
  }

  append(delivery: Delivery, own: boolean): void {
    this.#entries.push({ delivery, own, bytesBefore: this.#bytes })
    this.#bytes += delivery.payload.byteLength
    this.#trim()
    for (const reader of this.#readers) reader.wake?.()
    this.#weigh()
  }

  /** What matches the query now, or also what comes until the log is closed. */
  read(query: HistoryQuery): AsyncIterableIterator<Delivery> {
    const reader: Reader = { position: 0, query, wake: null, ended: false }
    const deliveries = query.follow ? this.#follow(reader) : this.#retained(query)
    return {
      next: () => deliveries.next(),
      // A generator that waits cannot be returned from: it is woken first.
      return: () => {
        reader.ended = true
        reader.wake?.()
        return deliveries.return(undefined)
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  /** Ends every reader once it has read what is there. */
  close(): void {
    this.#closed = true
    for (const reader of this.#readers) reader.wake?.()
  }

  get #next(): number {
    return this.#oldest + this.#entries.length - this.#offset
  }

  async *#retained(query: HistoryQuery): AsyncGenerator<Delivery, undefined, undefined> {
    const end = this.#next
    for (let position = this.#oldest; position < end; position++) {
      // What was let go while the reader was busy is skipped, never what followed it read twice.
      position = Math.max(position, this.#oldest)
      const entry = position < end ? this.#at(position) : undefined
      if (entry && matches(entry.delivery, query)) yield entry.delivery
    }
    return undefined
  }

  async *#follow(reader: Reader): AsyncGenerator<Delivery, undefined, undefined> {
    reader.position = this.#oldest
    this.#readers.add(reader)
    try {
      while (!reader.ended) {
        const entry = reader.query.follow === 'latest' ? this.#latest(reader) : this.#following(reader)
        if (entry) yield entry.delivery
        else if (this.#closed) break
        else await this.#more(reader)
      }
    } finally {
      this.#readers.delete(reader)
      this.#relax()
    }
    return undefined
  }

  /** The next entry for this reader. */
  #following(reader: Reader): Entry | undefined {
    reader.position = Math.max(reader.position, this.#oldest)
    let entry = this.#at(reader.position)
    while (entry && !isFor(reader, entry)) entry = this.#at(++reader.position)
    if (entry) reader.position++
    if (reader.query.follow === 'pause') this.#relax()
    return entry
  }

  /** The newest entry for this reader among those that it has not seen. */
  #latest(reader: Reader): Entry | undefined {
    const from = Math.max(reader.position, this.#oldest)
    reader.position = this.#next
    for (let position = this.#next - 1; position >= from; position--) {
      const entry = this.#at(position)
      if (entry && isFor(reader, entry)) return entry
    }
    return undefined
  }

  #more(reader: Reader): Promise<void> {
    return new Promise((resolve) => {
      reader.wake = () => {
        reader.wake = null
        resolve()
      }
    })
  }

  #at(position: number): Entry | undefined {
    return this.#entries[position - this.#oldest + this.#offset]
  }

  /** A reader that must not lose anything has read on, or gone. */
  #relax(): void {
    this.#trim()
    this.#weigh()
  }

  /** The newest is kept even if it exceeds the bounds alone. */
  #trim(): void {
    if (this.#fullness(this.#oldest) <= 1) return
    const unread = this.#lowestUnread()
    while (this.#oldest < this.#next - 1) {
      const fullness = this.#fullness(this.#oldest)
      if (fullness <= 1 || (this.#oldest >= unread && fullness <= UNREAD_SHARE)) return
      this.#evict()
    }
  }

  #evict(): void {
    // The array keeps its dead places for a while, but not what was in them.
    this.#entries[this.#offset++] = undefined
    this.#oldest++
    // Moving the rest only once half the array is dead keeps eviction constant on average.
    if (this.#offset < 1_024 || this.#offset * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#offset)
    this.#offset = 0
  }

  /** Peers are held back while a reader that must not lose anything lags too far. */
  #weigh(): void {
    const lag = this.#fullness(this.#lowestUnread())
    const pressed = lag > (this.#pressed ? RESUME_SHARE : LAG_SHARE)
    if (pressed === this.#pressed) return
    this.#pressed = pressed
    this.#onPressure(pressed)
  }

  /** Where the slowest reader stands that must not lose anything. */
  #lowestUnread(): number {
    let lowest = this.#next
    for (const { query, position } of this.#readers) if (query.follow === 'pause') lowest = Math.min(lowest, position)
    return lowest
  }

  /** What share of the bounds all from this position on takes. */
  #fullness(position: number): number {
    const entry = this.#at(Math.max(position, this.#oldest))
    if (!entry) return 0
    const { messages, bytes } = this.#bounds
    return Math.max((this.#next - position) / messages, (this.#bytes - entry.bytesBefore) / bytes)
  }
}

/** Own messages are in the history, not in what is followed. */
function isFor({ query }: Reader, { delivery, own }: Entry): boolean {
  return !own && matches(delivery, query)
}

function matches({ author, epoch, seq, receivedAt }: Delivery, query: HistoryQuery): boolean {
  if (query.author !== undefined && author !== query.author) return false
  if (query.epoch !== undefined && epoch !== query.epoch) return false
  if (query.from !== undefined && seq < query.from) return false
  if (query.to !== undefined && seq >= query.to) return false
  return query.since === undefined || receivedAt >= query.since
}
