// The record in a frame, read as whoever receives it reads it.

import { type Crypto, decodeRecord, type SignedRecord, type Topic } from '@hearsay/core'
import { decodeFrame } from '@hearsay/gossip/machine'

/** What reading a record takes. */
export interface RecordContext {
  readonly topic: Topic
  readonly crypto: Crypto
}

/** Null if the frame carries no whole record; its signature is not looked at. */
export function recordIn(bytes: Uint8Array, { topic, crypto }: RecordContext): SignedRecord | null {
  const frame = decodeFrame(bytes)
  return frame.type === 'record' ? decodeRecord(frame.record, topic, crypto) : null
}
