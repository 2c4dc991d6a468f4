// Bytes often come as Node Buffers, whose `slice` is a view: what is kept must not change with them, and they not with us.

import {
  createAddressRecord,
  createIdentity,
  createRecord,
  createTopic,
  decodeAddressRecord,
  decodeRecord,
  encodeAddressRecord,
  encodeRecord,
  isStrictSignature,
  sodiumCrypto,
  verifyRecord,
} from '@hearsay/core'
import { expect, it } from 'vitest'

const crypto = sodiumCrypto()
const topic = createTopic('lobby')

it('a record that was read from a Buffer does not change when the Buffer is used again', () => {
  const draft = { epoch: 1, firstSeq: 0, time: 0, prev: new Uint8Array(16), messages: [Uint8Array.of(1)] }
  const wire = Buffer.from(encodeRecord(createRecord(draft, topic, createIdentity(), crypto)))
  const record = decodeRecord(wire, topic, crypto)
  wire.fill(0)
  expect(verifyRecord(record, crypto)).toBe('valid')
})

it('an address record is read from a Buffer as from any bytes', () => {
  for (let index = 0; index < 50; index++) {
    const record = createAddressRecord(createIdentity(), { seq: index, addresses: [] })
    expect(decodeAddressRecord(Buffer.from(encodeAddressRecord(record)), crypto).seq).toBe(index)
  }
})

it('judging a signature does not touch the bytes judged', () => {
  const [signature, key] = [Buffer.alloc(64, 0xff), Buffer.alloc(32, 0xff)]
  isStrictSignature(signature, key)
  expect([signature, key]).toEqual([Buffer.alloc(64, 0xff), Buffer.alloc(32, 0xff)])
})
