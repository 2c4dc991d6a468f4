// How records stand in a database: one row for each, by place, and one for each arrival, so that what came first can go first;
// both with a checksum. Rows of arrivals say nothing that those of records do not, and can be made anew from them.
//
//   <topic>/r/<author>/<epoch>/<first seq>/<count>/<id>   checksum 8 ‖ received at f64 ‖ arrival f64 ‖ record
//   <topic>/a/<arrival>                                   checksum 8 ‖ u32 messages ‖ u32 bytes ‖ key of the record
//
//   <topic>/n                                             checksum 8 ‖ what a room remembers
//
// The checksum of an arrival is over its key too. Numbers in keys are 14 hexadecimal digits, so that their order is that of
// the numbers.

import {
  type Crypto,
  copyBytes,
  decodeRecord,
  encodeRecord,
  type PeerId,
  type SignedRecord,
  type StoredRecord,
  sameBytes,
  type Topic,
} from '@hearsay/core'
import type { Operation } from './database.js'

const CHECKSUM_BYTES = 8
const HEAD_BYTES = CHECKSUM_BYTES + 16
const ARRIVAL_BYTES = CHECKSUM_BYTES + 8
/** Before the key in a row of an arrival as they once were: without a checksum. */
const OLD_ARRIVAL_BYTES = 8

/** Where a record begins and ends, as its key says. */
export interface Placed {
  readonly author: PeerId
  readonly epoch: number
  readonly firstSeq: number
  readonly end: number
}

export interface Arrived {
  readonly messages: number
  readonly bytes: number
  /** Of the record's row. */
  readonly key: string
}

export class Rows {
  readonly #topic: Topic
  readonly #crypto: Crypto
  readonly #prefix: string

  constructor(topic: Topic, crypto: Crypto) {
    this.#topic = topic
    this.#crypto = crypto
    this.#prefix = `hearsay/store/1/${topic.id}`
  }

  /** All arrivals, the first one first. */
  get arrivals(): { readonly gte: string; readonly lt: string } {
    return { gte: `${this.#prefix}/a/`, lt: `${this.#prefix}/a0` }
  }

  /** All records, by author, epoch and first number. */
  get records(): { readonly gte: string; readonly lt: string } {
    return { gte: `${this.#prefix}/r/`, lt: `${this.#prefix}/r0` }
  }

  /** Records of a place whose first number is in [from, to). */
  recordsOf(place: { readonly author: PeerId; readonly epoch: number }, from: number, to: number) {
    const base = `${this.#prefix}/r/${place.author}/${digits(place.epoch)}`
    return { gte: `${base}/${digits(from)}/`, lt: `${base}/${digits(to)}/` }
  }

  arrivalKey(arrival: number): string {
    return `${this.arrivals.gte}${digits(arrival)}`
  }

  arrivalOf(key: string): number {
    return Number.parseInt(key.substring(this.arrivals.gte.length), 16)
  }

  keyOf({ header, id }: SignedRecord): string {
    const { author, epoch, firstSeq, count } = header
    return `${this.records.gte}${author}/${digits(epoch)}/${digits(firstSeq)}/${digits(count)}/${hex(id.subarray(0, 8))}`
  }

  placeOf(key: string): Placed {
    const [author = '', epoch = '', first = '', count = ''] = key.substring(this.records.gte.length).split('/')
    const firstSeq = Number.parseInt(first, 16)
    return {
      author: author as PeerId,
      epoch: Number.parseInt(epoch, 16),
      firstSeq,
      end: firstSeq + Number.parseInt(count, 16),
    }
  }

  get noteKey(): string {
    return `${this.#prefix}/n`
  }

