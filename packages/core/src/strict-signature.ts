// The strict half of Ed25519 verification, checked before any library is asked, so that every backend accepts exactly the
// same signatures: S below the group order, A and R in canonical form, neither of small order. (RFC 8032 §5.1.7; Chalkias,
// Garillot, Nikolaenko, "Taming the many EdDSAs", 2020.)

import { copyBytes, sameBytes } from './bytes.js'
import { fromHex } from './hex.js'

/** The group order L = 2^252 + 27742317777372353535851937790883648493, little endian. */
const L: Uint8Array = Uint8Array.from([
  0xed,
  0xd3,
  0xf5,
  0x5c,
  0x1a,
  0x63,
  0x12,
  0x58,
  0xd6,
  0x9c,
  0xf7,
  0xa2,
  0xde,
  0xf9,
  0xde,
  0x14,
  ...new Array(15).fill(0),
  0x10,
])

/** The field prime 2^255 - 19, little endian. */
const P: Uint8Array = Uint8Array.from([0xed, ...new Array(30).fill(0xff), 0x7f])

/** The y coordinates of the points of order 1, 2, 4 and 8, little endian; their sign bit does not matter. */
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((hex) => fromHex(hex) as Uint8Array)

/** True if the 64-byte signature and the 32-byte public key are of the one form that every backend judges alike. */
export function isStrictSignature(signature: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.byteLength !== 64 || publicKey.byteLength !== 32) return false
  return isBelow(signature.subarray(32), L) && isStrictPoint(signature.subarray(0, 32)) && isStrictPoint(publicKey)
}

function isStrictPoint(point: Uint8Array): boolean {
  const y = copyBytes(point)
  y[31] = (y[31] ?? 0) & 0x7f
  return isBelow(y, P) && !SMALL_ORDER_Y.some((small) => sameBytes(small, y))
}

/** Little-endian comparison of 32 bytes. */
function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  for (let index = 31; index >= 0; index--) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}
