// The frames of the room channel (`hearsay/room/1`). A frame is one byte of type and a body; a number that is not spelt in
// its shortest form, or a byte too many, makes it malformed. Byte by byte in docs/wire.md.

import {
  copyBytes,
  FORK_HEADER_BYTES,
  type ForkProof,
  fromPeerId,
  type PeerId,
  PREV_BYTES,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
} from '@hearsay/core'
import { raw, uint } from 'compact-encoding'
import type { Since } from '../since.js'
import { expectEnd, type FrameReader, malformed, readPeer, readUint } from './frame-bytes.js'
import { decodePartFrame, encodePartFrame, isPartType, type PartFrame } from './part-frames.js'
import { decodeRangeFrame, encodeRangeFrame, isRangeType, MAX_HOPS, type RangeFrame } from './range-frames.js'
import { decodeRunFrame, encodeRunFrame, RUN_TYPE, type RunFrame } from './run-frames.js'

/** Where a node's deliveries of one author's epoch end. */
export interface Head {
  readonly author: PeerId
  readonly epoch: number
  /** Everything below was delivered, or told as a gap, or was before this node joined. */
  readonly next: number
}

export type Frame =
  /** First on each side: whose records this node signs here, how long it has been in the room, and what it follows. */
  | {
      readonly type: 'hello'
      readonly author: PeerId
      readonly epoch: number
      /** Milliseconds since its first channel of this room opened: a duration, so that no clocks are compared. */
      readonly presentMs: number
      /** What of before that time it asks for. */
      readonly since: Since
      readonly heads: readonly Head[]
    }
  /** One record; `hops` is how many links it had crossed when it reached the sender. */
  | { readonly type: 'record'; readonly hops: number; readonly record: Uint8Array }
  /** Proof that an author forked: two headers that it signed, as of `@hearsay/core`. */
  | { readonly type: 'fork'; readonly proof: ForkProof }
  /** The sender has verified [from, to) of the receiver's own messages and handed them to its room. */
  | { readonly type: 'ack'; readonly from: number; readonly to: number }
  /** Of the record that comes next of this place, what is below the number is before what the receiver asked for. */
  | { readonly type: 'begin'; readonly name: number; readonly seq: number }
  | RangeFrame
  | PartFrame
  | RunFrame

/** Heads in one hello at most; the most recently active ones are told. */
export const MAX_HEADS = 512

const LIVE = 0
const LAST = 1
const AGE = 2
const ALL = 3

const HELLO = 0
const RECORD = 1
const ACK = 2
const FORK = 3
const BEGIN = 15

/** Of a record frame: type, hops, six numbers, author, prev, signature, and a block that is not empty. */
const LEAST_RECORD_BYTES = 2 + 6 + PUBLIC_KEY_BYTES + PREV_BYTES + SIGNATURE_BYTES + 1

/**
 * True if it brings messages whole, without a look at which: it means the same when it is taken later than what follows it. One
 * that is too short for that brings none.
 */
export function bringsMessages(frame: Uint8Array): boolean {
  return frame[0] === RECORD && frame.byteLength >= LEAST_RECORD_BYTES
}

export function encodeFrame(frame: Frame): Uint8Array {
  switch (frame.type) {
    case 'hello':
      return encodeHello(frame)
    case 'record':
      return encodeRecordFrame(frame.hops, frame.record)
    case 'fork':
      return encodeFork(frame.proof)
    case 'ack':
      return encodeNumbers(ACK, [frame.from, frame.to])
    case 'begin':
      return encodeNumbers(BEGIN, [frame.name, frame.seq])
    case 'head':
    case 'part':
    case 'wanted':
      return encodePartFrame(frame)
    case 'run':
      return encodeRunFrame(frame)
    default:
      return encodeRangeFrame(frame)
  }
}