  putNote(note: Uint8Array): Operation {
    const row = new Uint8Array(CHECKSUM_BYTES + note.byteLength)
    row.set(note, CHECKSUM_BYTES)
    row.set(this.#checksum(row))
    return { type: 'put', key: this.noteKey, value: row }
  }

  /** What is remembered, or null if the row is damaged. */
  noteOf(row: Uint8Array): Uint8Array | null {
    return sameBytes(row.subarray(0, CHECKSUM_BYTES), this.#checksum(row))
      ? copyBytes(row.subarray(CHECKSUM_BYTES))
      : null
  }

  /** The rows of one record. */
  put(stored: StoredRecord, arrival: number): Operation[] {
    return [
      { type: 'put', key: this.keyOf(stored.record), value: this.#encode(stored, arrival) },
      this.putArrival(stored.record, arrival),
    ]
  }

  putArrival(record: SignedRecord, arrival: number): Operation {
    const [key, name] = [this.arrivalKey(arrival), new TextEncoder().encode(this.keyOf(record))]
    const row = new Uint8Array(ARRIVAL_BYTES + name.byteLength)
    const view = new DataView(row.buffer)
    view.setUint32(CHECKSUM_BYTES, record.header.count, true)
    view.setUint32(CHECKSUM_BYTES + 4, record.block.byteLength, true)
    row.set(name, ARRIVAL_BYTES)
    row.set(this.#arrivalChecksum(key, row))
    return { type: 'put', key, value: row }
  }

  /** What a row of an arrival says, or null if it is damaged. */
  arrivedOf(key: string, row: Uint8Array): Arrived | null {
    if (!sameBytes(row.subarray(0, CHECKSUM_BYTES), this.#arrivalChecksum(key, row))) return null
    const view = new DataView(row.buffer, row.byteOffset, row.byteLength)
    const name = new TextDecoder().decode(row.subarray(ARRIVAL_BYTES))
    return {
      messages: view.getUint32(CHECKSUM_BYTES, true),
      bytes: view.getUint32(CHECKSUM_BYTES + 4, true),
      key: name,
    }
  }

  /** True for a row of an arrival that was written before they had checksums. */
  isUnchecked(row: Uint8Array): boolean {
    return new TextDecoder().decode(row.subarray(OLD_ARRIVAL_BYTES)).startsWith(this.records.gte)
  }

  /** The record in a row, or null if the row is damaged. */
  decode(key: string, row: Uint8Array): (StoredRecord & { readonly arrival: number }) | null {
    if (row.byteLength < HEAD_BYTES || !sameBytes(row.subarray(0, CHECKSUM_BYTES), this.#checksum(row))) return null
    const view = new DataView(row.buffer, row.byteOffset, row.byteLength)
    try {
      const record = decodeRecord(copyBytes(row.subarray(HEAD_BYTES)), this.#topic, this.#crypto)
      const [receivedAt, arrival] = [view.getFloat64(CHECKSUM_BYTES, true), view.getFloat64(CHECKSUM_BYTES + 8, true)]
      return this.keyOf(record) === key ? { record, receivedAt, arrival } : null
    } catch {
      return null
    }
  }

  #encode({ record, receivedAt }: StoredRecord, arrival: number): Uint8Array {
    const encoded = encodeRecord(record)
    const row = new Uint8Array(HEAD_BYTES + encoded.byteLength)
    const view = new DataView(row.buffer)
    view.setFloat64(CHECKSUM_BYTES, receivedAt, true)
    view.setFloat64(CHECKSUM_BYTES + 8, arrival, true)
    row.set(encoded, HEAD_BYTES)
    row.set(this.#checksum(row))
    return row
  }

  #checksum(row: Uint8Array): Uint8Array {
    return this.#crypto.hash([row.subarray(CHECKSUM_BYTES)]).subarray(0, CHECKSUM_BYTES)
  }

  #arrivalChecksum(key: string, row: Uint8Array): Uint8Array {
    return this.#crypto.hash([new TextEncoder().encode(key), row.subarray(CHECKSUM_BYTES)]).subarray(0, CHECKSUM_BYTES)
  }
}

function digits(value: number): string {
  return value.toString(16).padStart(14, '0')
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
