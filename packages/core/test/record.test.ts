import {
  CHUNK_BYTES,
  createIdentity,
  createRecord,
  createTopic,
  decodeRecord,
  encodeRecord,
  hasCode,
  merkleRoot,
  type RecordDraft,
  recordMessages,
  type SignedRecord,
  seededRandom,
  sodiumCrypto,
  type Topic,
  verifyRecord,
} from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import merkleVectors from './vectors/merkle.json' with { type: 'json' }
import recordVectors from './vectors/records.json' with { type: 'json' }

const crypto = sodiumCrypto()
const author = createIdentity({ seed: new Uint8Array(32).fill(1) })
const topic = createTopic('lobby')
const utf8 = new TextEncoder()
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const fromHex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))

const draft = (changes: Partial<RecordDraft> = {}): RecordDraft => ({
  epoch: 7,
  firstSeq: 0,
  time: 1_750_000_000_000,
  prev: new Uint8Array(16),
  messages: [utf8.encode('one'), utf8.encode('two')],
  ...changes,
})

const make = (changes: Partial<RecordDraft> = {}, of: Topic = topic): SignedRecord =>
  createRecord(draft(changes), of, author, crypto)

const outcome = (run: () => unknown): unknown => {
  try {
    return run()
  } catch (error) {
    return hasCode(error, 'ERR_RECORD') ? error.code : error
  }
}

