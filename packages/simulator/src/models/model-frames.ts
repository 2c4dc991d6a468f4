// The frames that the models of other protocols write: a kind, and a record, ids, or nothing. Records are those of the real codec,
// so that bytes can be compared.

import type { FrameReader } from '../frame-kinds.js'

/** What identifies a message on the wire: as many bytes as the protocols' message ids have. */
export const ID_BYTES = 20

export const MODEL_KINDS = ['record', 'ihave', 'iwant', 'graft', 'prune'] as const

export type ModelKind = (typeof MODEL_KINDS)[number]

/** A kind, a number of hops, a four-byte seq for whoever counts, and the body. */
const HEADER_BYTES = 6

export interface ModelFrame {
  readonly kind: ModelKind
  readonly hops: number
  readonly seq: number
  readonly body: Uint8Array
}

export function encodeModelFrame({ kind, hops, seq, body }: ModelFrame): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + body.byteLength)
  frame[0] = MODEL_KINDS.indexOf(kind)
  frame[1] = Math.min(hops, 255)
  new DataView(frame.buffer).setUint32(2, seq)
  frame.set(body, HEADER_BYTES)
  return frame
}

/** The frame, or null for other bytes. */
export function decodeModelFrame(frame: Uint8Array): ModelFrame | null {
  const kind = MODEL_KINDS[frame[0] ?? MODEL_KINDS.length]
  if (kind === undefined || frame.byteLength < HEADER_BYTES) return null
  const seq = new DataView(frame.buffer, frame.byteOffset).getUint32(2)
  return { kind, hops: frame[1] ?? 0, seq, body: frame.subarray(HEADER_BYTES) }
}

export const MODEL_FRAMES: FrameReader = Object.freeze({
  kinds: MODEL_KINDS,
  kindOf: (frame: Uint8Array) => Math.min(frame[0] ?? 0, MODEL_KINDS.length - 1),
  seqOf: (frame: Uint8Array) => (frame[0] === 0 ? new DataView(frame.buffer, frame.byteOffset).getUint32(2) : null),
})

/** The ids in a body, as texts that are keys. */
export function idsIn(body: Uint8Array): readonly string[] {
  const ids: string[] = []
  for (let at = 0; at + ID_BYTES <= body.byteLength; at += ID_BYTES) ids.push(keyOf(body.subarray(at, at + ID_BYTES)))
  return ids
}

export function keyOf(id: Uint8Array): string {
  return Array.from(id.subarray(0, ID_BYTES), (byte) => String.fromCharCode(byte)).join('')
}

export function bodyOf(keys: readonly string[]): Uint8Array {
  return Uint8Array.from(keys.flatMap((key) => Array.from(key, (letter) => letter.charCodeAt(0))))
}
