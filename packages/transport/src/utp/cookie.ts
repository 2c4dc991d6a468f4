// The number of our first packet to a stranger proves, when it comes back, that the stranger receives what we send there:
// a keyed hash of the stranger's address and SYN, as TCP's SYN cookies are (RFC 4987 §3.6). So nothing has to be remembered of
// somebody who may not exist. 16 bits are what uTP's header has: a guess costs 65,536 packets on average, and wins one
// connection.

import type { Random } from '@hearsay/core'
import type { Remote } from './messages.js'

/** A key serves so long, and as long again for answers that are on their way. */
const KEY_US = 60_000_000

type Key = readonly [number, number]

export class Cookies {
  readonly #random: Random
  #keys: readonly [Key, Key]
  #since = 0

  constructor(random: Random) {
    this.#random = random
    this.#keys = [this.#newKey(), this.#newKey()]
  }

  /** The number for a stranger whose SYN had this id and number. */
  make(remote: Remote, syn: { readonly id: number; readonly seq: number }, now: number): number {
    this.#rotate(now)
    return cookie(this.#keys[0], remote, syn)
  }

  /** True if `number` was made for that stranger lately. */
  isMine(number: number, remote: Remote, syn: { readonly id: number; readonly seq: number }, now: number): boolean {
    this.#rotate(now)
    return this.#keys.some((key) => cookie(key, remote, syn) === number)
  }

  #rotate(now: number): void {
    if (now - this.#since < KEY_US) return
    this.#keys = now - this.#since < 2 * KEY_US ? [this.#newKey(), this.#keys[0]] : [this.#newKey(), this.#newKey()]
    this.#since = now
  }

  #newKey(): Key {
    return [this.#random.below(2 ** 32), this.#random.below(2 ** 32)]
  }
}

function cookie(key: Key, { host, port }: Remote, syn: { readonly id: number; readonly seq: number }): number {
  const hash = new HalfSipHash(key)
  hash.update((port << 16) | syn.id)
  hash.update((host.length << 16) | syn.seq)
  for (let at = 0; at < host.length; at += 2) hash.update((host.charCodeAt(at) << 16) | (host.charCodeAt(at + 1) || 0))
  const digest = hash.digest()
  return ((digest >>> 16) ^ digest) & 0xffff
}

/** HalfSipHash-2-4 (Aumasson, Bernstein): a keyed hash of 32-bit words, made for hash tables that strangers fill. */
class HalfSipHash {
  #v0: number
  #v1: number
  #v2: number
  #v3: number

  constructor([k0, k1]: Key) {
    this.#v0 = k0 | 0
    this.#v1 = k1 | 0
    this.#v2 = 0x6c796765 ^ k0
    this.#v3 = 0x74656462 ^ k1
  }

  update(word: number): void {
    this.#v3 ^= word
    this.#rounds(2)
    this.#v0 ^= word
  }

  digest(): number {
    this.#v2 ^= 0xff
    this.#rounds(4)
    return (this.#v1 ^ this.#v3) >>> 0
  }

  #rounds(count: number): void {
    for (let round = 0; round < count; round++) {
      this.#v0 = (this.#v0 + this.#v1) | 0
      this.#v1 = rotate(this.#v1, 5) ^ this.#v0
      this.#v0 = rotate(this.#v0, 16)
      this.#v2 = (this.#v2 + this.#v3) | 0
      this.#v3 = rotate(this.#v3, 8) ^ this.#v2
      this.#v0 = (this.#v0 + this.#v3) | 0
      this.#v3 = rotate(this.#v3, 7) ^ this.#v0
      this.#v2 = (this.#v2 + this.#v1) | 0
      this.#v1 = rotate(this.#v1, 13) ^ this.#v2
      this.#v2 = rotate(this.#v2, 16)
    }
  }
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}
