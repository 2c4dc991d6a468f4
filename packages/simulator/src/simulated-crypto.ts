// Signatures and hashes that cost next to nothing, for simulations of many nodes. A signature can only be made with the secret
// key, and says nothing outside of the simulation: verifying looks the secret up by the public key. Never for anything else.

import { type Crypto, sameBytes, sodiumCrypto } from '@hearsay/core'

/** Ours stand where Ed25519's would, in the one form that the strict rule takes: y and S far below their moduli. */
const TOP_BYTE = 0x0f

/** Signatures that are remembered as good: a record is verified by a thousand nodes, one after the other. A power of two. */
const VERIFIED = 4_096

interface Verified {
  readonly signature: Uint8Array
  readonly message: Uint8Array
  readonly publicKey: Uint8Array
}

/** A fast Crypto for one simulation; keys of one instance mean nothing to another. */
export function simulatedCrypto(): Crypto {
  const secrets = new Map<number, Uint8Array>()
  const verified: (Verified | undefined)[] = new Array(VERIFIED)
  let made = 0
  const keyPair = (seed: Uint8Array = Uint8Array.of(...numberBytes(made++))) => {
    const secretKey = new Uint8Array(64)
    secretKey.set(digest([seed], 0x5eed))
    const publicKey = digest([secretKey], 0x9b)
    publicKey[31] = TOP_BYTE
    secretKey.set(publicKey, 32)
    secrets.set(numberOf(publicKey), secretKey)
    return { publicKey, secretKey }
  }
  const sign = (message: Uint8Array, secretKey: Uint8Array): Uint8Array => {
    const signature = new Uint8Array(64)
    signature.set(digest([secretKey, message], 1))
    signature.set(digest([secretKey, message], 2), 32)
    signature[31] = TOP_BYTE
    signature[63] = TOP_BYTE
    return signature
  }
  const verify = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean => {
    const place = numberOf(signature) % VERIFIED
    const last = verified[place]
    if (last && sameBytes(last.signature, signature) && sameBytes(last.message, message)) {
      return sameBytes(last.publicKey, publicKey)
    }
    const secretKey = secrets.get(numberOf(publicKey))
    if (!secretKey || !sameBytes(secretKey.subarray(32), publicKey)) return false
    const isGood = sameBytes(sign(message, secretKey), signature)
    if (isGood) verified[place] = { signature, message, publicKey }
    return isGood
  }
  const hash = (parts: readonly Uint8Array[], key?: Uint8Array): Uint8Array => digest(key ? [key, ...parts] : parts, 3)
  const { seal, open } = sodiumCrypto()
  return { keyPair, sign, verify, hash, seal, open }
}

/** 48 of its bits, well spread: no two keys of a simulation share them. */
function numberOf(bytes: Uint8Array): number {
  let number = 0
  for (let index = 0; index < 6; index++) number = number * 256 + (bytes[index] ?? 0)
  return number
}

function numberBytes(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff)
}

/** 32 bytes from four lanes of multiply and rotate, with murmur3's finish: no secret, only well spread. */
function digest(parts: readonly Uint8Array[], salt: number): Uint8Array {
  let [a, b, c, d] = [0x9e3779b9 ^ salt, 0x243f6a88, 0xb7e15162, 0xdeadbeef]
  let length = 0
  for (const part of parts) {
    for (let index = 0; index < part.byteLength; index++) {
      const byte = part[index] as number
      a = Math.imul(a ^ byte, 0x01000193)
      b = Math.imul(b + byte, 0x85ebca6b) ^ (a >>> 15)
      if ((index & 3) !== 3) continue
      c = Math.imul(c ^ a, 0xc2b2ae35) + b
      d = (Math.imul(d + c, 0x27d4eb2f) ^ (b >>> 13)) | 0
    }
    length += part.byteLength
  }
  const out = new Uint8Array(32)
  for (let lane = 0; lane < 8; lane++) {
    a = finish(a + b + lane + length)
    b = finish(b ^ c ^ Math.imul(lane + 1, 0x9e3779b1))
    c = finish(c + d + a)
    d = finish(d ^ a ^ b)
    for (let byte = 0; byte < 4; byte++) out[4 * lane + byte] = (d >>> (8 * byte)) & 0xff
  }
  return out
}

function finish(value: number): number {
  let mixed = value ^ (value >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
