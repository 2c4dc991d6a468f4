// Bytes that were written and are not in packets yet: pieces as they came, taken in packets as they leave.

import { removeFirst } from './lists.js'

export class WriteQueue {
  readonly #pieces: Uint8Array[] = []
  /** Pieces before this one were taken. */
  #first = 0
  /** Bytes of the first piece that were taken. */
  #offset = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#pieces.push(bytes)
    this.#length += bytes.length
  }

  /** Fills `into` from the byte `start` on; there must be as many. */
  take(into: Uint8Array, start: number): void {
    for (let at = start; at < into.length; ) {
      const piece = this.#pieces[this.#first]
      if (!piece) throw new RangeError('fewer bytes were written')
      const count = Math.min(piece.length - this.#offset, into.length - at)
      into.set(piece.subarray(this.#offset, this.#offset + count), at)
      at += count
      this.#offset += count
      if (this.#offset === piece.length) this.#next()
    }
    this.#length -= into.length - start
  }

  clear(): void {
    this.#pieces.length = 0
    this.#first = 0
    this.#offset = 0
    this.#length = 0
  }

  #next(): void {
    this.#first++
    this.#offset = 0
    if (this.#first < 64 && this.#first < this.#pieces.length) return
    removeFirst(this.#pieces, this.#first)
    this.#first = 0
  }
}
