// What was delivered, in order, bounded like the arrival log, with readers as positions in it. A reader that never starts
// costs nothing; one that pauses tells so, and whoever feeds the log stops taking from peers.

import type { Delivery, HistoryQuery } from '@hearsay/core'

interface Entry {
  readonly delivery: Delivery
  readonly own: boolean
}

interface Reader {
  position: number
  readonly policy: NonNullable<HistoryQuery['follow']>
  wake: (() => void) | null
}

/** A paused reader may lag this share of the log's bounds before peers are held back. */
const LAG_SHARE = 0.5

export class DeliveryLog {
  readonly #bounds: { readonly messages: number; readonly bytes: number }
  readonly #onPressure: (pressed: boolean) => void
  readonly #readers = new Set<Reader>()
  #entries: Entry[] = []
  /** The position of `#entries[#offset]`; what lies before the offset is gone. */
  #oldest = 0
  #offset = 0
  #bytes = 0
  #closed = false
  #pressed = false

  constructor(bounds: { messages: number; bytes: number }, onPressure: (pressed: boolean) => void) {
    this.#bounds = bounds
    this.#onPressure = onPressure
  }

  append(delivery: Delivery, own: boolean): void {
    this.#entries.push({ delivery, own })
    this.#bytes += delivery.payload.byteLength
    while (this.#length > 1 && (this.#length > this.#bounds.messages || this.#bytes > this.#bounds.bytes)) this.#evict()
    for (const reader of this.#readers) reader.wake?.()
    this.#weigh()
  }

  /** What matches the query now, or also what comes until the log is closed. */
  async *read(query: HistoryQuery): AsyncGenerator<Delivery, void, undefined> {
    if (query.follow) yield* this.#follow(query, query.follow)
    else yield* this.#retained(query)
  }

  /** Ends every reader once it has read what is there. */
  close(): void {
    this.#closed = true
    for (const reader of this.#readers) reader.wake?.()
  }

  get #length(): number {
    return this.#entries.length - this.#offset
  }

  get #next(): number {
    return this.#oldest + this.#length
  }

  *#retained(query: HistoryQuery): Generator<Delivery> {
    const end = this.#next
    for (let position = this.#oldest; position < end; position++) {
      const entry = this.#at(Math.max(position, this.#oldest))
      if (entry && matches(entry.delivery, query)) yield entry.delivery
    }
  }

  async *#follow(query: HistoryQuery, policy: Reader['policy']): AsyncGenerator<Delivery> {
    const reader: Reader = { position: this.#oldest, policy, wake: null }
    this.#readers.add(reader)
    try {
      while (true) {
        const entry = this.#advance(reader)
        if (entry) {
          if (!entry.own && matches(entry.delivery, query)) yield entry.delivery
        } else if (this.#closed) return
        else await this.#more(reader)
      }
    } finally {
      this.#readers.delete(reader)
      this.#weigh()
    }
  }

  #advance(reader: Reader): Entry | undefined {
    const floor = reader.policy === 'latest' ? this.#next - 1 : this.#oldest
    reader.position = Math.max(reader.position, floor)
    const entry = this.#at(reader.position)
    if (entry) reader.position++
    if (reader.policy === 'pause') this.#weigh()
    return entry
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

  #evict(): void {
    this.#bytes -= this.#entries[this.#offset]?.delivery.payload.byteLength ?? 0
    this.#oldest++
    this.#offset++
    // Moving the rest only once half the array is dead keeps eviction constant on average.
    if (this.#offset < 1_024 || this.#offset * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#offset)
    this.#offset = 0
  }

  /** Peers are held back while a reader that must not lose anything lags too far. */
  #weigh(): void {
    let lag = 0
    for (const reader of this.#readers) if (reader.policy === 'pause') lag = Math.max(lag, this.#next - reader.position)
    const share = this.#length === 0 ? 0 : (lag / this.#length) * this.#fullness()
    const pressed = share > LAG_SHARE
    if (pressed === this.#pressed) return
    this.#pressed = pressed
    this.#onPressure(pressed)
  }

  #fullness(): number {
    return Math.max(this.#length / this.#bounds.messages, this.#bytes / this.#bounds.bytes)
  }
}

function matches({ author, epoch, seq, receivedAt }: Delivery, query: HistoryQuery): boolean {
  if (query.author !== undefined && author !== query.author) return false
  if (query.epoch !== undefined && epoch !== query.epoch) return false
  if (query.from !== undefined && seq < query.from) return false
  if (query.to !== undefined && seq >= query.to) return false
  return query.since === undefined || receivedAt >= query.since
}
