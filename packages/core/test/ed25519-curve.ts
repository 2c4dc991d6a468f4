// The curve of Ed25519 by the book (RFC 8032 §5.1), slowly, to make the keys and signatures that no library makes.

import { createHash } from 'node:crypto'

const P = 2n ** 255n - 19n
export const L = 2n ** 252n + 27742317777372353535851937790883648493n
const D = mod(-121665n * invert(121666n))

export interface Point {
  readonly x: bigint
  readonly y: bigint
}

export const BASE: Point = decode(bytesOf(mod(4n * invert(5n))))
/** A point of order 8. */
export const TORSION: Point = decode(
  Uint8Array.from(Buffer.from('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'hex')),
)

export function add(a: Point, b: Point): Point {
  const product = mod(D * a.x * b.x * a.y * b.y)
  const x = mod((a.x * b.y + a.y * b.x) * invert(1n + product))
  const y = mod((a.y * b.y + a.x * b.x) * invert(1n - product))
  return { x, y }
}

export function multiply(point: Point, times: bigint): Point {
  let [sum, power]: [Point, Point] = [{ x: 0n, y: 1n }, point]
  for (let left = times; left > 0n; left >>= 1n) {
    if (left & 1n) sum = add(sum, power)
    power = add(power, power)
  }
  return sum
}

export function encode({ x, y }: Point): Uint8Array {
  return bytesOf(y | ((x & 1n) << 255n))
}

export function decode(bytes: Uint8Array): Point {
  const number = numberOf(bytes)
  const y = number & (2n ** 255n - 1n)
  const square = mod((y * y - 1n) * invert(D * y * y + 1n))
  let x = power(square, (P + 3n) / 8n)
  if (mod(x * x) !== square) x = mod(x * power(2n, (P - 1n) / 4n))
  if (mod(x * x) !== square) throw new Error('not on the curve')
  return { x: (x & 1n) === number >> 255n ? x : mod(-x), y: mod(y) }
}

/** The challenge of a signature: SHA-512(R ‖ A ‖ M) below L. */
export function challenge(r: Uint8Array, a: Uint8Array, message: Uint8Array): bigint {
  return numberOf(createHash('sha512').update(r).update(a).update(message).digest()) % L
}

/** The secret scalar of a seed. */
export function scalarOf(seed: Uint8Array): bigint {
  const half = createHash('sha512').update(seed).digest().subarray(0, 32)
  return (numberOf(half) & (2n ** 254n - 8n)) | (2n ** 254n)
}

/** 32 bytes, little endian. */
export function bytesOf(number: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, at) => Number((number >> BigInt(8 * at)) & 255n))
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

function mod(number: bigint): bigint {
  const rest = number % P
  return rest < 0n ? rest + P : rest
}

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, mod(base)]
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = mod(result * square)
    square = mod(square * square)
  }
  return result
}

function invert(number: bigint): bigint {
  return power(number, P - 2n)
}
