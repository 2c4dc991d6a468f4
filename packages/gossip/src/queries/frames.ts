// The frames of a topic's query channel (`hearsay/query/1`), one byte of type and a body:
//
//     0 query   hops so far u8 ‖ hops left u8 ‖ milliseconds left u32 ‖ query
//     1 answer  hops so far u8 ‖ answer
//     2 direct  number u32 ‖ data             a message for the receiver alone, sealed by the link
//     3 taken   number u32                    the receiver has handed it to its room
//     4 stream  stream id 16                  the sender opens the channel `hearsay/room-stream/1` of this id

import { GossipError } from '../errors.js'
import { QUERY_ID_BYTES } from './signed.js'

export type QueryFrame =
  | {
      readonly type: 'query'
      readonly hops: number
      readonly left: number
      readonly ms: number
      readonly query: Uint8Array
    }
  | { readonly type: 'answer'; readonly hops: number; readonly answer: Uint8Array }
  | { readonly type: 'direct'; readonly number: number; readonly data: Uint8Array }
  | { readonly type: 'taken'; readonly number: number }
  | { readonly type: 'stream'; readonly id: Uint8Array }

const TYPES = ['query', 'answer', 'direct', 'taken', 'stream'] as const
const HEADS = [7, 2, 5, 5, 1 + QUERY_ID_BYTES] as const
const MAX_HOPS = 255

export function encodeQueryFrame(frame: QueryFrame): Uint8Array {
  const kind = TYPES.indexOf(frame.type)
  const head = HEADS[kind] ?? 1
  const rest = restOf(frame)
  const bytes = new Uint8Array(head + rest.byteLength)
  const view = new DataView(bytes.buffer)
  bytes[0] = kind
  if (frame.type === 'query') {
    bytes[1] = frame.hops
    bytes[2] = frame.left
    view.setUint32(3, frame.ms, true)
  } else if (frame.type === 'answer') bytes[1] = Math.min(frame.hops, MAX_HOPS)
  else if (frame.type === 'stream') bytes.set(frame.id, 1)
  else view.setUint32(1, frame.number, true)
  bytes.set(rest, head)
  return bytes
}

/** Writes into a frame of a query how long it has left, in ms. */
export function stampQuery(frame: Uint8Array, ms: number): void {
  new DataView(frame.buffer, frame.byteOffset).setUint32(3, Math.max(1, Math.round(ms)), true)
}

/** The frame in `bytes`, or `ERR_FRAME`; what it carries is a view. */
export function decodeQueryFrame(bytes: Uint8Array): QueryFrame {
  const type = TYPES[bytes[0] ?? TYPES.length]
  const head = HEADS[bytes[0] ?? 0] ?? 1
  if (!type || bytes.byteLength < head) throw malformed()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const rest = bytes.subarray(head)
  switch (type) {
    case 'query':
      return { type, hops: bytes[1] ?? 0, left: bytes[2] ?? 0, ms: view.getUint32(3, true), query: rest }
    case 'answer':
      return { type, hops: bytes[1] ?? 0, answer: rest }
    case 'direct':
      return { type, number: view.getUint32(1, true), data: rest }
    case 'taken':
      if (rest.byteLength > 0) throw malformed()
      return { type, number: view.getUint32(1, true) }
    case 'stream':
      if (rest.byteLength > 0) throw malformed()
      return { type, id: bytes.subarray(1) }
  }
}

function restOf(frame: QueryFrame): Uint8Array {
  if (frame.type === 'query') return frame.query
  if (frame.type === 'answer') return frame.answer
  return frame.type === 'direct' ? frame.data : new Uint8Array()
}

function malformed(): GossipError {
  return new GossipError('ERR_FRAME', 'malformed frame of the query channel')
}
