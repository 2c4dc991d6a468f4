// The frames of large records: the head goes ahead of its block, which follows in parts of 16 KiB, each with its proof; who
// takes them says which parts it wants next, or that it wants no more.

import { CHUNK_BYTES, HASH_BYTES } from '@hearsay/core'
import { raw, uint } from 'compact-encoding'
import { type FrameReader, malformed, readUint, widthOf } from './frame-bytes.js'
import { MAX_HOPS, MAX_NAMES } from './range-frames.js'

/** Parts [from, to) of a block. */
export interface PartRange {
  readonly from: number
  readonly to: number
}

/** A record that begins at `first`, of a place that was named. */
interface RecordPlace {
  readonly name: number
  readonly first: number
}

export type PartFrame =
  /** A record without its block; the first `parts` parts follow unasked. `hops` as in a record frame. */
  | { readonly type: 'head'; readonly hops: number; readonly parts: number; readonly head: Uint8Array }
  /** One part of the block whose head the sender sent last for this place, with its audit path from the leaf up. */
  | (RecordPlace & {
      readonly type: 'part'
      readonly index: number
      readonly proof: Uint8Array
      readonly chunk: Uint8Array
    })
  /** The sender wants these parts, ascending; none at all: no more of this record. */
  | (RecordPlace & { readonly type: 'wanted'; readonly parts: readonly PartRange[] })

/** The largest block: 16 MiB of payload and what surrounds it. */
export const MAX_PARTS = 1_025
/** Parts that may follow a head unasked. */
export const MAX_UNASKED = 4
/** Ranges of one `wanted` frame. */
export const MAX_WANTED_RANGES = 64
/** Siblings of one audit path: a tree over `MAX_PARTS` leaves is no higher. */
const MAX_SIBLINGS = 11

/** The first byte of a `head` frame; those of the others follow it. */
export const FIRST_PART_TYPE = 11
const [HEAD, PART, WANTED] = [FIRST_PART_TYPE, FIRST_PART_TYPE + 1, FIRST_PART_TYPE + 2] as const

export function isPartType(byte: number): boolean {
  return byte >= HEAD && byte <= WANTED
}

export function encodePartFrame(frame: PartFrame): Uint8Array {
  switch (frame.type) {
    case 'head': {
      const bytes = new Uint8Array(3 + frame.head.byteLength)
      bytes.set([HEAD, Math.min(frame.hops, MAX_HOPS), frame.parts])
      bytes.set(frame.head, 3)
      return bytes
    }
    case 'part': {
      const { name, first, index, proof, chunk } = frame
      const siblings = proof.byteLength / HASH_BYTES
      const numbers = [name, first, index, siblings]
      const state = startOf(PART, numbers, proof.byteLength + chunk.byteLength)
      raw.encode(state, proof)
      raw.encode(state, chunk)
      return state.buffer
    }
    case 'wanted':
      return startOf(WANTED, [frame.name, frame.first, ...frame.parts.flatMap(({ from, to }) => [from, to - from])], 0)
        .buffer
  }
}

/** The frame whose type byte is before `state`; throws `ERR_FRAME`. A head, a proof and a chunk are views. */
export function decodePartFrame(type: number, state: FrameReader): PartFrame {
  if (type === HEAD) return decodeHead(state)
  const place = { name: readUint(state), first: readUint(state) }
  if (place.name >= MAX_NAMES) throw malformed(`the name ${place.name}`)
  return type === PART ? decodePart(place, state) : { type: 'wanted', ...place, parts: readParts(state) }
}

function decodeHead({ buffer }: FrameReader): PartFrame {
  const [, hops, parts] = buffer
  if (hops === undefined || parts === undefined || buffer.byteLength < 4) throw malformed('a head frame without a head')
  if (parts > MAX_UNASKED) throw malformed(`${parts} parts that nobody asked for`)
  return { type: 'head', hops, parts, head: buffer.subarray(3) }
}

function decodePart(place: RecordPlace, state: FrameReader): PartFrame {
  const index = readUint(state)
  const siblings = readUint(state)
  if (index >= MAX_PARTS || siblings > MAX_SIBLINGS) throw malformed('a part beyond the largest block')
  const proofEnd = state.start + siblings * HASH_BYTES
  const length = state.end - proofEnd
  if (length < 1 || length > CHUNK_BYTES) throw malformed(`a part of ${length} bytes`)
  const proof = state.buffer.subarray(state.start, proofEnd)
  return { type: 'part', ...place, index, proof, chunk: state.buffer.subarray(proofEnd, state.end) }
}

/** Ranges that neither overlap nor touch, ascending: one spelling for one set. */
function readParts(state: FrameReader): PartRange[] {
  const parts: PartRange[] = []
  for (let least = 0; state.start < state.end; ) {
    if (parts.length === MAX_WANTED_RANGES) throw malformed(`more than ${MAX_WANTED_RANGES} ranges`)
    const [from, count] = [readUint(state), readUint(state)]
    if (from < least || count < 1 || from + count > MAX_PARTS) throw malformed('parts that cannot be')
    parts.push({ from, to: from + count })
    least = from + count + 1
  }
  return parts
}

function startOf(type: number, numbers: readonly number[], more: number): FrameReader {
  const length = numbers.reduce((sum, number) => sum + widthOf(number), 1) + more
  const state = { start: 1, end: length, buffer: new Uint8Array(length) }
  state.buffer[0] = type
  for (const number of numbers) uint.encode(state, number)
  return state
}
