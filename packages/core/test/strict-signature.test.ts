// The edge cases of "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko, 2020), made here class by class: libraries
// disagree on them, and with the strict rule before them they must not.

import { createPublicKey, verify } from 'node:crypto'
import { isStrictSignature, sodiumCrypto } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { add, BASE, bytesOf, challenge, encode, L, multiply, type Point, scalarOf, TORSION } from './ed25519-curve.js'

interface EdgeCase {
  readonly name: string
  readonly key: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
  readonly accepted: boolean
}

const P = 2n ** 255n - 19n
const SECRET = scalarOf(new Uint8Array(32).fill(9))
const NONCE = scalarOf(new Uint8Array(32).fill(8)) % L
const IDENTITY: Point = { x: 0n, y: 1n }
const PUBLIC = encode(multiply(BASE, SECRET))

/** Signs so that the cofactored equation holds; the cofactorless one only if the torsion of R + hA cancels. */
function sign(name: string, parts: { key: Uint8Array; r: Uint8Array; secret: bigint; nonce: bigint }, index = 0) {
  const message = Uint8Array.of(index & 255, index >> 8)
  const h = challenge(parts.r, parts.key, message)
  const s = bytesOf((parts.nonce + h * parts.secret) % L)
  return { name, key: parts.key, message, signature: Uint8Array.from([...parts.r, ...s]), h }
}

/** The first message whose challenge has that remainder by 8. */
function signWith(remainder: bigint, name: string, parts: Parameters<typeof sign>[1]) {
  for (let index = 0; ; index++) {
    const signed = sign(name, parts, index)
    if (signed.h % 8n === remainder) return signed
  }
}

const withS = (signed: { signature: Uint8Array }, change: (s: bigint) => bigint) => {
  const s = signed.signature.subarray(32).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  return Uint8Array.from([...signed.signature.subarray(0, 32), ...bytesOf(change(s))])
}

const R = encode(multiply(BASE, NONCE))
const honest = sign('an honest signature', { key: PUBLIC, r: R, secret: SECRET, nonce: NONCE })
const mixedKey = encode(add(multiply(BASE, SECRET), TORSION))
const mixedR = encode(add(multiply(BASE, NONCE), TORSION))
const mixed = { key: mixedKey, r: R, secret: SECRET, nonce: NONCE }

const smallPoints = Array.from({ length: 8 }, (_, times) => encode(multiply(TORSION, BigInt(times))))
const oddEncodings = [
  ...[0n, 1n, 18n].flatMap((more) => [bytesOf(P + more), bytesOf((P + more) | (1n << 255n))]),
  bytesOf(1n | (1n << 255n)),
  bytesOf((P - 1n) | (1n << 255n)),
]

const cases: readonly EdgeCase[] = [
  { ...honest, accepted: true },
  { ...signWith(0n, 'a key of mixed order whose torsion cancels', mixed), accepted: true },
  { ...signWith(3n, 'a key of mixed order whose torsion does not cancel', mixed), accepted: false },
  { ...sign('an R of mixed order', { key: PUBLIC, r: mixedR, secret: SECRET, nonce: NONCE }), accepted: false },
  { ...honest, name: 'S + L', signature: withS(honest, (s) => s + L), accepted: false },
  { ...honest, name: 'S + 8 L', signature: withS(honest, (s) => s + 8n * L), accepted: false },
  { ...honest, name: 'S with its top bit', signature: withS(honest, (s) => s | (1n << 255n)), accepted: false },
  { ...honest, name: 'S = L', signature: withS(honest, () => L), accepted: false },
  ...smallPoints.flatMap((point, times) => [
    { ...signWith(0n, `the small key ${times} T`, { key: point, r: R, secret: 0n, nonce: NONCE }), accepted: false },
    { ...sign(`the small R ${times} T`, { key: PUBLIC, r: point, secret: SECRET, nonce: 0n }), accepted: false },
    { ...signWith(0n, `small key and R ${times} T`, { key: point, r: point, secret: 0n, nonce: 0n }), accepted: false },
  ]),
  ...oddEncodings.flatMap((odd, number) => [
    { ...sign(`the odd key ${number}`, { key: odd, r: R, secret: 0n, nonce: NONCE }), accepted: false },
    { ...sign(`the odd R ${number}`, { key: PUBLIC, r: odd, secret: SECRET, nonce: 0n }), accepted: false },
    { ...sign(`odd key and R ${number}`, { key: odd, r: encode(IDENTITY), secret: 0n, nonce: 0n }), accepted: false },
  ]),
]

const backends = {
  libsodium: sodiumCrypto().verify,
  'node:crypto': (signature: Uint8Array, message: Uint8Array, key: Uint8Array) => {
    const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key])
    return verify(null, message, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature)
  },
}

describe.each(Object.entries(backends))('the strict rule before %s', (_, verifyWith) => {
  it.each(cases)('decides alike on $name', ({ key, message, signature, accepted }) => {
    expect(isStrictSignature(signature, key) && verifyWith(signature, message, key)).toBe(accepted)
  })
})

describe('the strict rule', () => {
  it('is needed: without it the two libraries disagree', ({ skip }) => {
    const verdicts = cases.map(({ key, message, signature }) =>
      Object.values(backends).map((verifyWith) => verifyWith(signature, message, key)),
    )
    const disagree = verdicts.some(([one, other]) => one !== other)
    if (!disagree && Number(process.versions.node.split('.')[0]) > 24)
      skip('this version of OpenSSL is as strict as libsodium')
    expect(disagree).toBe(true)
  })

  it('refuses other lengths', () => {
    expect(isStrictSignature(honest.signature, PUBLIC)).toBe(true)
    expect(isStrictSignature(honest.signature.subarray(1), PUBLIC)).toBe(false)
    expect(isStrictSignature(honest.signature, PUBLIC.subarray(1))).toBe(false)
    expect(isStrictSignature(new Uint8Array(), new Uint8Array())).toBe(false)
  })

  it('takes the largest S, L - 1, and refuses L', () => {
    expect(
      isStrictSignature(
        withS(honest, () => L - 1n),
        PUBLIC,
      ),
    ).toBe(true)
    expect(
      isStrictSignature(
        withS(honest, () => L),
        PUBLIC,
      ),
    ).toBe(false)
  })
})
