// What this node signs: it packs the payloads of one tick into as few records as the limits allow, in one unbroken chain.

import {
  type Cause,
  type Crypto,
  createRecord,
  type Identity,
  MAX_BATCH_BYTES,
  MAX_BATCH_MESSAGES,
  PREV_BYTES,
  type SignedRecord,
  type Topic,
} from '@hearsay/core'

export class Publisher {
  readonly author: Identity
  readonly epoch: number
  readonly #topic: Topic
  readonly #crypto: Crypto
  #nextSeq = 0
  #prev: Uint8Array = new Uint8Array(PREV_BYTES)

  constructor(own: { author: Identity; epoch: number; topic: Topic; crypto: Crypto }) {
    this.author = own.author
    this.epoch = own.epoch
    this.#topic = own.topic
    this.#crypto = own.crypto
  }

  get nextSeq(): number {
    return this.#nextSeq
  }

  /** Signs the payloads as consecutive messages, published at `wall` (ms since 1970), after `causes` were heard. */
  sign(payloads: readonly Uint8Array[], wall: number, causes: readonly Cause[]): SignedRecord[] {
    return packBatches(payloads).map((messages, index) => {
      const place = { epoch: this.epoch, firstSeq: this.#nextSeq, time: wall, prev: this.#prev }
      // The other records come after the first anyway.
      const draft = { ...place, messages, ...(index === 0 && causes.length > 0 && { causes }) }
      const record = createRecord(draft, this.#topic, this.author, this.#crypto)
      this.#nextSeq += messages.length
      this.#prev = record.id.slice(0, PREV_BYTES)
      return record
    })
  }
}

/** Consecutive payloads up to 16 KiB and 1,024 of them together; a larger one alone. */
function packBatches(payloads: readonly Uint8Array[]): Uint8Array[][] {
  const batches: Uint8Array[][] = []
  let bytes = 0
  for (const payload of payloads) {
    const last = batches.at(-1)
    if (last && last.length < MAX_BATCH_MESSAGES && bytes + payload.byteLength <= MAX_BATCH_BYTES) {
      last.push(payload)
      bytes += payload.byteLength
    } else {
      batches.push([payload])
      bytes = payload.byteLength
    }
  }
  return batches
}
