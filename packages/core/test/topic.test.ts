import {
  channelId,
  channelProof,
  createTopic,
  discoveryKey,
  discoveryKeys,
  hasCode,
  isPeerId,
  saltedTopicHash,
} from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import vectors from './vectors/topics.json' with { type: 'json' }

const hex = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('hex'))
const fromHex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const DAY_MS = 86_400_000
const NOON = 20_000 * DAY_MS + DAY_MS / 2

describe('a topic', () => {
  it.each(vectors)('has fixed keys: $label', (vector) => {
    const name = vector.name ?? fromHex(vector.bytes ?? '')
    const topic = createTopic(name, {
      ...(vector.secret ? { secret: fromHex(vector.secret) } : {}),
      ...(vector.network ? { network: vector.network } : {}),
    })
    expect({
      id: topic.id,
      key: hex(topic.key),
      payloadKey: hex(topic.payloadKey),
      discovery: hex(discoveryKey(topic, NOON)),
      salted: hex(saltedTopicHash(topic, fromHex('0102'))),
      channel: hex(channelId(topic, fromHex('0304'))),
      proof: hex(channelProof(topic, { initiator: true, handshakeHash: fromHex('0304') })),
    }).toEqual(vector.expected)
  })

  it('is the same for a name in another Unicode form', () => {
    expect(createTopic('café').id).toBe(createTopic('cafe\u0301').id)
    expect(createTopic('cafe').id).not.toBe(createTopic('café').id)
  })

  it('differs by name, kind, secret and network', () => {
    const secret = new Uint8Array(16)
    const topics = [
      createTopic('a'),
      createTopic('b'),
      createTopic(new Uint8Array(32).fill(97)),
      createTopic('a'.repeat(32)),
      createTopic('a', { secret }),
      createTopic('a', { secret: new Uint8Array(17) }),
      createTopic('a', { network: 'other' }),
    ]
    expect(new Set(topics.map(({ id }) => id)).size).toBe(topics.length)
    expect(topics.every(({ id }) => isPeerId(id))).toBe(true)
  })

  it('shows its key to nobody who prints it', () => {
    const topic = createTopic('a', { secret: new Uint8Array(16) })
    expect(Object.keys(topic)).toEqual(['name', 'id', 'idBytes'])
    expect(JSON.stringify(topic)).not.toContain('key')
  })

  it.each([
    ['an empty name', ''],
    ['a name of 257 bytes', 'x'.repeat(257)],
    ['a lone surrogate', 'a\ud800'],
    ['31 bytes', new Uint8Array(31)],
    ['33 bytes', new Uint8Array(33)],
  ])('is not %s', (_, name) => {
    expect(() => createTopic(name)).toThrow(expect.objectContaining({ code: 'ERR_TOPIC' }))
  })

  it('takes names of 1 and 256 bytes, and secrets of 16 bytes and more', () => {
    expect(createTopic('x').name).toBe('x')
    expect(createTopic('ü'.repeat(128)).name).toHaveLength(128)
    for (const length of [16, 32, 200]) createTopic('x', { secret: new Uint8Array(length) })
    try {
      createTopic('x', { secret: new Uint8Array(15) })
      expect.unreachable()
    } catch (error) {
      expect(hasCode(error, 'ERR_TOPIC')).toBe(true)
    }
  })

  it('makes no public topic of a secret that is none, and no topic of what is neither a name nor bytes', () => {
    for (const secret of [null, '', 'sixteen letters.', 7, true, {}, new Array(32).fill(7), new ArrayBuffer(32)]) {
      expect(() => createTopic('x', { secret: secret as never })).toThrow(
        expect.objectContaining({ code: 'ERR_TOPIC' }),
      )
    }
    for (const name of [null, undefined, 7, {}, new Array(32).fill(7)]) {
      expect(() => createTopic(name as never)).toThrow(expect.objectContaining({ code: 'ERR_TOPIC' }))
    }
  })
})

describe('a discovery key', () => {
  const topic = createTopic('lobby')

  it('changes at midnight UTC', () => {
    const midnight = 20_001 * DAY_MS
    expect(hex(discoveryKey(topic, midnight - 1))).toBe(hex(discoveryKey(topic, NOON)))
    expect(hex(discoveryKey(topic, midnight))).not.toBe(hex(discoveryKey(topic, NOON)))
  })

  it.each([
    ['noon', NOON, 1],
    ['two hours and a millisecond after midnight', 20_000 * DAY_MS + 7_200_000, 1],
    ['just before two hours after midnight', 20_000 * DAY_MS + 7_199_999, 2],
    ['two hours before midnight', 20_001 * DAY_MS - 7_200_000, 2],
    ['before that', 20_001 * DAY_MS - 7_200_001, 1],
  ])('is one of %s', (_, wallMs, count) => {
    const keys = discoveryKeys(topic, wallMs).map(hex)
    expect(keys).toHaveLength(count)
    expect(keys).toContain(hex(discoveryKey(topic, wallMs)))
  })

  it('is shared by two whose clocks are hours apart over midnight', () => {
    const late = discoveryKeys(topic, 20_001 * DAY_MS - 3_600_000).map(hex)
    const early = discoveryKeys(topic, 20_001 * DAY_MS + 3_600_000).map(hex)
    expect(late.filter((key) => early.includes(key))).toHaveLength(2)
  })
})

describe('what members prove to each other', () => {
  it('differs by side, link and topic', () => {
    const [topic, other] = [createTopic('a'), createTopic('b')]
    const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
    const proofs = [topic, other].flatMap((each) =>
      [one, two].flatMap((handshakeHash) =>
        [true, false].map((initiator) => hex(channelProof(each, { initiator, handshakeHash }))),
      ),
    )
    const ids = [topic, other].flatMap((each) => [one, two].map((hash) => hex(channelId(each, hash))))
    expect(new Set([...proofs, ...ids]).size).toBe(12)
  })
})
