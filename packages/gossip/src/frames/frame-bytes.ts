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
  state.start += 4
  return u32At(state.buffer, state.start - 4)
}

/** Four bytes as a number, little endian. By index: a view taken apart as a list costs five times as much (Node 20). */
export function u32At(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
  return (low | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
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
