// What the packets of a link go through, seen from above a reliable stream. Our machines run over byte streams (TCP, uTP,
// WebSocket) that repair loss, discard duplicates and restore order; so a lost packet shows as a delay, and whatever was sent
// behind it waits as well (head-of-line blocking).

import type { Random } from '@hearsay/core'

/** The faults of a path; each is a chance from 0 to 1 for one packet. */
export interface PathFaults {
  /** The packet is lost, and so may be each repetition. @default 0 */
  readonly loss?: number
  /** The packet arrives twice: the stream discards one, which costs only the line. @default 0 */
  readonly duplicate?: number
  /** The packet takes up to one latency longer, so that later ones overtake it: they wait. @default 0 */
  readonly reorder?: number
  /** A packet takes up to so many ms longer. @default 0 */
  readonly jitterMs?: number
  /** What the line takes; beyond it packets queue. @default unlimited */
  readonly bytesPerMs?: number
}

/** What an Ethernet frame leaves for a stream, with room for tunnels. */
const PACKET_BYTES = 1_200
/** Headers of IP, TCP and the encrypted stream. */
const OVERHEAD_BYTES = 60
/** Repetition begins after two round trips and no less than this (Linux; RFC 6298 would wait a second), then doubles. */
const LEAST_REPEAT_MS = 200
/** A stream that is not repaired by then is given up by whoever listens to it. */
export const PATIENCE_MS = 20_000

const NO_FAULTS: PathFaults = Object.freeze({})

/** One direction of a link: when what is sent now has arrived. */
export class Path {
  readonly #latencyMs: number
  readonly #faults: PathFaults
  readonly #random: Random
  /** How much longer than its latency everything takes that is sent now. */
  slowerMs = 0
  #freeAt = 0
  #lastAt = 0

  constructor(latencyMs: number, random: Random, faults: PathFaults = NO_FAULTS) {
    this.#latencyMs = latencyMs
    this.#random = random
    this.#faults = faults
  }

  /** When so many bytes have all arrived, never before what was sent earlier; infinity if the stream does not recover. */
  arrival(bytes: number, now: number): number {
    const { bytesPerMs, jitterMs = 0, loss = 0, reorder = 0 } = this.#faults
    const delayMs = this.#latencyMs + this.slowerMs + (jitterMs > 0 ? this.#random.below(jitterMs + 1) : 0)
    let at = (bytesPerMs === undefined ? now : this.#transmit(bytes, bytesPerMs, now)) + delayMs
    if (loss > 0 || reorder > 0) {
      let latest = at
      for (let left = bytes; left > 0; left -= PACKET_BYTES)
        latest = Math.max(latest, at + this.#trouble(loss, reorder))
      at = latest
    }
    // What follows a packet that never comes never comes either.
    if (at - now > PATIENCE_MS) at = Number.POSITIVE_INFINITY
    this.#lastAt = Math.max(this.#lastAt, at)
    return this.#lastAt
  }

  #transmit(bytes: number, bytesPerMs: number, now: number): number {
    let onLine = 0
    for (let left = bytes; left > 0; left -= PACKET_BYTES) {
      const packet = Math.min(left, PACKET_BYTES) + OVERHEAD_BYTES
      onLine += this.#happens(this.#faults.duplicate ?? 0) ? 2 * packet : packet
    }
    this.#freeAt = Math.max(this.#freeAt, now) + onLine / bytesPerMs
    return this.#freeAt
  }

  /** How much later one packet is for being lost and repeated, or for another way. */
  #trouble(loss: number, reorder: number): number {
    let lateMs = this.#happens(reorder) ? this.#random.below(this.#latencyMs + 1) : 0
    let waitMs = Math.max(LEAST_REPEAT_MS, 4 * this.#latencyMs)
    while (lateMs <= PATIENCE_MS && this.#happens(loss)) {
      lateMs += waitMs
      waitMs *= 2
    }
    return lateMs
  }

  #happens(chance: number): boolean {
    return chance > 0 && this.#random.below(1_000_000) < chance * 1_000_000
  }
}
