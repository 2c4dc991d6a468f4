// Every accepted record in the order it came, bounded by messages and bytes: the oldest go first, and leave their heads. Peers
// are positions in this log, so a slow peer costs a number, not a queue.

import { MAX_BATCH_MESSAGES, type PeerId, type RecordHead } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'
import { u32At } from '../frames/frame-bytes.js'
import { isShared, LargeBlock } from '../large/large-block.js'
import type { Interval } from '../order/intervals.js'
import type { Account } from './accounts.js'
import { isFork, type PastHeads } from './past-heads.js'
import { placeKey } from './place-key.js'

/** A place of which records come: one object for all of its arrivals, so that a neighbour can be asked about it cheaply. */
export interface Source {
  readonly author: PeerId
  readonly epoch: number
}

/** A record as it came. */
export interface Arrival {
  readonly record: RecordHead
  /** Its block; a large one may still be on its way. */
  readonly body: Uint8Array | LargeBlock
  /** Links it had crossed when it came; 0 for own records. */
  readonly hops: number
  /** When it came, on the driver's monotonic clock. */
  readonly at: number
  /** Who handed it over first; null for own records. */
  readonly via: PeerHandle | null
  readonly source: Source
  /** The number after the record's last one. */
  readonly end: number
  /** True if it came because it was offered: a piece of the past, or one that its sender would not push. */
  readonly isRecovered: boolean
  /** Neighbours that are known to have it; forgotten when it is no longer among the latest. */
  holders: PeerHandle[] | null
  /** True if it was fetched for neighbours that lack it: nobody else is to hear of it. */
  isForOthers: boolean
  /** Bytes that the log counts for it: none before its block is whole. */
  bytes: number
}

/** For how many of the latest arrivals it is remembered who has them. */
export const LATEST = 1_024

/** What is held of one source. */
interface Held {
  readonly source: Source
  /** Positions, by the first number of the record and by the number after its last. */
  readonly starts: Map<number, number>
  readonly ends: Map<number, number>
  /** How many of them are not whole. */
  partial: number
}

/** The positions of arrivals are consecutive and never reused. */
export class ArrivalLog {
  #entries: (Arrival | undefined)[] = []
  /** `#entries[#offset]` is the oldest; what lies before it is gone. */
  #offset = 0
  readonly #sources = new Map<string, Held>()
  readonly #bounds: { readonly messages: number; readonly bytes: number }
  readonly #past: PastHeads
  readonly #isTracked: (source: Source) => boolean
  #oldest = 0
  #next = 0
  #messages = 0
  #bytes = 0

  /** What leaves the log is remembered in `past`, if its place is tracked. */
  constructor(
    bounds: { readonly messages: number; readonly bytes: number },
    { past, isTracked }: { readonly past: PastHeads; readonly isTracked: (source: Source) => boolean },
  ) {
    this.#bounds = bounds
    this.#past = past
    this.#isTracked = isTracked
  }

