// Copies side by side: each is what it was copied from, and stays it.

import { describe, expect, test } from 'vitest'
import { Slab } from '../src/room/slab.js'

describe('a slab', () => {
  test('keeps each copy as it was, whatever is copied or written afterwards', () => {
    const slab = new Slab()
    const sizes = [0, 1, 100, 1_023, 1_024, 1_025, 5_000, 8_192, 20_000]
    const originals = Array.from({ length: 90 }, (_, index) => {
      return new Uint8Array(sizes[index % sizes.length] ?? 0).fill(index + 1)
    })
    const copies = originals.map((bytes) => slab.copy(bytes))
    for (const bytes of originals) bytes.fill(0)
    for (const [index, copy] of copies.entries()) {
      expect(copy.byteLength).toBe(originals[index]?.byteLength)
      expect(copy.every((byte) => byte === index + 1)).toBe(true)
    }
  })

  test('gives a large payload memory of its own, so that it is let go alone', () => {
    const slab = new Slab()
    expect(slab.copy(new Uint8Array(1_025)).buffer.byteLength).toBe(1_025)
    const [small, next] = [slab.copy(new Uint8Array(10)), slab.copy(new Uint8Array(10))]
    expect(small.buffer).toBe(next.buffer)
  })
})
