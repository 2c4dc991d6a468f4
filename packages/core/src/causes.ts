// What an author had heard when it said something: the places that must be heard before it, signed within its record. Only
// those that changed since the author's own record before are named, for that one stands before this one anyway.

import { raw, uint } from 'compact-encoding'
import { fromPeerId, type PeerId, PUBLIC_KEY_BYTES, toPeerId } from './peer-id.js'
import type { Reader } from './reader.js'

/** Causes that one record names at most. */
export const MAX_CAUSES = 64

/** What one takes at most; their number takes one more. */
export const MAX_CAUSE_BYTES: number = PUBLIC_KEY_BYTES + 9 + 9

/** All of this author's epoch below `next` had been heard (Lamport 1978: happened before). */
export interface Cause {
  readonly author: PeerId
  /** Below 2^53. */
  readonly epoch: number
  /** Above 0, below 2^53. */
  readonly next: number
}

/** The causes as they stand at the beginning of a block. */
export function encodeCauses(causes: readonly Cause[]): Uint8Array {
  const state = { start: 0, end: 0, buffer: null as Uint8Array | null }
  uint.preencode(state, causes.length)
  for (const { epoch, next } of causes) {
    state.end += PUBLIC_KEY_BYTES
    uint.preencode(state, epoch)
    uint.preencode(state, next)
  }
  const filled = { start: 0, end: state.end, buffer: new Uint8Array(state.end) }
  uint.encode(filled, causes.length)
  for (const { author, epoch, next } of causes) {
    raw.encode(filled, fromPeerId(author))
    uint.encode(filled, epoch)
    uint.encode(filled, next)
  }
  return filled.buffer
}

/** Reads them off the beginning of a block; throws what `malformed` makes. */
export function readCauses(reader: Reader, malformed: (why: string) => Error): readonly Cause[] {
  const count = reader.uint()
  if (count > MAX_CAUSES) throw malformed(`${count} causes`)
  const causes: Cause[] = []
  while (causes.length < count) {
    const author = toPeerId(reader.bytes(PUBLIC_KEY_BYTES))
    const [epoch, next] = [reader.uint(), reader.uint()]
    if (next === 0) throw malformed('a cause that is none')
    causes.push({ author, epoch, next })
  }
  return causes
}