/** The frame in `bytes`, or `ERR_FRAME`. A record's bytes are a view. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const state = { start: 1, end: bytes.byteLength, buffer: bytes }
  const [type = -1] = bytes
  if (isRangeType(type)) return decodeRangeFrame(type, state)
  if (isPartType(type)) return decodePartFrame(type, state)
  switch (type) {
    case HELLO:
      return decodeHello(state)
    case RECORD:
      if (bytes.byteLength < 2) throw malformed('a record frame without a record')
      return { type: 'record', hops: bytes[1] ?? 0, record: bytes.subarray(2) }
    case ACK: {
      const [from, to] = [readUint(state), readUint(state)]
      if (from > to) throw malformed('an acknowledgement that ends before it begins')
      expectEnd(state)
      return { type: 'ack', from, to }
    }
    case BEGIN: {
      const frame = { type: 'begin', name: readUint(state), seq: readUint(state) } as const
      expectEnd(state)
      return frame
    }
    case FORK:
      return { type: 'fork', proof: decodeFork(bytes) }
    case RUN_TYPE:
      return decodeRunFrame(state)
    default:
      throw malformed(type === -1 ? 'empty' : `type ${type}`)
  }
}

function encodeHello({ author, epoch, presentMs, since, heads }: Extract<Frame, { type: 'hello' }>): Uint8Array {
  const state = { start: 0, end: 1 + PUBLIC_KEY_BYTES, buffer: new Uint8Array() }
  const numbers = [epoch, presentMs, ...sinceNumbers(since), heads.length]
  for (const number of numbers) uint.preencode(state, number)
  for (const head of heads) {
    state.end += PUBLIC_KEY_BYTES
    uint.preencode(state, head.epoch)
    uint.preencode(state, head.next)
  }
  state.buffer = new Uint8Array(state.end)
  state.buffer[state.start++] = HELLO
  raw.encode(state, fromPeerId(author))
  for (const number of numbers) uint.encode(state, number)
  for (const head of heads) {
    raw.encode(state, fromPeerId(head.author))
    uint.encode(state, head.epoch)
    uint.encode(state, head.next)
  }
  return state.buffer
}

function sinceNumbers(since: Since): readonly [kind: number, amount: number] {
  if (since === 'live') return [LIVE, 0]
  if (since === 'all') return [ALL, 0]
  return 'last' in since ? [LAST, since.last] : [AGE, since.age]
}

function toSince(kind: number, amount: number): Since {
  if (kind === LAST) return { last: amount }
  if (kind === AGE) return { age: amount }
  if (kind > ALL || amount !== 0) throw malformed(`since ${kind} ${amount}`)
  return kind === LIVE ? 'live' : 'all'
}

function encodeRecordFrame(hops: number, record: Uint8Array): Uint8Array {
  const frame = new Uint8Array(2 + record.byteLength)
  frame[0] = RECORD
  frame[1] = Math.min(hops, MAX_HOPS)
  frame.set(record, 2)
  return frame
}

/** Both headers have one length. */
function encodeFork([first, second]: ForkProof): Uint8Array {
  const frame = new Uint8Array(1 + first.byteLength + second.byteLength)
  frame[0] = FORK
  frame.set(first, 1)
  frame.set(second, 1 + first.byteLength)
  return frame
}

function decodeFork(bytes: Uint8Array): ForkProof {
  const half = (bytes.byteLength - 1) / 2
  if (half !== FORK_HEADER_BYTES) throw malformed('a proof of another length')
  return [copyBytes(bytes.subarray(1, 1 + half)), copyBytes(bytes.subarray(1 + half))]
}

function encodeNumbers(type: number, numbers: readonly number[]): Uint8Array {
  const state = { start: 0, end: 1, buffer: new Uint8Array() }
  for (const number of numbers) uint.preencode(state, number)
  state.buffer = new Uint8Array(state.end)
  state.buffer[state.start++] = type
  for (const number of numbers) uint.encode(state, number)
  return state.buffer
}

function decodeHello(state: FrameReader): Frame {
  const author = readPeer(state)
  const epoch = readUint(state)
  const presentMs = readUint(state)
  const since = toSince(readUint(state), readUint(state))
  const count = readUint(state)
  if (count > MAX_HEADS) throw malformed(`${count} heads`)
  const heads: Head[] = []
  while (heads.length < count) heads.push({ author: readPeer(state), epoch: readUint(state), next: readUint(state) })
  expectEnd(state)
  return { type: 'hello', author, epoch, presentMs, since, heads }
}
