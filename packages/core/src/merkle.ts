// The hash tree over a payload: leaves of 16 KiB, domain-separated, shaped as in RFC 6962 §2.1, so that a chunk can be
// proved to belong to a signed header without the rest.

import type { Crypto } from './contracts/crypto.js'

export const CHUNK_BYTES: number = 16 * 1024

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

/** The 32-byte root over the chunks of `block`. */
export function merkleRoot(block: Uint8Array, crypto: Crypto): Uint8Array {
  const leaves: Uint8Array[] = []
  for (let at = 0; at < block.byteLength || at === 0; at += CHUNK_BYTES) {
    leaves.push(crypto.hash([LEAF, block.subarray(at, at + CHUNK_BYTES)]))
  }
  return rootOf(leaves, crypto)
}

function rootOf(leaves: readonly Uint8Array[], crypto: Crypto): Uint8Array {
  const [only] = leaves
  if (leaves.length === 1 && only) return only
  const left = largestPowerOfTwoBelow(leaves.length)
  return crypto.hash([NODE, rootOf(leaves.slice(0, left), crypto), rootOf(leaves.slice(left), crypto)])
}

function largestPowerOfTwoBelow(count: number): number {
  let power = 1
  while (power * 2 < count) power *= 2
  return power
}
