// What packets suffer on their way: delay, jitter, loss, reordering, duplication, corruption, a rate and a queue. It knows no
// protocol.

import type { Random } from '@hearsay/core'

export interface PacketLinkOptions {
  /** Microseconds in one direction. @default 10_000 */
  readonly delayUs?: number
  /** At most so many more, at random: packets overtake each other. @default 0 */
  readonly jitterUs?: number
  /** Of a thousand packets, so many are lost. @default 0 */
  readonly lossPerMille?: number
  /** So many arrive twice. @default 0 */
  readonly duplicatePerMille?: number
  /** One bit of the header flips, and no checksum finds it, as UDP's would. @default 0 */
  readonly corruptPerMille?: number
  /** Bits a second; infinite if left out. */
  readonly rate?: number
  /** Bytes that wait for the rate; what comes then is lost. @default 300_000 */
  readonly queueBytes?: number
  /** Loses what it says. */
  readonly drop?: (bytes: Uint8Array, from: string) => boolean
}

/** Of an IPv4 packet and its datagram. */
const HEADERS_BYTES = 28

/** What a wire asks of the world that it is in. */
export interface Passing {
  /** Microseconds. */
  readonly now: number
  readonly random: Random
  at(time: number, run: () => void): void
}

/** One direction of a link, or of several that share it. */
export class PacketWire {
  #freeAt = 0
  readonly #options: PacketLinkOptions
  /** Microseconds that the last packet waited. */
  queueUs = 0
  /** Bytes that found room, with their IP and UDP headers. */
  carried = 0

  constructor(options: PacketLinkOptions) {
    this.#options = options
  }

  carry(world: Passing, from: string, bytes: Uint8Array, deliver: (bytes: Uint8Array) => void): void {
    const {
      delayUs = 10_000,
      jitterUs = 0,
      lossPerMille = 0,
      duplicatePerMille = 0,
      corruptPerMille = 0,
    } = this.#options
    const { random } = world
    const chance = (perMille: number): boolean => perMille > 0 && random.below(1_000) < perMille
    if (this.#options.drop?.(bytes, from) || chance(lossPerMille)) return
    const copies = chance(duplicatePerMille) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const leftAt = this.#pass(bytes.length + HEADERS_BYTES, world.now)
      if (leftAt === null) return
      const arrived = Uint8Array.from(bytes)
      if (chance(corruptPerMille)) {
        const at = random.below(Math.min(20, arrived.length))
        arrived[at] = (arrived[at] ?? 0) ^ (1 << random.below(8))
      }
      world.at(leftAt + delayUs + (jitterUs > 0 ? random.below(jitterUs) : 0), () => deliver(arrived))
    }
  }

  /** When a packet has left the queue; null if there is no room. */
  #pass(length: number, now: number): number | null {
    const { rate, queueBytes = 300_000 } = this.#options
    if (rate === undefined) return now
    const wait = Math.max(0, this.#freeAt - now)
    if ((wait * rate) / 8e6 + length > queueBytes) return null
    this.queueUs = wait
    this.carried += length
    this.#freeAt = now + wait + (length * 8e6) / rate
    return Math.ceil(this.#freeAt)
  }
}
