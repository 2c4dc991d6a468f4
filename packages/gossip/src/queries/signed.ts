// What is signed of a query and of an answer. Both are outside sequences and histories: a query has a random id, and an
// answer signs the id of its query, so that it is one to nothing else. In a private topic what they say is sealed.
//
//     query  = author 32 ‖ id 16 ‖ signature 64 ‖ body        body   = [nonce 24 ‖ sealed] (sized type ‖ data)
//     answer = author 32 ‖ id 16 ‖ signature 64 ‖ body        body   = [nonce 24 ‖ sealed] data
//     signed = domain ‖ topic id 32 ‖ author 32 ‖ id 16 ‖ H(body)

import {
  type Crypto,
  copyBytes,
  fromPeerId,
  type Identity,
  isStrictSignature,
  type PeerId,
  PUBLIC_KEY_BYTES,
  type Random,
  type Topic,
  toPeerId,
} from '@hearsay/core'
import { GossipError } from '../errors.js'

export const QUERY_ID_BYTES = 16
const SIGNATURE_BYTES = 64
const NONCE_BYTES = 24
const HEAD_BYTES = PUBLIC_KEY_BYTES + QUERY_ID_BYTES + SIGNATURE_BYTES
/** Letters of a type, all within ASCII that can be seen. */
const TYPE = /^[!-~]{1,64}$/
const DOMAINS = {
  query: new TextEncoder().encode('hearsay/query/1'),
  answer: new TextEncoder().encode('hearsay/answer/1'),
}

export interface Signing {
  readonly topic: Topic
  readonly crypto: Crypto
}

/** A query or an answer as it came: verified, still closed. */
export interface Signed {
  readonly author: PeerId
  /** The query's. */
  readonly id: Uint8Array
  readonly body: Uint8Array
  /** The whole of it, to be passed on. */
  readonly bytes: Uint8Array
}

export function checkType(type: string): string {
  if (TYPE.test(type)) return type
  throw new GossipError('ERR_OPTION', `a type is 1 to 64 visible ASCII characters, not ${JSON.stringify(type)}`)
}

export function signQuery(
  { id, type, data }: { readonly id: Uint8Array; readonly type: string; readonly data: Uint8Array },
  signing: Signing & { readonly author: Identity; readonly random: Random },
): Uint8Array {
  const name = new TextEncoder().encode(type)
  const plain = new Uint8Array(1 + name.byteLength + data.byteLength)
  plain[0] = name.byteLength
  plain.set(name, 1)
  plain.set(data, 1 + name.byteLength)
  return sign('query', { id, plain }, signing)
}

export function signAnswer(
  { id, data }: { readonly id: Uint8Array; readonly data: Uint8Array },
  signing: Signing & { readonly author: Identity; readonly random: Random },
): Uint8Array {
  return sign('answer', { id, plain: data }, signing)
}

/** Null unless its author signed it for this topic. */
export function readSigned(kind: 'query' | 'answer', bytes: Uint8Array, { topic, crypto }: Signing): Signed | null {
  if (bytes.byteLength < HEAD_BYTES) return null
  const copy = copyBytes(bytes)
  const key = copy.subarray(0, PUBLIC_KEY_BYTES)
  const id = copy.subarray(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES + QUERY_ID_BYTES)
  const signature = copy.subarray(PUBLIC_KEY_BYTES + QUERY_ID_BYTES, HEAD_BYTES)
  const body = copy.subarray(HEAD_BYTES)
  const message = messageOf(kind, { topic, crypto, key, id, body })
  if (!isStrictSignature(signature, key) || !crypto.verify(signature, message, key)) return null
  return { author: toPeerId(key), id, body, bytes: copy }
}

/** What it says; null if it cannot be opened or split. */
export function openQuery(
  { body }: Signed,
  signing: Signing,
): { readonly type: string; readonly data: Uint8Array } | null {
  const plain = open(body, signing)
  const length = plain?.[0] ?? 0
  if (!plain || plain.byteLength < 1 + length) return null
  const type = new TextDecoder().decode(plain.subarray(1, 1 + length))
  return TYPE.test(type) ? { type, data: plain.subarray(1 + length) } : null
}

export function openAnswer({ body }: Signed, signing: Signing): Uint8Array | null {
  return open(body, signing)
}

function sign(
  kind: 'query' | 'answer',
  { id, plain }: { readonly id: Uint8Array; readonly plain: Uint8Array },
  { topic, crypto, author, random }: Signing & { readonly author: Identity; readonly random: Random },
): Uint8Array {
  const key = fromPeerId(author.id)
  const body = seal(plain, { topic, crypto, random })
  const bytes = new Uint8Array(HEAD_BYTES + body.byteLength)
  bytes.set(key)
  bytes.set(id, PUBLIC_KEY_BYTES)
  bytes.set(author.sign(messageOf(kind, { topic, crypto, key, id, body })), PUBLIC_KEY_BYTES + QUERY_ID_BYTES)
  bytes.set(body, HEAD_BYTES)
  return bytes
}

function messageOf(
  kind: 'query' | 'answer',
  { topic, crypto, key, id, body }: Signing & { key: Uint8Array; id: Uint8Array; body: Uint8Array },
): Uint8Array {
  const parts = [DOMAINS[kind], topic.idBytes, key, id, crypto.hash([body])]
  const message = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of parts) {
    message.set(part, at)
    at += part.byteLength
  }
  return message
}

function seal(plain: Uint8Array, { topic, crypto, random }: Signing & { readonly random: Random }): Uint8Array {
  if (!topic.payloadKey) return plain
  const nonce = random.bytes(NONCE_BYTES)
  const sealed = crypto.seal(plain, nonce, topic.payloadKey)
  const body = new Uint8Array(NONCE_BYTES + sealed.byteLength)
  body.set(nonce)
  body.set(sealed, NONCE_BYTES)
  return body
}

function open(body: Uint8Array, { topic, crypto }: Signing): Uint8Array | null {
  if (!topic.payloadKey) return body
  if (body.byteLength < NONCE_BYTES) return null
  return crypto.open(body.subarray(NONCE_BYTES), body.subarray(0, NONCE_BYTES), topic.payloadKey)
}
