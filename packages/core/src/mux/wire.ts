// The few forms that all messages of a link are made of: integers, sized bytes, names. It knows no message.

import { uint } from 'compact-encoding'
import { CoreError } from '../errors.js'
import { Reader } from '../reader.js'

/** Takes `bytes` apart; throws `ERR_PROTOCOL` for what no honest sender writes. */
export function readMessage(bytes: Uint8Array): Reader {
  return new Reader(bytes, malformed)
}

export function malformed(why: string, cause?: unknown): CoreError {
  return new CoreError('ERR_PROTOCOL', why, cause === undefined ? {} : { cause })
}

export function readByte(reader: Reader): number {
  return reader.bytes(1)[0] ?? 0
}

/** Bytes behind their length, which is at most `limit`; a view. */
export function readSized(reader: Reader, limit: number): Uint8Array {
  const length = reader.uint()
  if (length > limit) throw malformed(`${length} bytes where at most ${limit} may be`)
  return reader.bytes(length)
}

/** Printable ASCII of at most `limit` letters, behind its length. */
export function readName(reader: Reader, limit: number): string {
  const text = String.fromCharCode(...readSized(reader, limit))
  if (!/^[!-~]+$/.test(text)) throw malformed('a name is not printable ASCII')
  return text
}

/** The shortest form of an integer from 0 to 2^53 - 1. */
export function encodeUint(value: number): Uint8Array {
  const state: { start: number; end: number; buffer: Uint8Array | null } = { start: 0, end: 0, buffer: null }
  uint.preencode(state, value)
  state.buffer = new Uint8Array(state.end)
  uint.encode(state, value)
  return state.buffer
}

/** The same bytes without the ways of Node's Buffer, whose `slice` does not copy. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.byteLength
  }
  return out
}
