// What the two ends of a link say about the link itself: hello, ping, pong, goodbye. This file alone knows their bytes.

import { copyBytes } from '../bytes.js'
import type { Crypto } from '../contracts/crypto.js'
import type { CloseReason } from '../contracts/link.js'
import { sodiumCrypto } from '../crypto.js'
import { CoreError } from '../errors.js'
import type { Reader } from '../reader.js'
import { concat, encodeUint, malformed, readByte, readMessage, readName, readSized } from './wire.js'

/** The channel that every link opens first. */
export const LINK_PROTOCOL = 'hearsay/link/1'
/** The version of everything above the message stream. */
export const LINK_VERSION = 1
export const NETWORK_ID_BYTES = 32

/** What each side says first. */
export interface Hello {
  /** 32 bytes, from `networkId`; links do not form across networks. */
  readonly network: Uint8Array
  /** A bit for each optional feature; both sides ignore bits that they do not know. */
  readonly features: number
  /** At most 1,024 bytes for the remote; set with the first feature bit. */
  readonly extra?: Uint8Array
}

/** The handshake of the link channel: a hello, or a goodbye in its place. */
export type Greeting =
  | ({ readonly type: 'hello'; readonly version: number } & Hello)
  | ({ readonly type: 'goodbye' } & Farewell)

/** A frame of the link channel. */
export type Control =
  | { readonly type: 'ping' | 'pong'; readonly nonce: Uint8Array }
  | ({ readonly type: 'goodbye' } & Farewell)

export type Farewell = Pick<CloseReason, 'code' | 'message' | 'extra'>

const PING = 0
const PONG = 1
const GOODBYE = 2
const HELLO = 3
const NONCE_BYTES = 8
const MAX_CODE_LETTERS = 64
const MAX_TEXT_BYTES = 256
const MAX_HELLO_EXTRA_BYTES = 1_024
/** With code and text it still fits in the handshake of a channel, where a goodbye may stand in the hello's place. */
export const MAX_GOODBYE_EXTRA_BYTES = 3_584
/** The feature bit of a hello that carries extra bytes. */
const FEATURE_EXTRA = 1

/** The 32 bytes that stand for a network's name on the wire: BLAKE2b("hearsay/network/1" ‖ name). */
export function networkId(name: string, crypto: Crypto = sodiumCrypto()): Uint8Array {
  const utf8 = new TextEncoder()
  return crypto.hash([utf8.encode('hearsay/network/1'), utf8.encode(name)])
}

export function encodeHello({ network, features, extra }: Hello): Uint8Array {
  const head = [Uint8Array.of(HELLO), encodeUint(LINK_VERSION), network]
  if (!extra || extra.byteLength > MAX_HELLO_EXTRA_BYTES) return concat(...head, encodeUint(features))
  const bits = features % 2 === FEATURE_EXTRA ? features : features + FEATURE_EXTRA
  return concat(...head, encodeUint(bits), encodeUint(extra.byteLength), extra)
}

export function encodePing(nonce: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(PING), nonce)
}

export function encodePong(nonce: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(PONG), nonce)
}

/** The code must be 1 to 64 letters of ASCII; text beyond 256 bytes is cut, extra bytes beyond 3,584 are left out. */
export function encodeGoodbye({ code, message = '', extra }: Farewell): Uint8Array {
  const utf8 = new TextEncoder()
  const letters = /^[!-~]{1,64}$/.test(code) ? code : 'ERR_CLOSED'
  const text = new Uint8Array(MAX_TEXT_BYTES)
  const { written } = utf8.encodeInto(message, text)
  return concat(
    Uint8Array.of(GOODBYE),
    encodeUint(letters.length),
    utf8.encode(letters),
    encodeUint(written),
    text.subarray(0, written),
    extra && extra.byteLength <= MAX_GOODBYE_EXTRA_BYTES ? extra : new Uint8Array(),
  )
}

/** Throws `ERR_PROTOCOL`, or `ERR_HANDSHAKE` for a version that is not ours, which need not look like ours at all. */
export function decodeGreeting(bytes: Uint8Array): Greeting {
  const reader = readMessage(bytes)
  const type = readByte(reader)
  if (type === GOODBYE) return readGoodbye(reader)
  if (type !== HELLO) throw malformed('the link does not begin with a hello')
  const version = reader.uint()
  if (version !== LINK_VERSION) throw mismatch(`the remote speaks version ${version}, not ${LINK_VERSION}`)
  const network = copyBytes(reader.bytes(NETWORK_ID_BYTES))
  const features = reader.uint()
  // What may follow otherwise is for later minor versions.
  if (features % 2 !== FEATURE_EXTRA) return { type: 'hello', version, network, features }
  return { type: 'hello', version, network, features, extra: copyBytes(readSized(reader, MAX_HELLO_EXTRA_BYTES)) }
}

/** Throws `ERR_PROTOCOL`. */
export function decodeControl(bytes: Uint8Array): Control {
  const reader = readMessage(bytes)
  const type = readByte(reader)
  if (type === GOODBYE) return readGoodbye(reader)
  if (type !== PING && type !== PONG) throw malformed(`an unknown link message ${type}`)
  const nonce = copyBytes(reader.bytes(NONCE_BYTES))
  reader.end()
  return { type: type === PING ? 'ping' : 'pong', nonce }
}

/** `ERR_HANDSHAKE`: the two sides cannot be linked, though nobody did wrong. */
export function mismatch(why: string): CoreError {
  return new CoreError('ERR_HANDSHAKE', why)
}

function readGoodbye(reader: Reader): { readonly type: 'goodbye' } & Farewell {
  const code = readName(reader, MAX_CODE_LETTERS)
  const message = new TextDecoder().decode(readSized(reader, MAX_TEXT_BYTES))
  const { left } = reader
  if (left > MAX_GOODBYE_EXTRA_BYTES) throw malformed(`a goodbye with ${left} bytes behind it`)
  const extra = left > 0 ? { extra: copyBytes(reader.bytes(left)) } : {}
  return { type: 'goodbye', code, ...(message === '' ? {} : { message }), ...extra }
}
