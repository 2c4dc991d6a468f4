// The block of a large record, whole or on its way: parts of 16 KiB, each verified against the signed root before it counts.
// It takes memory for what came, never for what was claimed.

import {
  blockOf,
  CHUNK_BYTES,
  type Crypto,
  chunkCount,
  copyBytes,
  MerkleTree,
  type RecordHead,
  type SignedRecord,
  verifyChunk,
} from '@hearsay/core'
import type { PartRange } from '../frames/part-frames.js'

/** Up to here a block goes with its head in one frame. */
export const WHOLE_BYTES: number = CHUNK_BYTES

interface Part {
  readonly chunk: Uint8Array
  readonly leaf: Uint8Array
  readonly proof: Uint8Array
}

export class LargeBlock {
  readonly bytes: number
  /** How many parts it has. */
  readonly count: number
  readonly #root: Uint8Array
  readonly #crypto: Crypto
  /** Those that came, until it is whole. */
  readonly #parts = new Map<number, Part>()
  #heldBytes = 0
  #whole: Uint8Array | null = null
  /** Made when somebody asks for a whole block. */
  #tree: MerkleTree | null = null

  #isShared: boolean

  /** @param isShared false if others are not to be given any of it yet */
  constructor(head: RecordHead, crypto: Crypto, isShared = true) {
    this.#isShared = isShared
    const { bytes, root } = blockOf(head)
    this.bytes = bytes
    this.count = chunkCount(bytes)
    this.#root = root
    this.#crypto = crypto
  }

  /** That of a record that is here. */
  static of(record: SignedRecord, crypto: Crypto): LargeBlock {
    const block = new LargeBlock(record, crypto)
    block.#whole = record.block
    return block
  }

  /** All of it; null while a part is missing. */
  get whole(): Uint8Array | null {
    return this.#whole
  }

  /** Bytes of the parts that are here. */
  get heldBytes(): number {
    return this.#whole ? this.bytes : this.#heldBytes
  }

  /** The parts that are here, by index; null once it is whole. */
  get partial(): ReadonlyMap<number, unknown> | null {
    return this.#whole ? null : this.#parts
  }

  has(index: number): boolean {
    return this.#whole !== null || this.#parts.has(index)
  }

  /** Takes a part that is missing; false if it is not what its author signed. */
  add(index: number, { chunk, proof }: { readonly chunk: Uint8Array; readonly proof: Uint8Array }): boolean {
    const leaf = verifyChunk({ blockBytes: this.bytes, root: this.#root, index, chunk, proof }, this.#crypto)
    if (leaf === null) return false
    this.#parts.set(index, { chunk: copyBytes(chunk), leaf, proof: copyBytes(proof) })
    this.#heldBytes += chunk.byteLength
    if (this.#parts.size === this.count) this.#join()
    return true
  }

  /** It came whole, in a record with the id that the parts would have. */
  fill(block: Uint8Array): void {
    this.#whole ??= block
    this.#parts.clear()
  }

  /** True if others may be given it. */
  get isShared(): boolean {
    return this.#isShared
  }

  /** Others are not to be given it yet. */
  withhold(): void {
    this.#isShared = false
  }

  /** From now on others may be given it. */
  share(): void {
    this.#isShared = true
  }

  /** A part that is here and may be given to others, with its proof. */
  part(index: number): { readonly chunk: Uint8Array; readonly proof: Uint8Array } | undefined {
    if (!this.#isShared) return undefined
    if (!this.#whole) return this.#parts.get(index)
    const chunk = this.#whole.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
    this.#tree ??= MerkleTree.of(this.#whole, this.#crypto)
    return { chunk, proof: this.#tree.proof(index) }
  }

  /** The lowest parts that are missing and not `taken`, so many at most, as ranges. */
  missing(most: number, taken: (index: number) => boolean): PartRange[] {
    const ranges: PartRange[] = []
    let left = most
    for (let index = 0; index < this.count && left > 0; index++) {
      if (this.has(index) || taken(index)) continue
      const last = ranges.at(-1)
      if (last?.to === index) ranges[ranges.length - 1] = { from: last.from, to: index + 1 }
      else ranges.push({ from: index, to: index + 1 })
      left--
    }
    return ranges
  }

  /** The tree is made from what was hashed already; its proofs take a sixteenth of the memory. */
  #join(): void {
    const block = new Uint8Array(this.bytes)
    const leaves: Uint8Array[] = []
    for (let index = 0; index < this.count; index++) {
      const { chunk, leaf } = this.#parts.get(index) as Part
      block.set(chunk, index * CHUNK_BYTES)
      leaves.push(leaf)
    }
    this.#tree = new MerkleTree(leaves, this.#crypto)
    this.#whole = block
    this.#parts.clear()
  }
}

/** False of what the application has yet to say its word on, or others who say it: for others it is not here. */
export function isShared({ body }: { readonly body: Uint8Array | LargeBlock }): boolean {
  return !(body instanceof LargeBlock) || body.isShared
}
