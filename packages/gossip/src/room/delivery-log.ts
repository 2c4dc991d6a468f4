// What was delivered, in order, bounded like the arrival log, with readers as positions in it. A reader that never starts
// costs nothing; one that pauses tells so, and whoever feeds the log stops taking from peers.

import type { Delivery, HistoryQuery, PeerId } from '@hearsay/core'
import { placeKey } from '../machine/place-key.js'
import { LateOnes } from './late.js'

/** What consecutive entries share: the messages of one record, mostly. */
interface Run {
  readonly first: Omit<Delivery, 'payload'>
  /** The position of the first. */
  readonly position: number
  readonly kind: Kind
}

/** What is followed; what is only in the history; and what is there before its position. */
type Kind = 'heard' | 'kept' | 'late'

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
 * What a paused reader has not read is kept beyond the bounds, in so many bytes more than these: what was on its way when peers
 * were held back, and what is published here meanwhile. It may be far more messages than the bounds, though few bytes, so that
 * each counts what it costs.
 */
const UNREAD_BYTES = 8 * 1024 * 1024
const MESSAGE_BYTES = 128

export class DeliveryLog {
  readonly #bounds: { readonly messages: number; readonly bytes: number }
  readonly #onPressure: (pressed: boolean) => void
  readonly #onEvicted: (author: PeerId, epoch: number, seq: number) => void
  readonly #readers = new Set<Reader>()
  readonly #late = new LateOnes()
  /**
   * Three columns: payloads, the runs that they are of, and the bytes of all that was ever appended before them. A delivery is
   * made when it is read: an object for each of a hundred thousand would be most of what the garbage collector has to do.
   */
  #payloads: (Uint8Array | undefined)[] = []
  #runs: (Run | undefined)[] = []
  #bytesBefore: number[] = []
  /** The position of what is at `#offset`; what lies before the offset is gone. */
  #oldest = 0
  #offset = 0
  /** Of all that was ever appended. */
  #bytes = 0
  #closed = false
  #pressed = false

  constructor(
    bounds: { messages: number; bytes: number },
    onPressure: (pressed: boolean) => void,
    onEvicted: (author: PeerId, epoch: number, seq: number) => void = () => {},
  ) {
    this.#bounds = bounds
    this.#onPressure = onPressure
    this.#onEvicted = onEvicted
  }

  append(delivery: Delivery, kind: Kind): void {
    const { author, epoch, seq } = delivery
    if (kind === 'late') this.#late.add(placeKey({ author, epoch }), { seq, position: this.#next })
    this.#runs.push(this.#runOf(delivery, kind))
    this.#payloads.push(delivery.payload)
    this.#bytesBefore.push(this.#bytes)
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
    return this.#oldest + this.#payloads.length - this.#offset
  }

