// What an author says at a place, so that every delivery can be checked without remembering it.

import type { PeerId } from '@hearsay/core'

const FILLER = '.'

/** The payload of one message, of `bytes` at least. */
export function wordsOf(place: { author: PeerId; epoch: number; seq: number }, bytes: number): Uint8Array {
  const { author, epoch, seq } = place
  return new TextEncoder().encode(`${author.slice(0, 8)} says ${epoch} ${seq}`.padEnd(bytes, FILLER))
}

/** True if these are the words of that place, or with another ending the words of one who says two things. */
export function areWordsOf(payload: Uint8Array, expected: Uint8Array, isTwoFaced: boolean): boolean {
  if (payload.byteLength < expected.byteLength) return false
  if (!isTwoFaced && payload.byteLength !== expected.byteLength) return false
  return expected.every((byte, index) => byte === payload[index])
}
