// The frames by which neighbours tell each other of records without sending them: names for places, and lists of ranges in
// places that were named. They only ever prompt a question or an answer; nothing is believed because of them.

import { fromPeerId, MAX_BATCH_MESSAGES, type PeerId, PUBLIC_KEY_BYTES } from '@hearsay/core'
import { raw, uint } from 'compact-encoding'
import { type FrameReader, malformed, readPeer, readU32, readUint, widthOf } from './frame-bytes.js'

/** A range of one author's epoch, whose number on this link a `name` frame gave. */
export interface Range {
  readonly name: number
  readonly first: number
  /** 1 to 1,024. */
  readonly count: number
}

/** A record that the sender holds: its range, and the first four bytes of its id as a little-endian number. */
export interface HeldRange extends Range {
  readonly mark: number
}

export type RangeFrame =
  /** Gives the place the next number on this link, in this direction: 0 to 1,023 and again. */
  | { readonly type: 'name'; readonly author: PeerId; readonly epoch: number }
  /** The sender holds these; it does not send them because the receiver asked it not to (`have`), or unless asked (`offer`). */
  | { readonly type: 'have' | 'offer'; readonly ranges: readonly HeldRange[] }
  /** The sender wants these; none at all: it takes 256 more offers. */
  | { readonly type: 'pull'; readonly ranges: readonly Range[] }
  /** The sender does not hold what it was asked for. */
  | { readonly type: 'none'; readonly ranges: readonly Range[] }
  /** Do not send records of these authors unasked; do so again; `graft` with none: of all authors. */
  | { readonly type: 'prune' | 'graft'; readonly names: readonly number[] }

/** Entries of one frame at most. */
export const MAX_ENTRIES = 512
/** A record's hops in a frame stop here. */
export const MAX_HOPS = 255
/** Names that a direction of a link has at one time. */
export const MAX_NAMES = 1_024

const TYPES = ['name', 'have', 'offer', 'pull', 'none', 'prune', 'graft'] as const
/** The first byte of a `name` frame; those of the others follow it. */
export const FIRST_RANGE_TYPE = 4

export function isRangeType(byte: number): boolean {
  return byte >= FIRST_RANGE_TYPE && byte < FIRST_RANGE_TYPE + TYPES.length
}

export function encodeRangeFrame(frame: RangeFrame): Uint8Array {
  const type = FIRST_RANGE_TYPE + TYPES.indexOf(frame.type)
  switch (frame.type) {
    case 'name': {
      const state = startOf(type, PUBLIC_KEY_BYTES + widthOf(frame.epoch))
      raw.encode(state, fromPeerId(frame.author))
      uint.encode(state, frame.epoch)
      return state.buffer
    }
    case 'have':
    case 'offer':
      return encodeRanges(type, frame.ranges, true)
    case 'pull':
    case 'none':
      return encodeRanges(type, frame.ranges, false)
    case 'prune':
    case 'graft': {
      const state = startOf(
        type,
        frame.names.reduce((sum, name) => sum + widthOf(name), 0),
      )
      for (const name of frame.names) uint.encode(state, name)
      return state.buffer
    }
  }
}

/** The frame whose type byte is before `state`; throws `ERR_FRAME`. */
export function decodeRangeFrame(byte: number, state: FrameReader): RangeFrame {
  const type = TYPES[byte - FIRST_RANGE_TYPE]
  switch (type) {
    case 'name': {
      const frame = { type, author: readPeer(state), epoch: readUint(state) }
      if (state.start !== state.end) throw malformed('bytes after its end')
      return frame
    }
    case 'have':
    case 'offer':
      return { type, ranges: entriesOf(state, () => readHeld(state), 1) }
    case 'pull':
    case 'none':
      return { type, ranges: entriesOf(state, () => readRange(state), type === 'pull' ? 0 : 1) }
    case 'prune':
    case 'graft':
      return { type, names: entriesOf(state, () => readName(state), type === 'graft' ? 0 : 1) }
    default:
      throw malformed(`type ${byte}`)
  }
}

function encodeRanges(type: number, ranges: readonly (Range & { readonly mark?: number })[], marked: boolean) {
  let length = 0
  for (const { name, first, count } of ranges) length += widthOf(name) + widthOf(first) + widthOf(count)
  const state = startOf(type, length + (marked ? 4 * ranges.length : 0))
  for (const { name, first, count, mark = 0 } of ranges) {
    uint.encode(state, name)
    uint.encode(state, first)
    uint.encode(state, count)
    if (!marked) continue
    for (let shift = 0; shift < 32; shift += 8) state.buffer[state.start++] = (mark >>> shift) & 0xff
  }
  return state.buffer
}

/** Entries to the end of the frame; each takes at least a byte, so the loop ends. */
function entriesOf<Entry>(state: FrameReader, read: () => Entry, least: number): Entry[] {
  const entries: Entry[] = []
  while (state.start < state.end) {
    if (entries.length === MAX_ENTRIES) throw malformed(`more than ${MAX_ENTRIES} entries`)
    entries.push(read())
  }
  if (entries.length < least) throw malformed('no entries')
  return entries
}

function readRange(state: FrameReader): Range {
  const range = { name: readName(state), first: readUint(state), count: readUint(state) }
  if (range.count < 1 || range.count > MAX_BATCH_MESSAGES) throw malformed(`a range of ${range.count}`)
  if (!Number.isSafeInteger(range.first + (range.count - 1))) throw malformed('a range that ends beyond 2^53')
  return range
}

function readHeld(state: FrameReader): HeldRange {
  const { name, first, count } = readRange(state)
  return { name, first, count, mark: readU32(state) }
}

function readName(state: FrameReader): number {
  const name = readUint(state)
  if (name >= MAX_NAMES) throw malformed(`the name ${name}`)
  return name
}

function startOf(type: number, length: number): FrameReader {
  const buffer = new Uint8Array(1 + length)
  buffer[0] = type
  return { start: 1, end: 1 + length, buffer }
}
