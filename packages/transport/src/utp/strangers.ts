// Those who have called and have not shown yet that they hear our answer. The oldest makes room: a flood of forged callers
// costs a table of this size, and whoever was pushed out is known again by the number that he brings back.

import type { Random } from '@hearsay/core'
import { Cookies } from './cookie.js'
import type { Remote } from './messages.js'
import type { Packet } from './packet.js'
import { advance, distance } from './sequence.js'

/** What we know of a caller. */
export interface Stranger {
  /** Of the SYN. */
  readonly seq: number
  /** Of our answer, and of our first data. */
  readonly ourSeq: number
  readonly at: number
}

/** Longer than any SYN is sent again. */
const FORGET_US = 15_000_000
/** How far ahead of the SYN the first packet that comes may be. */
const MAX_AHEAD = 1_024

export class Strangers {
  readonly #cookies: Cookies
  readonly #most: number
  /** The oldest first. */
  readonly #table = new Map<string, Stranger>()

  constructor(random: Random, most: number) {
    this.#cookies = new Cookies(random)
    this.#most = most
  }

  get size(): number {
    return this.#table.size
  }

  /** When the oldest is forgotten. */
  get forgetAt(): number {
    if (this.#table.size === 0) return Number.POSITIVE_INFINITY
    for (const { at } of this.#table.values()) return at + FORGET_US
    return Number.POSITIVE_INFINITY
  }

  /** Somebody calls, perhaps again; the number of our answer. */
  onSyn(key: string, remote: Remote, syn: Packet, now: number): number {
    const known = this.#table.get(key)
    if (known && known.seq === syn.seq) return known.ourSeq
    const stranger = { seq: syn.seq, ourSeq: this.#cookies.make(remote, syn, now), at: now }
    this.#table.delete(key)
    this.#table.set(key, stranger)
    for (const oldest of this.#table.keys()) {
      if (this.#table.size <= this.#most) break
      this.#table.delete(oldest)
    }
    return stranger.ourSeq
  }

  /** What is known of whom `packet` proves to have heard our answer; null if it does not, `forged` if somebody pretends. */
  prove(key: string, remote: Remote, packet: Packet, now: number): Stranger | 'forged' | null {
    const ourSeq = advance(packet.ack)
    const known = this.#table.get(key)
    if (known) {
      if (known.ourSeq !== ourSeq || distance(known.seq, packet.seq) > MAX_AHEAD) return 'forged'
      this.#table.delete(key)
      return known
    }
    // Only the first packet after the SYN can be checked, or one that asks if we are there: others are sent again.
    for (const seq of [advance(packet.seq, -1), packet.seq]) {
      const syn = { id: advance(packet.id, -1), seq }
      if (this.#cookies.isMine(ourSeq, remote, syn, now)) return { seq, ourSeq, at: now }
    }
    return null
  }

  forget(key: string): void {
    this.#table.delete(key)
  }

  onTimer(now: number): void {
    for (const [key, { at }] of this.#table) {
      if (now - at < FORGET_US) return
      this.#table.delete(key)
    }
  }
}
