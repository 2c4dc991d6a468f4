// The hash tree over a payload: that its root is the one of RFC 6962's shape, and that a chunk is proved by one proof only.

import { describe, expect, it } from 'vitest'
import {
  CHUNK_BYTES,
  chunkCount,
  copyBytes,
  HASH_BYTES,
  MerkleTree,
  merkleLeaf,
  merkleRoot,
  proofBytes,
  seededRandom,
  sodiumCrypto,
  verifyChunk,
} from '../src/index.js'

const crypto = sodiumCrypto()
const SIZES = [
  1,
  CHUNK_BYTES - 1,
  CHUNK_BYTES,
  CHUNK_BYTES + 1,
  3 * CHUNK_BYTES,
  5 * CHUNK_BYTES - 7,
  7 * CHUNK_BYTES + 1,
]

const blockOf = (bytes: number): Uint8Array => seededRandom(bytes).bytes(bytes)
const chunkOf = (block: Uint8Array, index: number): Uint8Array =>
  block.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)

function claimOf(block: Uint8Array, index: number) {
  const tree = MerkleTree.of(block, crypto)
  return {
    blockBytes: block.byteLength,
    root: tree.root,
    index,
    chunk: chunkOf(block, index),
    proof: tree.proof(index),
  }
}

/** As RFC 6962 §2.1 writes it: split at the largest power of two below the number of leaves. */
function rootByDefinition(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves
  if (leaves.length === 1 && only) return only
  let left = 1
  while (left * 2 < leaves.length) left *= 2
  return crypto.hash([Uint8Array.of(1), rootByDefinition(leaves.slice(0, left)), rootByDefinition(leaves.slice(left))])
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = copyBytes(bytes)
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}

describe('the hash tree of a block', () => {
  it('has the root that RFC 6962 defines, whatever the number of chunks', () => {
    for (let count = 1; count <= 40; count++) {
      const leaves = Array.from({ length: count }, (_, index) => merkleLeaf(Uint8Array.of(index), crypto))
      expect(new MerkleTree(leaves, crypto).root).toEqual(rootByDefinition(leaves))
    }
  })

  it.each([...SIZES, 4 * 1024 * 1024])('proves every chunk of %i bytes', (size) => {
    const block = blockOf(size)
    const tree = MerkleTree.of(block, crypto)
    expect(tree.root).toEqual(merkleRoot(block, crypto))
    for (let index = 0; index < chunkCount(size); index++) {
      const chunk = chunkOf(block, index)
      const claim = { blockBytes: size, root: tree.root, index, chunk, proof: tree.proof(index) }
      expect(claim.proof.byteLength).toBe(proofBytes(size, index))
      expect(verifyChunk(claim, crypto)).toEqual(merkleLeaf(chunk, crypto))
    }
  })

  it.each(SIZES)('refuses every bit flip in proof and root, and a chunk changed anywhere, of %i bytes', (size) => {
    const block = blockOf(size)
    const index = chunkCount(size) - 1
    const claim = claimOf(block, index)
    for (let bit = 0; bit < claim.proof.byteLength * 8; bit++) {
      expect(verifyChunk({ ...claim, proof: flipped(claim.proof, bit) }, crypto)).toBeNull()
    }
    for (let bit = 0; bit < HASH_BYTES * 8; bit++) {
      expect(verifyChunk({ ...claim, root: flipped(claim.root, bit) }, crypto)).toBeNull()
    }
    const step = Math.max(1, Math.floor((claim.chunk.byteLength * 8) / 509))
    for (let bit = 0; bit < claim.chunk.byteLength * 8; bit += step) {
      expect(verifyChunk({ ...claim, chunk: flipped(claim.chunk, bit) }, crypto)).toBeNull()
    }
  })

  it('refuses every bit flip in a small chunk', () => {
    const claim = claimOf(blockOf(CHUNK_BYTES + 40), 1)
    for (let bit = 0; bit < claim.chunk.byteLength * 8; bit++) {
      expect(verifyChunk({ ...claim, chunk: flipped(claim.chunk, bit) }, crypto)).toBeNull()
    }
  })

  it.each(SIZES)('takes no chunk for another of a block of %i bytes', (size) => {
    const block = blockOf(size)
    const count = chunkCount(size)
    for (let index = 0; index < count; index++) {
      const claim = claimOf(block, index)
      for (const other of [-1, 0.5, Number.NaN, count, 2 ** 40, ...Array(count).keys()]) {
        if (other !== index) expect(verifyChunk({ ...claim, index: other }, crypto)).toBeNull()
      }
    }
  })

  it('refuses a proof that is longer or shorter than the one, and a chunk of another length', () => {
    const claim = claimOf(blockOf(5 * CHUNK_BYTES), 2)
    const longer = new Uint8Array(claim.proof.byteLength + HASH_BYTES)
    longer.set(claim.proof)
    for (const proof of [longer, claim.proof.subarray(HASH_BYTES), claim.proof.subarray(1), new Uint8Array()]) {
      expect(verifyChunk({ ...claim, proof }, crypto)).toBeNull()
    }
    for (const chunk of [claim.chunk.subarray(1), new Uint8Array(), new Uint8Array(CHUNK_BYTES + 1)]) {
      expect(verifyChunk({ ...claim, chunk }, crypto)).toBeNull()
    }
  })

  it('does not take a node of the tree for a chunk', () => {
    const block = blockOf(2 * CHUNK_BYTES)
    const [left, right] = [0, 1].map((index) => merkleLeaf(chunkOf(block, index), crypto)) as [Uint8Array, Uint8Array]
    const chunk = new Uint8Array([...left, ...right])
    const root = merkleRoot(block, crypto)
    expect(verifyChunk({ blockBytes: 64, root, index: 0, chunk, proof: new Uint8Array() }, crypto)).toBeNull()
  })
})
