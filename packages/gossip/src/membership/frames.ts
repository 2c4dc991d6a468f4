// The frames of the members channel (`hearsay/members/1`). A frame is one byte of type and a body of fixed layout; a byte too
// many or too few makes it malformed. Records stay bytes here: who wants them checks their signatures. Byte by byte in
// docs/wire.md.

import { copyBytes, MAX_ADDRESS_RECORD_BYTES } from '@hearsay/core'
import { malformed } from '../frames/frame-bytes.js'

export type MembersFrame =
  /** The sender holds the receiver for its neighbour, or asks to be held. */
  | {
      readonly type: 'hold'
      /** The sender is in need: it has too few neighbours. */
      readonly urgent: boolean
      /** The sender takes the receiver for one of another part of the swarm. */
      readonly strange: boolean
      /** The sender tries the receiver out, beyond the neighbours that it needs, and may be tried out itself. */
      readonly trial: boolean
      /** None of the sender's neighbours has brought it anything: where somebody speaks it is to be tried out. */
      readonly hungry: boolean
      /** Others may be told of the sender. */
      readonly tellable: boolean
      /** How many neighbours the sender has. */
      readonly degree: number
    }
  /** The sender does not hold the receiver, now or any more; others that it may try. */
  | { readonly type: 'drop'; readonly degree: number; readonly tries: readonly Uint8Array[] }
  | { readonly type: 'ping'; readonly nonce: number; readonly degree: number }
  | { readonly type: 'pong'; readonly nonce: number }
  /** Whose neighbour are you? */
  | { readonly type: 'ask' }
  /** The first eight bytes of the key of each neighbour. */
  | { readonly type: 'view'; readonly names: readonly Uint8Array[] }

type Hold = Extract<MembersFrame, { type: 'hold' }>
type Flag = (typeof FLAGS)[number]

/** Records that go with one `drop`. */
export const MAX_TRIES = 5
export const MAX_NAMES_IN_VIEW = 64
export const NAME_BYTES = 8

const [HOLD, DROP, PING, PONG, ASK, VIEW] = [0, 1, 2, 3, 4, 5] as const
/** The flags of a hold, from the lowest bit on. */
const FLAGS = ['urgent', 'tellable', 'strange', 'trial', 'hungry'] as const

export function encodeMembersFrame(frame: MembersFrame): Uint8Array {
  switch (frame.type) {
    case 'hold':
      return Uint8Array.of(HOLD, flagsOf(frame), toByte(frame.degree))
    case 'drop':
      return concat([Uint8Array.of(DROP, toByte(frame.degree), frame.tries.length), ...frame.tries.flatMap(withLength)])
    case 'ping':
      return Uint8Array.of(PING, ...u32(frame.nonce), toByte(frame.degree))
    case 'pong':
      return Uint8Array.of(PONG, ...u32(frame.nonce))
    case 'ask':
      return Uint8Array.of(ASK)
    case 'view':
      return concat([Uint8Array.of(VIEW, frame.names.length), ...frame.names])
  }
}

/** The frame in `bytes`, or `ERR_FRAME`. */
export function decodeMembersFrame(bytes: Uint8Array): MembersFrame {
  const [type, first = 0, degree = 0] = bytes
  switch (type) {
    case HOLD:
      expectLength(bytes, 3)
      return { type: 'hold', ...toFlags(first), degree }
    case DROP:
      return { type: 'drop', degree: first, tries: decodeTries(bytes) }
    case PING:
      expectLength(bytes, 6)
      return { type: 'ping', nonce: readU32(bytes), degree: bytes[5] ?? 0 }
    case PONG:
      expectLength(bytes, 5)
      return { type: 'pong', nonce: readU32(bytes) }
    case ASK:
      expectLength(bytes, 1)
      return { type: 'ask' }
    case VIEW:
      return { type: 'view', names: decodeNames(bytes) }
    default:
      throw malformed(type === undefined ? 'empty' : `type ${type}`)
  }
}

function flagsOf(hold: Hold): number {
  return FLAGS.reduce((flags, name, bit) => flags + (hold[name] ? 1 << bit : 0), 0)
}

function toFlags(flags: number): Pick<Hold, Flag> {
  if (flags >= 1 << FLAGS.length) throw malformed(`flags ${flags}`)
  const has = (name: Flag): boolean => (flags & (1 << FLAGS.indexOf(name))) !== 0
  const [urgent, tellable] = [has('urgent'), has('tellable')]
  return { urgent, tellable, strange: has('strange'), trial: has('trial'), hungry: has('hungry') }
}

function decodeTries(bytes: Uint8Array): readonly Uint8Array[] {
  const count = bytes[2] ?? MAX_TRIES + 1
  if (count > MAX_TRIES) throw malformed(`${count} records`)
  const tries: Uint8Array[] = []
  let at = 3
  while (tries.length < count) {
    const length = (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 256
    const end = at + 2 + length
    if (length > MAX_ADDRESS_RECORD_BYTES || end > bytes.byteLength) throw malformed(`a record of ${length} bytes`)
    tries.push(copyBytes(bytes.subarray(at + 2, end)))
    at = end
  }
  expectLength(bytes, at)
  return tries
}

function decodeNames(bytes: Uint8Array): readonly Uint8Array[] {
  const count = bytes[1] ?? MAX_NAMES_IN_VIEW + 1
  if (count > MAX_NAMES_IN_VIEW) throw malformed(`${count} names`)
  expectLength(bytes, 2 + count * NAME_BYTES)
  return Array.from({ length: count }, (_, index) => {
    const at = 2 + index * NAME_BYTES
    return copyBytes(bytes.subarray(at, at + NAME_BYTES))
  })
}

function expectLength({ byteLength }: Uint8Array, length: number): void {
  if (byteLength !== length) throw malformed(`${byteLength} bytes for ${length}`)
}

function toByte(count: number): number {
  return Math.min(count, 255)
}

function u32(value: number): readonly number[] {
  return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24]
}

function readU32(bytes: Uint8Array): number {
  const [, a = 0, b = 0, c = 0, d = 0] = bytes
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0
}

function withLength(record: Uint8Array): readonly Uint8Array[] {
  return [Uint8Array.of(record.byteLength & 255, record.byteLength >>> 8), record]
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.byteLength
  }
  return out
}
