// The records that the store's cases keep: signed as in use, by two authors of fixed seeds.

import type { StoredRecord } from '../contracts/store.js'
import { sodiumCrypto } from '../crypto.js'
import { createIdentity, type Identity } from '../identity.js'
import { createRecord, PREV_BYTES } from '../record.js'
import { createTopic } from '../topic.js'

export const ALICE: Identity = createIdentity({ seed: new Uint8Array(32).fill(1) })
export const BOB: Identity = createIdentity({ seed: new Uint8Array(32).fill(2) })

/** A record of `count` messages; equal arguments give equal records. */
export function record(what: {
  readonly firstSeq: number
  readonly count?: number
  readonly epoch?: number
  readonly author?: Identity
  readonly text?: string
  readonly receivedAt?: number
}): StoredRecord {
  const { firstSeq, count = 1, epoch = 1, author = ALICE, text = 'text', receivedAt = 1_000 } = what
  const message = new TextEncoder().encode(text)
  const draft = { epoch, firstSeq, time: 1, prev: new Uint8Array(PREV_BYTES), messages: Array(count).fill(message) }
  const signed = createRecord(draft, createTopic('conformance'), author, sodiumCrypto())
  return { record: signed, receivedAt }
}

/** Everything that an iterable gives. */
export async function allOf<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const all: Value[] = []
  for await (const value of values) all.push(value)
  return all
}
