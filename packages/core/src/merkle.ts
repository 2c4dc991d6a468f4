// The hash tree over a payload: leaves of 16 KiB, domain-separated, shaped as in RFC 6962 §2.1, so that a chunk can be
// proved to belong to a signed header without the rest.

import type { Crypto } from './contracts/crypto.js'
import { HASH_BYTES } from './crypto.js'

export const CHUNK_BYTES: number = 16 * 1024

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

/** How many chunks a block of so many bytes has: one at least. */
export function chunkCount(blockBytes: number): number {
  return Math.max(1, Math.ceil(blockBytes / CHUNK_BYTES))
}

/** What a chunk is in the tree: 32 bytes. */
export function merkleLeaf(chunk: Uint8Array, crypto: Crypto): Uint8Array {
  return crypto.hash([LEAF, chunk])
}

/** The 32-byte root over the chunks of `block`. */
export function merkleRoot(block: Uint8Array, crypto: Crypto): Uint8Array {
  return new MerkleTree(leavesOf(block, crypto), crypto).root
}

/** The whole tree of a block of which all leaves are known, to prove chunks with. */
export class MerkleTree {
  /** From the leaves up; one that has no sibling goes up as it is, which makes the shape that of RFC 6962. */
  readonly #levels: (readonly Uint8Array[])[]

  constructor(leaves: readonly Uint8Array[], crypto: Crypto) {
    this.#levels = [leaves]
    for (let level = leaves; level.length > 1; this.#levels.push(level)) level = levelAbove(level, crypto)
  }

  /** The tree of a block that is here. */
  static of(block: Uint8Array, crypto: Crypto): MerkleTree {
    return new MerkleTree(leavesOf(block, crypto), crypto)
  }

  get root(): Uint8Array {
    return this.#levels.at(-1)?.[0] ?? new Uint8Array(HASH_BYTES)
  }

  /** The audit path of a chunk (RFC 6962 §2.1.1): the siblings from the leaf up, 32 bytes each, one behind the other. */
  proof(index: number): Uint8Array {
    const siblings: Uint8Array[] = []
    for (const [height, level] of this.#levels.entries()) {
      const sibling = level[Math.floor(index / 2 ** height) ^ 1]
      if (sibling) siblings.push(sibling)
    }
    const path = new Uint8Array(siblings.length * HASH_BYTES)
    for (const [place, sibling] of siblings.entries()) path.set(sibling, place * HASH_BYTES)
    return path
  }
}

/** Bytes of the audit path of this chunk. */
export function proofBytes(blockBytes: number, index: number): number {
  let length = 0
  let [at, width] = [index, chunkCount(blockBytes)]
  for (; width > 1; width = Math.ceil(width / 2), at = Math.floor(at / 2)) if ((at ^ 1) < width) length += HASH_BYTES
  return length
}

/** One chunk of a block, as somebody claims it. */
export interface ChunkClaim {
  /** Of the whole block, as its author signed it: the shape of the tree follows from it. */
  readonly blockBytes: number
  readonly root: Uint8Array
  readonly index: number
  readonly chunk: Uint8Array
  readonly proof: Uint8Array
}

/** The leaf of the chunk if it is the chunk of this index, of the length that is its, with the one proof that shows it; else null. */
export function verifyChunk(claim: ChunkClaim, crypto: Crypto): Uint8Array | null {
  const { blockBytes, root, index, chunk, proof } = claim
  const count = chunkCount(blockBytes)
  if (!Number.isSafeInteger(index) || index < 0 || index >= count) return null
  if (chunk.byteLength !== Math.min(CHUNK_BYTES, blockBytes - index * CHUNK_BYTES)) return null
  if (proof.byteLength !== proofBytes(blockBytes, index)) return null
  const leaf = merkleLeaf(chunk, crypto)
  let [node, at, width, taken] = [leaf, index, count, 0]
  for (; width > 1; width = Math.ceil(width / 2), at = Math.floor(at / 2)) {
    if ((at ^ 1) >= width) continue
    const sibling = proof.subarray(taken, taken + HASH_BYTES)
    taken += HASH_BYTES
    node = crypto.hash(at % 2 === 0 ? [NODE, node, sibling] : [NODE, sibling, node])
  }
  return node.every((byte, place) => byte === root[place]) ? leaf : null
}

function leavesOf(block: Uint8Array, crypto: Crypto): Uint8Array[] {
  const leaves: Uint8Array[] = []
  for (let index = 0; index < chunkCount(block.byteLength); index++) {
    leaves.push(merkleLeaf(block.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES), crypto))
  }
  return leaves
}

function levelAbove(level: readonly Uint8Array[], crypto: Crypto): Uint8Array[] {
  const above: Uint8Array[] = []
  for (let at = 0; at < level.length; at += 2) {
    const [left, right] = [level[at] as Uint8Array, level[at + 1]]
    above.push(right ? crypto.hash([NODE, left, right]) : left)
  }
  return above
}