  /** The latest run if this message goes on with it, or a new one. */
  #runOf(delivery: Delivery, kind: Kind): Run {
    const last = this.#runs.at(-1)
    const position = this.#next
    if (last?.kind === kind && isNext(last.first, position - last.position, delivery)) return last
    const { author, epoch, seq, time, receivedAt, hops, via, unheard } = delivery
    return { first: { author, epoch, seq, time, receivedAt, hops, via, unheard }, position, kind }
  }

  async *#retained(query: HistoryQuery): AsyncGenerator<Delivery, undefined, undefined> {
    const end = this.#next
    /** By place: what is below was read, if it is here. */
    const reached = new Map<string, number>()
    for (let position = this.#oldest; position < end; position++) {
      // What was let go while the reader was busy is skipped, never what followed it read twice.
      position = Math.max(position, this.#oldest)
      for (const one of this.#late.isEmpty ? [position] : this.#inOrder(position, reached)) {
        const delivery = one < end ? this.#at(one) : undefined
        if (delivery && matches(delivery, query)) yield delivery
      }
    }
    return undefined
  }

  /** The position, unless it was read before it was reached; before it those of its author that came late. */
  #inOrder(position: number, reached: Map<string, number>): readonly number[] {
    const run = this.#runs[this.#indexOf(position)]
    if (!run) return []
    const [place, seq] = [placeKey(run.first), run.first.seq + position - run.position]
    const from = reached.get(place) ?? 0
    if (run.kind === 'late' && seq < from) return []
    reached.set(place, Math.max(from, seq + 1))
    return [...this.#late.within(place, from, seq), position]
  }

  async *#follow(reader: Reader): AsyncGenerator<Delivery, undefined, undefined> {
    reader.position = this.#oldest
    this.#readers.add(reader)
    try {
      while (!reader.ended) {
        const delivery = reader.query.follow === 'latest' ? this.#latest(reader) : this.#following(reader)
        if (delivery) yield delivery
        else if (this.#closed) break
        else await this.#more(reader)
      }
    } finally {
      this.#readers.delete(reader)
      this.#relax()
    }
    return undefined
  }

  /** The next for this reader. */
  #following(reader: Reader): Delivery | undefined {
    for (;;) {
      reader.position = Math.max(reader.position, this.#oldest)
      let delivery: Delivery | undefined
      while (!delivery && reader.position < this.#next) delivery = this.#for(reader, reader.position++)
      if (reader.query.follow === 'pause') this.#relax()
      // What was held back for it may have come by now.
      if (delivery || reader.position >= this.#next) return delivery
    }
  }

  /** The newest for this reader among those that it has not seen. */
  #latest(reader: Reader): Delivery | undefined {
    const from = Math.max(reader.position, this.#oldest)
    reader.position = this.#next
    for (let position = this.#next - 1; position >= from; position--) {
      const delivery = this.#for(reader, position)
      if (delivery) return delivery
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

  #at(position: number): Delivery | undefined {
    const index = this.#indexOf(position)
    const [run, payload] = [this.#runs[index], this.#payloads[index]]
    if (!run || !payload) return undefined
    const { author, epoch, seq, time, receivedAt, hops, via, unheard } = run.first
    return { author, epoch, seq: seq + position - run.position, time, receivedAt, hops, via, payload, unheard }
  }

  /** Own messages, and those that came late, are in the history, not in what is followed. */
  #for({ query }: Reader, position: number): Delivery | undefined {
    if (this.#runs[this.#indexOf(position)]?.kind !== 'heard') return undefined
    const delivery = this.#at(position)
    return delivery && matches(delivery, query) ? delivery : undefined
  }

  #indexOf(position: number): number {
    return position - this.#oldest + this.#offset
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
      if (this.#fullness(this.#oldest) <= 1) return
      if (this.#oldest >= unread && this.#cost <= this.#bounds.bytes + UNREAD_BYTES) return
      this.#evict()
    }
  }

  /** Bytes of memory that all of it takes. */
  get #cost(): number {
    const payloads = this.#bytes - (this.#bytesBefore[this.#offset] ?? this.#bytes)
    return payloads + (this.#next - this.#oldest) * MESSAGE_BYTES
  }

  #evict(): void {
    const run = this.#runs[this.#offset]
    if (run) this.#letGo(run, run.first.seq + this.#oldest - run.position)
    // The columns keep their dead places for a while, but not what was in them.
    this.#runs[this.#offset] = undefined
    this.#payloads[this.#offset++] = undefined
    this.#oldest++
    // Moving the rest only once half of them is dead keeps eviction constant on average.
    if (this.#offset < 1_024 || this.#offset * 2 < this.#payloads.length) return
    this.#runs = this.#runs.slice(this.#offset)
    this.#payloads = this.#payloads.slice(this.#offset)
    this.#bytesBefore = this.#bytesBefore.slice(this.#offset)
    this.#offset = 0
  }

  #letGo({ first: { author, epoch }, kind }: Run, seq: number): void {
    if (kind === 'late') this.#late.remove(placeKey({ author, epoch }), seq)
    this.#onEvicted(author, epoch, seq)
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
    const bytesBefore = this.#bytesBefore[this.#indexOf(Math.max(position, this.#oldest))]
    if (bytesBefore === undefined) return 0
    const { messages, bytes } = this.#bounds
    return Math.max((this.#next - position) / messages, (this.#bytes - bytesBefore) / bytes)
  }
}

/** True if this message differs from the one so many before it by its number and payload alone. */
function isNext(first: Omit<Delivery, 'payload'>, after: number, delivery: Delivery): boolean {
  const { author, epoch, seq, time, receivedAt, hops, via, unheard } = delivery
  if (unheard !== first.unheard) return false
  if (author !== first.author || epoch !== first.epoch || seq !== first.seq + after) return false
  return time === first.time && receivedAt === first.receivedAt && hops === first.hops && via === first.via
}

function matches({ author, epoch, seq, receivedAt }: Delivery, query: HistoryQuery): boolean {
  if (query.author !== undefined && author !== query.author) return false
  if (query.epoch !== undefined && epoch !== query.epoch) return false
  if (query.from !== undefined && seq < query.from) return false
  if (query.to !== undefined && seq >= query.to) return false
  return query.since === undefined || receivedAt >= query.since
}
