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
  fromPeerId,
  isStrictSignature,
  sameBytes,
  sodiumCrypto,
  toPeerId,
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

it('all parts of a record that was read are views of one piece of memory', () => {
  const draft = { epoch: 1, firstSeq: 0, time: 0, prev: new Uint8Array(16), messages: [Uint8Array.of(1)] }
  const record = createRecord(draft, topic, createIdentity(), crypto)
  const read = decodeRecord(encodeRecord(record), topic, crypto)
  expect(read).toEqual(record)
  const { header, signature, signed, id, block } = read
  expect(new Set([header.prev, signature, signed, id, block].map(({ buffer }) => buffer)).size).toBe(1)
})

it('two byte strings are the same if none of their bytes differs', () => {
  const [one, other] = [Uint8Array.of(1, 2, 3), Buffer.from([0, 1, 2, 3]).subarray(1)]
  expect(sameBytes(one, other)).toBe(true)
  other[2] = 4
  expect(sameBytes(one, other)).toBe(false)
  expect(sameBytes(one, one.subarray(0, 2))).toBe(false)
})

it('a key has its own name however many were named before, and though its bytes are written over', () => {
  const keys = Array.from({ length: 5_000 }, (_, index) => {
    return Buffer.alloc(32)
      .fill(index & 255)
      .fill(index >> 8, 16)
  })
  const ids = keys.map(toPeerId)
  expect(new Set(ids).size).toBe(5_000)
  for (const [index, id] of ids.entries()) {
    expect(Buffer.from(fromPeerId(id))).toEqual(keys[index])
    fromPeerId(id).fill(0)
    expect(Buffer.from(fromPeerId(id))).toEqual(keys[index])
  }
  const key = Buffer.from(keys[7] as Uint8Array)
  const name = toPeerId(key)
  key.fill(9)
  expect(toPeerId(keys[7] as Uint8Array)).toBe(name)
  expect(toPeerId(key)).toBe(toPeerId(Buffer.alloc(32, 9)))
})
