// This machine's randomness, and a seeded generator whose sequence is the same on every Node version.

import sodium from 'sodium-universal'
import type { Random } from './contracts/random.js'

/** Cryptographic randomness of the operating system. */
export function systemRandom(): Random {
  const bytes = (length: number): Uint8Array => {
    const out = new Uint8Array(length)
    sodium.randombytes_buf(out)
    return out
  }
  return { bytes, below: (limit) => below(limit, () => toUint32(bytes(4))) }
}

/** A reproducible generator (sfc32) for tests and simulations; never for keys that matter. */
export function seededRandom(seed: number): Random {
  const next = sfc32(seed)
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => next() & 0xff)
  return { bytes, below: (limit) => below(limit, next) }
}

/** Rejects the draws that would favour small numbers. */
function below(limit: number, draw: () => number): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > 2 ** 32) throw new TypeError(`no integers below ${limit}`)
  const fair = 2 ** 32 - (2 ** 32 % limit)
  let value = draw()
  while (value >= fair) value = draw()
  return value % limit
}

function toUint32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true)
}

/** Chris Doty-Humphrey's sfc32, from PractRand: integer arithmetic only. */
function sfc32(seed: number): () => number {
  let a = seed >>> 0
  let b = Math.floor(seed / 2 ** 32) >>> 0
  let c = 0x9e3779b9
  let counter = 1
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return sum >>> 0
  }
  for (let warmUp = 0; warmUp < 12; warmUp++) next()
  return next
}
