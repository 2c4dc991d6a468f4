// Copies of small payloads side by side in one piece of memory: a buffer of its own costs each as much again, and the garbage
// collector a visit. What is copied one after the other should be let go so too, for any of it keeps all of it.

import { copyBytes } from '@hearsay/core'

/** Many small payloads, and little for a room where one word is said. */
const SLAB_BYTES = 8_192
/** A larger one has memory of its own, so that little of a slab is left over. */
const MOST_BYTES = SLAB_BYTES / 8

export class Slab {
  #bytes: Uint8Array = new Uint8Array()
  #used = 0

  /** The same bytes, in memory that nobody else writes to. */
  copy(bytes: Uint8Array): Uint8Array {
    const { byteLength } = bytes
    if (byteLength > MOST_BYTES) return copyBytes(bytes)
    const from = this.#placeFor(byteLength)
    this.#bytes.set(bytes, from)
    return this.#bytes.subarray(from, this.#used)
  }

  #placeFor(length: number): number {
    if (this.#used + length > this.#bytes.byteLength) {
      this.#bytes = new Uint8Array(SLAB_BYTES)
      this.#used = 0
    }
    this.#used += length
    return this.#used - length
  }
}
