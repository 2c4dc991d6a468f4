// The signed heads of records that the log does not hold: let go, at the judge, or put aside. Who says another thing for one of
// their places forks as if they were here, long after what they said is gone.

import {
  type Crypto,
  copyBytes,
  decodeSignedHead,
  encodeSignedHead,
  FORK_HEADER_BYTES,
  forkOf,
  type RecordHead,
  sameBytes,
} from '@hearsay/core'
import { type Account, countOf } from './accounts.js'
import type { Source } from './arrivals.js'
import { placeKey } from './place-key.js'

/** So many records of one author's epoch are remembered, with those in the log: the last ones. */
export const REMEMBERED = 1_024
/** Heads in one piece of memory. */
const PIECE_HEADS = 256
/** Of all authors together. A head takes 226 bytes, and its place about 24: 16 MiB a room. */
export const MAX_HEADS = 65_536

/** The heads of one place, ascending by their first numbers. */
interface Row {
  readonly firsts: number[]
  /** Where each stands. */
  readonly slots: number[]
}

export class PastHeads {
  readonly #crypto: Crypto
  readonly #most: number
  /** The place that was noted last is the last. */
  readonly #rows = new Map<string, Row>()
  readonly #pieces: Uint8Array[] = []
  readonly #free: number[] = []
  #size = 0

  /** @param most of all authors together */
  constructor(crypto: Crypto, most: number = MAX_HEADS) {
    this.#crypto = crypto
    this.#most = most
  }

  get account(): Account {
    return countOf(this.#size, this.#most)
  }

  /** Remembers a verified head; `held` records of its place are in the log. */
  note(head: RecordHead, held: number): void {
    if (held >= REMEMBERED) return
    const key = placeKey(head.header)
    const row = this.#rows.get(key) ?? { firsts: [], slots: [] }
    const at = placeIn(row, head.header.firstSeq)
    if (row.firsts[at] === head.header.firstSeq) return
    this.#rows.delete(key)
    this.#rows.set(key, row)
    row.firsts.splice(at, 0, head.header.firstSeq)
    row.slots.splice(at, 0, this.#write(head))
    while (row.firsts.length > REMEMBERED - held) this.#drop(key, row, 0)
    if (this.#size > this.#most) this.#makeRoom(key, row)
  }

  /** The log holds it now. */
  forget({ header }: RecordHead): void {
    const key = placeKey(header)
    const row = this.#rows.get(key)
    if (!row) return
    const at = placeIn(row, header.firstSeq)
    if (row.firsts[at] === header.firstSeq) this.#drop(key, row, at)
  }

  /** The place is followed no longer. */
  forgetAll(source: Source): void {
    const key = placeKey(source)
    for (let row = this.#rows.get(key); row && row.firsts.length > 0; ) this.#drop(key, row, row.firsts.length - 1)
  }

  /** The head of the record that begins there, if it is remembered. */
  find(source: Source, first: number): RecordHead | undefined {
    const row = this.#rows.get(placeKey(source))
    const at = row ? placeIn(row, first) : 0
    return row && row.firsts[at] === first ? this.#read(row, at) : undefined
  }

  /** One that cannot be of one sequence with this record. */
  conflict(record: RecordHead): RecordHead | undefined {
    const { firstSeq, count } = record.header
    const row = this.#rows.get(placeKey(record.header))
    if (!row) return undefined
    // The one before may reach into it, or end where it begins; the one after may begin where it ends.
    const from = Math.max(0, placeIn(row, firstSeq) - 1)
    for (let at = from; (row.firsts[at] ?? Number.POSITIVE_INFINITY) <= firstSeq + count; at++) {
      const head = this.#read(row, at)
      if (isFork(head, record)) return head
    }
    return undefined
  }

  /** Who has its share of the room makes it itself; else who was noted longest ago does. */
  #makeRoom(key: string, row: Row): void {
    const [[oldestKey, oldest] = [key, row] as const] = this.#rows
    const share = Math.max(1, Math.floor(this.#most / this.#rows.size))
    if (row.firsts.length > share) this.#drop(key, row, 0)
    else this.#drop(oldestKey, oldest, 0)
  }

  #drop(key: string, row: Row, at: number): void {
    row.firsts.splice(at, 1)
    this.#free.push(...row.slots.splice(at, 1))
    this.#size--
    if (row.firsts.length === 0) this.#rows.delete(key)
  }

  #write(head: RecordHead): number {
    const slot = this.#free.pop() ?? this.#size
    this.#size++
    if (slot === this.#pieces.length * PIECE_HEADS) this.#pieces.push(new Uint8Array(PIECE_HEADS * FORK_HEADER_BYTES))
    this.#bytesAt(slot).set(encodeSignedHead(head))
    return slot
  }

  #read({ slots }: Row, at: number): RecordHead {
    // What is here was well-formed when it was noted. Its slot is written again, so it is copied.
    return decodeSignedHead(copyBytes(this.#bytesAt(slots[at] ?? 0)), this.#crypto)
  }

  #bytesAt(slot: number): Uint8Array {
    const from = (slot % PIECE_HEADS) * FORK_HEADER_BYTES
    return (this.#pieces[Math.floor(slot / PIECE_HEADS)] ?? new Uint8Array()).subarray(from, from + FORK_HEADER_BYTES)
  }
}

/** True if no one sequence holds both. */
export function isFork(a: RecordHead, b: RecordHead): boolean {
  return !sameBytes(a.id, b.id) && forkOf(a, b) !== null
}

/** The index of the first that begins there or later. */
function placeIn({ firsts }: Row, first: number): number {
  let [low, high] = [0, firsts.length]
  // What is noted is mostly the latest.
  if ((firsts[high - 1] ?? -1) < first) return high
  while (low < high) {
    const middle = (low + high) >> 1
    if ((firsts[middle] ?? 0) < first) low = middle + 1
    else high = middle
  }
  return low
}
