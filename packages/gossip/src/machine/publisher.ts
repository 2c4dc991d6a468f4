// What this node signs: it packs the payloads of one tick into as few records as the limits allow, in one unbroken chain.

import {
  type Cause,
  CHUNK_BYTES,
  type Crypto,
  createRecord,
  type Identity,
  MAX_BATCH_MESSAGES,
  MAX_CAUSE_BYTES,
  PREV_BYTES,
  recordMessages,
  SEAL_BYTES,
  type SignedRecord,
  type Topic,
} from '@hearsay/core'
import type { Source } from './arrivals.js'

/** A record of this node, and its messages as they are to be kept. */
export interface Signed {
  readonly record: SignedRecord
  readonly messages: readonly Uint8Array[]
}

export class Publisher {
  readonly author: Identity
  #epoch: number
  readonly #topic: Topic
  readonly #crypto: Crypto
  #nextSeq = 0
  #prev: Uint8Array = new Uint8Array(PREV_BYTES)

  constructor(own: { author: Identity; epoch: number; topic: Topic; crypto: Crypto }) {
    this.author = own.author
    this.#epoch = own.epoch
    this.#topic = own.topic
    this.#crypto = own.crypto
  }

  get epoch(): number {
    return this.#epoch
  }

  /** Where it signs. */
  get place(): Source {
    return { author: this.author.id, epoch: this.#epoch }
  }

  /** True if it signs there. */
  signs({ author, epoch }: Source): boolean {
    return epoch === this.#epoch && author === this.author.id
  }

  /** A new chain begins. */
  begin(epoch: number): void {
    this.#epoch = epoch
    this.#nextSeq = 0
    this.#prev = new Uint8Array(PREV_BYTES)
  }

  get nextSeq(): number {
    return this.#nextSeq
  }

  /** Signs the payloads as consecutive messages, published at `wall` (ms since 1970), after `causes` were heard. */
  sign(payloads: readonly Uint8Array[], wall: number, causes: readonly Cause[]): Signed[] {
    const overhead = (this.#topic.payloadKey ? SEAL_BYTES : 0) + causes.length * MAX_CAUSE_BYTES
    return packBatches(payloads, overhead).map((messages, index) => {
      const place = { epoch: this.epoch, firstSeq: this.#nextSeq, time: wall, prev: this.#prev }
      // The other records come after the first anyway.
      const draft = { ...place, messages, ...(index === 0 && causes.length > 0 && { causes }) }
      const record = createRecord(draft, this.#topic, this.author, this.#crypto)
      this.#nextSeq += messages.length
      this.#prev = record.id.slice(0, PREV_BYTES)
      return { record, messages: this.#kept(record, messages) }
    })
  }

  /** What is not sealed stands in the record, and need not be kept beside it. */
  #kept(record: SignedRecord, messages: readonly Uint8Array[]): readonly Uint8Array[] {
    return this.#topic.payloadKey ? messages : recordMessages(record, this.#topic, this.#crypto)
  }
}

/** Consecutive payloads up to 1,024 of them together, as long as they go whole with their head; a larger one alone. */
function packBatches(payloads: readonly Uint8Array[], overhead: number): Uint8Array[][] {
  const batches: Uint8Array[][] = []
  let bytes = 0
  for (const payload of payloads) {
    const last = batches.at(-1)
    const size = payload.byteLength + (payload.byteLength < 0xfd ? 1 : 3)
    const isFitting = last && last.length < MAX_BATCH_MESSAGES && bytes + size <= CHUNK_BYTES
    if (isFitting) {
      last.push(payload)
      bytes += size
    } else {
      batches.push([payload])
      bytes = size + overhead
    }
  }
  return batches
}
