// What a swarm is about. Everything that others see of a topic (the id in signatures, what is announced, the name of its
// channel) is derived from one 32-byte key that never leaves the nodes that know the topic.

import type { Crypto } from './contracts/crypto.js'
import { sodiumCrypto } from './crypto.js'
import { CoreError } from './errors.js'
import { toPeerId } from './peer-id.js'

declare const topicIdBrand: unique symbol

/** The text form (52 letters, z-base-32) of a topic's 32-byte id. */
export type TopicId = string & { readonly [topicIdBrand]: true }

/** A topic as its members know it. */
export interface Topic {
  /** The name as it was given; null if it was given as 32 bytes. */
  readonly name: string | null
  readonly id: TopicId
  /** The 32 bytes that records sign: BLAKE2b(key, "id"). */
  readonly idBytes: Uint8Array
  /** Who knows these 32 bytes is a member. Not enumerable, so it does not show when the topic is printed. */
  readonly key: Uint8Array
  /** What payloads are sealed under; null for a topic without a secret. Not enumerable. */
  readonly payloadKey: Uint8Array | null
}

export interface TopicOptions {
  /** At least 16 random bytes that only members have. */
  readonly secret?: Uint8Array
  /** Networks do not hear each other even on topics of one name. @default 'hearsay' */
  readonly network?: string
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
}

/** The network of a node that names none. */
export const DEFAULT_NETWORK = 'hearsay'
export const MIN_SECRET_BYTES = 16
const KEY_BYTES = 32
const MAX_NAME_BYTES = 256
const DAY_MS = 86_400_000

const utf8 = new TextEncoder()
const label = (text: string): Uint8Array => utf8.encode(text)

/**
 * The topic of a name (1 to 256 bytes of UTF-8, compared in Unicode NFC) or of 32 bytes, with or without a secret.
 * Throws `ERR_TOPIC` for anything else.
 */
export function createTopic(name: string | Uint8Array, options: TopicOptions = {}): Topic {
  const crypto = options.crypto ?? sodiumCrypto()
  const { secret, network = DEFAULT_NETWORK } = options
  // What is no secret at all, such as null, must not make a room that everybody finds.
  if (secret !== undefined && !(secret instanceof Uint8Array && secret.byteLength >= MIN_SECRET_BYTES)) {
    throw new CoreError('ERR_TOPIC', `a topic's secret has at least ${MIN_SECRET_BYTES} bytes`, {
      remedy: 'Use random bytes, or derive them from a passphrase with secretFromPassphrase().',
    })
  }
  const bytes = typeof name === 'string' ? nameBytes(name) : keyBytes(name)
  const networkHash = crypto.hash([label(network)])
  const kind = Uint8Array.of(typeof name === 'string' ? 0 : 1)
  const parts = [label('hearsay/topic/1'), networkHash, kind, bytes]
  const key = secret ? crypto.hash(parts, crypto.hash([label('hearsay/secret/1'), secret])) : crypto.hash(parts)
  const idBytes = crypto.hash([label('id')], key)
  const topic = { name: typeof name === 'string' ? name : null, id: toPeerId(idBytes) as string as TopicId, idBytes }
  return Object.defineProperties(topic, {
    key: { value: key, enumerable: false },
    payloadKey: { value: secret ? crypto.hash([label('payload')], key) : null, enumerable: false },
  }) as Topic
}

/** The 32 bytes that a DHT is asked for on the UTC day of `wallMs`: BLAKE2b(key, "discovery" ‖ day). */
export function discoveryKey(topic: Topic, wallMs: number, crypto: Crypto = sodiumCrypto()): Uint8Array {
  const day = new Uint8Array(4)
  new DataView(day.buffer).setUint32(0, Math.floor(wallMs / DAY_MS), true)
  return crypto.hash([label('discovery'), day], topic.key)
}

/** The keys to announce and look up at `wallMs`: today's, and within two hours of midnight (UTC) the other day's too. */
export function discoveryKeys(topic: Topic, wallMs: number, crypto: Crypto = sodiumCrypto()): readonly Uint8Array[] {
  const nearMs = 2 * 3_600_000
  const days = new Set([wallMs, wallMs - nearMs, wallMs + nearMs].map((ms) => Math.floor(ms / DAY_MS)))
  return [...days].map((day) => discoveryKey(topic, day * DAY_MS, crypto))
}

/** The eight bytes by which a member recognises the topic in an announcement with this salt: BLAKE2b(key, "mdns" ‖ salt). */
export function saltedTopicHash(topic: Topic, salt: Uint8Array, crypto: Crypto = sodiumCrypto()): Uint8Array {
  return crypto.hash([label('mdns'), salt], topic.key).slice(0, 8)
}

/** The 32-byte id of the topic's channel on the link with this handshake hash. */
export function channelId(topic: Topic, handshakeHash: Uint8Array, crypto: Crypto = sodiumCrypto()): Uint8Array {
  return crypto.hash([label('channel'), handshakeHash], topic.key)
}

/** What the side that dialled (or accepted) the link sends to prove that it knows the topic. */
export function channelProof(
  topic: Topic,
  side: { readonly initiator: boolean; readonly handshakeHash: Uint8Array },
  crypto: Crypto = sodiumCrypto(),
): Uint8Array {
  return crypto.hash([label('proof'), Uint8Array.of(side.initiator ? 0 : 1), side.handshakeHash], topic.key)
}

function nameBytes(name: string): Uint8Array {
  const bytes = utf8.encode(name.normalize('NFC'))
  if (bytes.byteLength === 0 || bytes.byteLength > MAX_NAME_BYTES || /\p{Surrogate}/u.test(name)) {
    throw new CoreError('ERR_TOPIC', `a topic's name has 1 to ${MAX_NAME_BYTES} bytes of UTF-8`)
  }
  return bytes
}

function keyBytes(bytes: Uint8Array): Uint8Array {
  if (!(bytes instanceof Uint8Array)) throw new CoreError('ERR_TOPIC', 'a topic is a name or bytes')
  if (bytes.byteLength === KEY_BYTES) return bytes
  throw new CoreError('ERR_TOPIC', `a topic given as bytes has ${KEY_BYTES} of them, not ${bytes.byteLength}`)
}