describe('a record', () => {
  it.each(recordVectors)('has a fixed encoding: $label', ({ name, secret, seed, record, expected }) => {
    const of = createTopic(name, secret ? { secret: fromHex(secret) } : {})
    const { epoch, firstSeq, time, prev, messages } = record
    const place = { epoch, firstSeq, time, prev: fromHex(prev), messages: messages.map(fromHex) }
    const signed = createRecord(place, of, createIdentity({ seed: fromHex(seed) }), crypto)
    const { id, wire } = { id: hex(signed.id), wire: hex(encodeRecord(signed)) }
    expect({ id, signed: hex(signed.signed), wire }).toEqual(expected)
    const decoded = decodeRecord(fromHex(expected.wire), of, crypto)
    expect(verifyRecord(decoded, crypto)).toBe('valid')
    expect(recordMessages(decoded, of, crypto).map(hex)).toEqual(messages)
  })

  it.each([
    ['in the open', topic],
    ['sealed', createTopic('lobby', { secret: new Uint8Array(16) })],
  ])('is refused with any byte changed, %s', (_, of) => {
    const wire = encodeRecord(make({}, of))
    for (let at = 0; at < wire.byteLength; at++) {
      for (const bit of [1, 0x80]) {
        const changed = wire.slice()
        changed[at] = (changed[at] ?? 0) ^ bit
        const verdict = outcome(() => verifyRecord(decodeRecord(changed, of, crypto), crypto))
        expect(['ERR_RECORD', 'lax', 'invalid'], `byte ${at}`).toContain(verdict)
      }
    }
  })

  it('is refused when it is cut at any byte', () => {
    const wire = encodeRecord(make())
    for (let length = 0; length < wire.byteLength; length++) {
      const verdict = outcome(() => verifyRecord(decodeRecord(wire.subarray(0, length), topic, crypto), crypto))
      expect(['ERR_RECORD', 'invalid'], `${length} bytes`).toContain(verdict)
    }
  })

  it('is refused under another topic or secret', () => {
    const wire = encodeRecord(make())
    expect(verifyRecord(decodeRecord(wire, createTopic('other'), crypto), crypto)).toBe('invalid')
    const sealed = createTopic('lobby', { secret: new Uint8Array(16).fill(1) })
    const other = { ...topic, payloadKey: new Uint8Array(32), key: topic.key }
    expect(outcome(() => recordMessages(make({}, sealed), other, crypto))).toBe('ERR_RECORD')
  })

  it('hides its messages in a private topic', () => {
    const sealed = make(
      { messages: [utf8.encode('hidden words')] },
      createTopic('lobby', { secret: new Uint8Array(16) }),
    )
    expect(hex(encodeRecord(sealed))).not.toContain(hex(utf8.encode('hidden')))
  })

  it.each([
    ['no messages', { messages: [] }],
    ['1,025 messages', { messages: Array(1_025).fill(new Uint8Array()) }],
    ['an epoch of 2^53', { epoch: 2 ** 53 }],
    ['a negative epoch', { epoch: -1 }],
    ['a broken epoch', { epoch: 1.5 }],
    ['a last number of 2^53', { firstSeq: 2 ** 53 - 2, messages: Array(3).fill(new Uint8Array()) }],
    ['a negative number', { firstSeq: -1, messages: Array(10).fill(new Uint8Array()) }],
    ['no time', { time: Number.NaN }],
    ['a time before 1970', { time: -1 }],
    ['a time that no Date holds', { time: 8.64e15 + 1 }],
    ['half of the previous id', { prev: new Uint8Array(8) }],
  ])('is not made with %s', (_, changes) => {
    expect(outcome(() => make(changes))).toBe('ERR_RECORD')
  })

  it('carries the largest numbers and most messages', () => {
    const record = make({
      epoch: 2 ** 53 - 1,
      firstSeq: 2 ** 53 - 1_024,
      time: 8.64e15,
      messages: Array(1_024).fill(new Uint8Array()),
    })
    const decoded = decodeRecord(encodeRecord(record), topic, crypto)
    expect(decoded.header).toEqual(record.header)
    expect(verifyRecord(decoded, crypto)).toBe('valid')
    expect(recordMessages(decoded, topic, crypto)).toHaveLength(1_024)
  })

  it.each([
    ['2^53', 'ff0000000000002000'],
    ['2^64 - 1', 'ffffffffffffffffff'],
    ['7 in three bytes', 'fd0700'],
    ['7 in five bytes', 'fe07000000'],
    ['7 in nine bytes', 'ff0700000000000000'],
  ])('has no epoch spelt as %s', (_, spelling) => {
    const wire = hex(encodeRecord(make()))
    expect(wire.startsWith('010007')).toBe(true)
    expect(outcome(() => decodeRecord(fromHex(wire.replace('010007', `0100${spelling}`)), topic, crypto))).toBe(
      'ERR_RECORD',
    )
  })

  it('allocates nothing for a length that it only claims', () => {
    const claimed = ['ffffffff', 'ff00000001000000', 'ffffffffffffff1f00'].map((bytes) => fromHex(`fe${bytes}`))
    const before = process.memoryUsage().arrayBuffers
    for (const block of [...claimed, fromHex('feffffffff'), fromHex('ff0000000001000000')]) {
      const record = { ...make({ messages: [new Uint8Array()] }), block }
      expect(outcome(() => recordMessages(record, topic, crypto))).toBe('ERR_RECORD')
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000)
  })

  it('is not valid when it has more or fewer messages than it says', () => {
    const { block } = make()
    expect(outcome(() => recordMessages({ ...make({ messages: [utf8.encode('one')] }), block }, topic, crypto))).toBe(
      'ERR_RECORD',
    )
    const tooFew = make({ messages: [utf8.encode('one')] }).block
    expect(outcome(() => recordMessages({ ...make(), block: tooFew }, topic, crypto))).toBe('ERR_RECORD')
  })

  it('keeps its own bytes when the buffer that it came in changes', () => {
    const wire = encodeRecord(make())
    const decoded = decodeRecord(wire, topic, crypto)
    wire.fill(0)
    expect(verifyRecord(decoded, crypto)).toBe('valid')
    expect(recordMessages(decoded, topic, crypto).map(hex)).toEqual([hex(utf8.encode('one')), hex(utf8.encode('two'))])
  })

  it('is decoded or refused, whatever the bytes are', () => {
    const random = seededRandom(11)
    const wire = encodeRecord(make())
    for (let round = 0; round < 3_000; round++) {
      const bytes = round % 2 === 0 ? random.bytes(random.below(300)) : wire.slice()
      if (round % 2 === 1) for (let hit = 0; hit < 3; hit++) bytes[random.below(20)] = random.below(256)
      const result = outcome(() => verifyRecord(decodeRecord(bytes, topic, crypto), crypto))
      expect(['ERR_RECORD', 'lax', 'invalid', 'valid']).toContain(result)
      if (result === 'valid') expect(hex(bytes)).toBe(hex(wire))
    }
  })
})

describe('a Merkle root', () => {
  it.each(merkleVectors)('of $bytes bytes is fixed', ({ bytes, root }) => {
    const block = Uint8Array.from({ length: bytes }, (_, at) => (at * 31 + (at >> 8)) & 0xff)
    expect(hex(merkleRoot(block, crypto))).toBe(root)
  })

  it('is the hash tree of RFC 6962 over chunks of 16 KiB', () => {
    const chunks = [0, 1, 2].map((byte) => new Uint8Array(CHUNK_BYTES).fill(byte))
    const leaf = (chunk: Uint8Array) => crypto.hash([Uint8Array.of(0), chunk])
    const node = (left: Uint8Array, right: Uint8Array) => crypto.hash([Uint8Array.of(1), left, right])
    const [a, b, c] = chunks.map(leaf) as [Uint8Array, Uint8Array, Uint8Array]
    expect(hex(merkleRoot(Buffer.concat(chunks), crypto))).toBe(hex(node(node(a, b), c)))
  })
})
