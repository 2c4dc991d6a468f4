// How numbers and names stand in a frame, read with care: a number that is not spelt in its shortest form is malformed.

import { type PeerId, PUBLIC_KEY_BYTES, toPeerId } from '@hearsay/core'
import { uint } from 'compact-encoding'
import { GossipError } from '../errors.js'

/** A place in the bytes of a frame. */
export interface FrameReader {
  start: number
  end: number
  buffer: Uint8Array
}

export function readPeer(state: FrameReader): PeerId {
  if (state.end - state.start < PUBLIC_KEY_BYTES) throw malformed('cut short')
  state.start += PUBLIC_KEY_BYTES
  return toPeerId(state.buffer.subarray(state.start - PUBLIC_KEY_BYTES, state.start))
}

export function readUint(state: FrameReader): number {
  const from = state.start
  let value: number
  try {
    value = uint.decode(state)
  } catch (cause) {
    throw new GossipError('ERR_FRAME', 'malformed frame: cut short', { cause })
  }
  if (!Number.isSafeInteger(value)) throw malformed('a number of 2^53 or more')
  if (widthOf(value) !== state.start - from) throw malformed('a number spelt longer than needed')
  return value
}

export function readU32(state: FrameReader): number {
  if (state.end - state.start < 4) throw malformed('cut short')
  const [a = 0, b = 0, c = 0, d = 0] = state.buffer.subarray(state.start, state.start + 4)
  state.start += 4
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0
}

export function expectEnd(state: FrameReader): void {
  if (state.start !== state.end) throw malformed('bytes after its end')
}

export function malformed(why: string): GossipError {
  return new GossipError('ERR_FRAME', `malformed frame: ${why}`)
}

/** Bytes that a `uint` takes. */
export function widthOf(value: number): number {
  if (value < 0xfd) return 1
  if (value <= 0xffff) return 3
  return value <= 0xffffffff ? 5 : 9
}