  /** What it holds: the newest record stays, whatever it takes. */
  get account(): Account {
    const { messages, bytes } = this.#bounds
    const newest = this.at(this.#next - 1)
    const [entries, size] = newest ? [newest.record.header.count, newest.bytes] : [0, 0]
    return {
      ...{ entries: this.#messages, maxEntries: Math.max(messages, entries) },
      ...{ bytes: this.#bytes, maxBytes: Math.max(bytes, size) },
    }
  }

  /** The lowest position that is still held. */
  get oldest(): number {
    return this.#oldest
  }

  /** The position of the next arrival. */
  get next(): number {
    return this.#next
  }

  at(position: number): Arrival | undefined {
    return this.#entries[position - this.#oldest + this.#offset]
  }

  /** The position of the record that begins at this place, if it is still held. */
  positionOf({ author, epoch }: Source, firstSeq: number): number | undefined {
    return this.#sources.get(placeKey({ author, epoch }))?.starts.get(firstSeq)
  }

  /** The position of the record that ends before this place, if it is still held. */
  positionBefore(source: Source, end: number): number | undefined {
    return this.#sources.get(placeKey(source))?.ends.get(end)
  }

  /** Where the next record of this place begins, from one number on and before another; `looks` says whether to look on. */
  nextStart({ author, epoch }: Source, [from, to]: Interval, looks: () => boolean): number {
    const starts = this.#sources.get(placeKey({ author, epoch }))?.starts
    if (!starts) return to
    for (let first = from; first < to && looks(); first++) if (starts.has(first)) return first
    return to
  }

  /** This neighbour has it. What is put aside, another that has it vouches for: it is for this node. */
  noteHolder(position: number, peer: PeerHandle): void {
    const arrival = this.at(position)
    if (arrival?.isForOthers && arrival.via !== peer && !isShared(arrival)) arrival.isForOthers = false
    if (!arrival || position < this.#next - LATEST) return
    if (arrival.holders === null) arrival.holders = [peer]
    else if (!arrival.holders.includes(peer)) arrival.holders.push(peer)
  }

  /**
   * This neighbour has all from one record on to the one that ends there: as many of the latest as follow each other, and no
   * more than `most`. Answers how many these were.
   */
  noteHolderOfRun(source: Source, [first, end]: Interval, { peer, most }: { peer: PeerHandle; most: number }): number {
    let noted = 0
    const ends = this.#sources.get(placeKey(source))?.ends
    for (let at = end; at > first && noted < most; noted++) {
      const position = ends?.get(at)
      const record = this.#recordAt(position)
      if (position === undefined || !record || position < this.#next - LATEST) return noted
      this.noteHolder(position, peer)
      at = record.header.firstSeq
    }
    return noted
  }

  /** The head of the record that begins there: held, or remembered. */
  headOf(source: Source, first: number): RecordHead | undefined {
    return this.#recordAt(this.positionOf(source, first)) ?? this.#past.find(source, first)
  }

  /** A verified record that is not held, or not yet: who says another thing for its place forks. */
  remember(head: RecordHead): void {
    const starts = this.#sources.get(placeKey(head.header))?.starts
    if (!starts?.has(head.header.firstSeq)) this.#past.note(head, starts?.size ?? 0)
  }

  /** A head that cannot be of one sequence with this record: it overlaps, if any does, or does not join to it. */
  conflict(record: RecordHead, isKnown: boolean): RecordHead | undefined {
    return this.#heldConflict(record, isKnown) ?? this.#past.conflict(record)
  }

  #heldConflict(record: RecordHead, isKnown: boolean): RecordHead | undefined {
    const { author, epoch, firstSeq, count } = record.header
    const held = this.#sources.get(placeKey({ author, epoch }))
    if (!held) return undefined
    const end = firstSeq + count
    const neighbours = [held.ends.get(firstSeq), held.starts.get(end)].map((position) => this.#recordAt(position))
    // What is still on its way is not known as accepted.
    const within = isKnown || held.partial > 0 ? this.#overlapping(held, firstSeq, end) : undefined
    return [...neighbours, within].find((other) => other && isFork(other, record))
  }

  #recordAt(position: number | undefined): RecordHead | undefined {
    return position === undefined ? undefined : this.at(position)?.record
  }

  /** The record with the highest beginning that overlaps [from, to); none has more than 1,024 numbers. */
  #overlapping({ starts }: Held, from: number, to: number): RecordHead | undefined {
    for (let start = to - 1; start >= 0 && start > from - MAX_BATCH_MESSAGES; start--) {
      const record = this.#recordAt(starts.get(start))
      if (record) return start + record.header.count > from ? record : undefined
    }
    return undefined
  }

  /** The position from which on so many messages, or as many as there are, came by that time, and what is too many of its record. */
  lastBefore(time: number, messages: number): { readonly position: number; readonly surplus: number } {
    let [from, left] = [this.#next, messages]
    for (let at = this.#next - 1; at >= this.#oldest && left > 0; at--) {
      const arrival = this.at(at)
      if (!arrival || arrival.at > time) continue
      left -= arrival.record.header.count
      from = at
    }
    return { position: from, surplus: Math.max(0, -left) }
  }

  /** Appends, and answers what had to go for it. The newest is kept even if it exceeds the bounds alone. */
  append(arrival: Omit<Arrival, 'source' | 'end' | 'holders' | 'isForOthers' | 'bytes'>): readonly Arrival[] {
    const { record, body, hops, at, via, isRecovered } = arrival
    const { header } = record
    const held = this.#heldOf(header)
    // Spelt out: a copy by spread is read ten times slower (V8 12), and each peer that comes reads all of them.
    const end = header.firstSeq + header.count
    const bytes = bytesOf(body)
    this.#entries.push({
      record,
      body,
      hops,
      at,
      via,
      isRecovered,
      source: held.source,
      end,
      holders: null,
      isForOthers: false,
      bytes,
    })
    const old = this.at(this.#next - LATEST)
    if (old) old.holders = null
    this.#past.forget(record)
    held.starts.set(header.firstSeq, this.#next)
    held.ends.set(end, this.#next)
    this.#next++
    this.#messages += header.count
    this.#bytes += bytes
    if (isPartial({ body, bytes })) held.partial++
    return this.#shrink()
  }

  /** The block of this arrival is whole: answers what had to go for it. */
  completed(position: number): readonly Arrival[] {
    const arrival = this.at(position)
    const held = arrival && this.#sources.get(placeKey(arrival.source))
    if (!arrival || !held || !isPartial(arrival)) return []
    held.partial--
    arrival.bytes = bytesOf(arrival.body)
    this.#bytes += arrival.bytes
    return this.#shrink()
  }

  /** Its block will not come: its place is as if nothing had been there. */
  remove(position: number): void {
    const arrival = this.at(position)
    if (!arrival) return
    this.#entries[position - this.#oldest + this.#offset] = undefined
    this.#forget(arrival)
  }

  #shrink(): readonly Arrival[] {
    const evicted: Arrival[] = []
    while (this.#isOver() && this.#oldest < this.#next - 1) {
      const arrival = this.#evict()
      if (arrival) evicted.push(arrival)
    }
    return evicted
  }

  #isOver(): boolean {
    const { messages, bytes } = this.#bounds
    // What was removed leaves its position empty, and whoever comes walks past it.
    return this.#messages > messages || this.#bytes > bytes || this.#next - this.#oldest > 2 * messages + LATEST
  }

  #evict(): Arrival | undefined {
    const arrival = this.#entries[this.#offset]
    this.#entries[this.#offset++] = undefined
    this.#oldest++
    // Moving the rest only once half the array is dead keeps eviction constant on average.
    if (this.#offset >= 1_024 && this.#offset * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#offset)
      this.#offset = 0
    }
    if (arrival) this.#forget(arrival)
    return arrival
  }

  #heldOf({ author, epoch }: Source): Held {
    const key = placeKey({ author, epoch })
    const known = this.#sources.get(key) ?? {
      ...{ source: { author, epoch }, starts: new Map(), ends: new Map(), partial: 0 },
    }
    this.#sources.set(key, known)
    return known
  }

  #forget({ source, record, body, end, bytes }: Arrival): void {
    this.#messages -= record.header.count
    this.#bytes -= bytes

    const key = placeKey(source)
    const held = this.#sources.get(key)
    if (held && isPartial({ body, bytes })) held.partial--
    held?.starts.delete(record.header.firstSeq)
    held?.ends.delete(end)
    if (held?.starts.size === 0) this.#sources.delete(key)
    if (this.#isTracked(source)) this.#past.note(record, held?.starts.size ?? 0)
  }
}

/** The first four bytes of its id. */
export function markOf({ id }: RecordHead): number {
  return u32At(id, 0)
}

/** True until its block is whole and counted. */
function isPartial({ body, bytes }: Pick<Arrival, 'body' | 'bytes'>): boolean {
  return body instanceof LargeBlock && bytes === 0
}

function bytesOf(body: Uint8Array | LargeBlock): number {
  if (body instanceof LargeBlock) return body.whole?.byteLength ?? 0
  return body.byteLength
}
