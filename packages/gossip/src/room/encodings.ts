// How values of a room become bytes: by name, or by any compact-encoding codec.

import { copyBytes } from '@hearsay/core'
import { GossipError } from '../errors.js'

/** Writes and reads one kind of value. `decode` may throw on what it does not understand. */
export interface Encoding<T> {
  encode(value: T): Uint8Array
  decode(bytes: Uint8Array): T
}

/** The shape of a codec of the compact-encoding library. */
export interface CompactCodec<T> {
  preencode(state: CompactState, value: T): void
  encode(state: CompactState, value: T): void
  decode(state: CompactState): T
}

export interface CompactState {
  start: number
  end: number
  buffer: Uint8Array | null
}

/** Encodings that have a name, and the values they carry. */
export interface NamedEncodings {
  readonly json: unknown
  readonly text: string
  readonly bytes: Uint8Array
}

export type EncodingOption<T> = Encoding<T> | CompactCodec<T>

/** The encoding behind a name, or a codec of the caller made one. Encoding errors carry `ERR_ENCODING`. */
export function resolveEncoding(option: keyof NamedEncodings | EncodingOption<unknown>): Encoding<unknown> {
  if (option === 'json') return coded(json)
  if (option === 'text') return coded(text)
  if (option === 'bytes') return coded(bytes)
  if (typeof option === 'string') throw new GossipError('ERR_OPTION', `unknown encoding ${JSON.stringify(option)}`)
  if (typeof option?.encode !== 'function' || typeof option.decode !== 'function') {
    throw new GossipError('ERR_OPTION', 'an encoding has an encode and a decode')
  }
  return coded('preencode' in option ? fromCompact(option) : option)
}

const json: Encoding<unknown> = {
  encode(value) {
    const written = JSON.stringify(value)
    if (written === undefined) throw new TypeError(`JSON has no ${typeof value}`)
    return new TextEncoder().encode(written)
  },
  decode: (written) => JSON.parse(text.decode(written) as string),
}

const text: Encoding<unknown> = {
  encode(value) {
    if (typeof value !== 'string') throw new TypeError(`text expected, not ${typeof value}`)
    return new TextEncoder().encode(value)
  },
  decode: (written) => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(written),
}

const bytes: Encoding<unknown> = {
  encode(value) {
    if (!(value instanceof Uint8Array)) throw new TypeError(`a Uint8Array expected, not ${typeof value}`)
    return value
  },
  decode: (written) => copyBytes(written),
}

function fromCompact<T>(codec: CompactCodec<T>): Encoding<T> {
  return {
    encode(value) {
      const sized: CompactState = { start: 0, end: 0, buffer: null }
      codec.preencode(sized, value)
      const buffer = new Uint8Array(sized.end)
      codec.encode({ start: 0, end: sized.end, buffer }, value)
      return buffer
    },
    decode(written) {
      const state = { start: 0, end: written.byteLength, buffer: written }
      const value = codec.decode(state)
      // The library leaves it to the caller to see that nothing is left over.
      if (state.start !== state.end) throw new RangeError('bytes after the value')
      return value
    },
  }
}

/** What the caller cannot encode is the caller's mistake, with a code; what a remote sent is for `decode`'s caller to catch. */
function coded(encoding: Encoding<never> | Encoding<unknown>): Encoding<unknown> {
  return {
    encode(value) {
      try {
        return encoding.encode(value as never)
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause)
        throw new GossipError('ERR_ENCODING', `the room's encoding cannot write this value: ${why}`, { cause })
      }
    },
    decode: (written) => encoding.decode(written),
  }
}
