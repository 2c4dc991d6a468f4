// A fingerprint of all that happened, and when, to the last byte of each frame: integers only, so that it is the same on every
// machine and Node version.

import type { PeerId } from '@hearsay/core'
import type { Happening } from './network.js'

const CODES = ['delivered', 'gap', 'published', 'confirmed', 'sent', 'fork', 'drop', 'misbehaved', 'broke'] as const

export class Trace {
  readonly #indexOf: (author: PeerId) => number
  readonly #lanes: Uint32Array = Uint32Array.of(0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x13198a2e)

  /** @param indexOf the node that signs as this author, so that no key is hashed again and again */
  constructor(indexOf: (author: PeerId) => number) {
    this.#indexOf = indexOf
  }

  note(happening: Happening, at: number): void {
    // Microseconds: a line with a rate makes fractions.
    this.#mix(Math.floor(at * 1_000) >>> 0, happening.node * 16 + CODES.indexOf(happening.type))
    switch (happening.type) {
      case 'sent':
        this.#mix(happening.to, happening.frame.byteLength)
        return this.#mixBytes(happening.frame)
      case 'delivered':
        return this.#mix(
          this.#indexOf(happening.delivery.author),
          happening.delivery.seq * 256 + happening.delivery.hops,
        )
      case 'gap':
        return this.#mix(happening.gap.from, happening.gap.to)
      case 'published':
      case 'confirmed':
        return this.#mix(happening.from, happening.to)
      case 'fork':
        return this.#mix(this.#indexOf(happening.fork.author), happening.fork.epoch)
      case 'drop':
        return this.#mix(happening.drop.from, happening.drop.to)
      case 'misbehaved':
        return this.#mix(happening.to, happening.ban ? 1 : 0)
    }
  }

  /** 32 hexadecimal digits. */
  end(): string {
    return Array.from(this.#lanes, (lane) => lane.toString(16).padStart(8, '0')).join('')
  }

  #mixBytes(bytes: Uint8Array): void {
    let [one, other] = [0, 0]
    for (const byte of bytes) {
      one = Math.imul(one ^ byte, 0x01000193)
      other = Math.imul(other + byte, 0x85ebca6b) ^ (one >>> 15)
    }
    this.#mix(one, other)
  }

  #mix(one: number, other: number): void {
    const [a = 0, b = 0, c = 0, d = 0] = this.#lanes
    const mixed = Math.imul(a ^ one, 0x85ebca6b)
    const next = Math.imul(b + other, 0xc2b2ae35)
    this.#lanes[0] = mixed ^ (mixed >>> 15) ^ b
    this.#lanes[1] = next ^ (next >>> 13) ^ c
    this.#lanes[2] = Math.imul(c ^ mixed, 0x27d4eb2f) + d
    this.#lanes[3] = (d ^ next) + ((a << 7) | (a >>> 25))
  }
}
