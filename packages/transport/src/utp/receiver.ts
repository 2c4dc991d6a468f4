// The receiving half of a connection: puts packets in order, keeps what cannot be handed over yet within its bound, and says
// how much more may come. It knows neither states nor what is sent.

import { removeFirst } from './lists.js'
import { MAX_SACK_BYTES } from './packet.js'
import { advance, distance } from './sequence.js'

/** No packet further ahead is kept; as in libutp. */
const MAX_AHEAD = 1_024
/** What keeping a packet costs beside its bytes, so that a stream of single bytes is not free. */
export const PACKET_COST_BYTES = 200
/** Of the room that is left, what full packets can fill: the rest is for what they cost. */
const USABLE = 6 / 7
/** Two full packets. */
const LEAST_ROOM_BYTES = 3_200

/** `next`: in order; `ahead`: beyond a hole; `old`: we have it; `none`: there is no room, or it is far from anything. */
export type Arrival = 'next' | 'ahead' | 'old' | 'none'

export class Receiver {
  readonly #capacity: number
  /** Packets beyond a hole; null until there was one. */
  #ahead: Map<number, Uint8Array> | null = null
  readonly #ready: Uint8Array[] = []
  #firstReady = 0
  /** The last packet before the first hole. */
  #ack = 0
  #finSeq: number | null = null
  /** Bytes and costs of what can be handed over, and of what is beyond a hole. */
  #keptReady = 0
  #keptAhead = 0
  /** Bytes that may be handed over. */
  #credit = 0
  #furthest = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Before the first packet, which will be the one after `ack`. */
  begin(ack: number): void {
    this.#ack = ack
  }

  get ack(): number {
    return this.#ack
  }

  /** Bytes that may still come; never just a few, for which a remote would make tiny packets (RFC 1122 §4.2.3.3). */
  get window(): number {
    const room = this.#capacity - this.kept
    return room < LEAST_ROOM_BYTES ? 0 : Math.floor(room * USABLE)
  }

  /** Bytes and costs of what is kept: never above twice the capacity. */
  get kept(): number {
    return this.#keptReady + this.#keptAhead
  }

  get hasHoles(): boolean {
    return this.#ahead !== null && this.#ahead.size > 0
  }

  /** Everything came, the goodbye too, and was handed over. */
  get isDone(): boolean {
    return this.hasFin && this.#ready.length === 0
  }

  /** The remote's goodbye came, and everything before it. */
  get hasFin(): boolean {
    return this.#finSeq === this.#ack
  }

  /** A packet that came; `bytes` is null for a goodbye. */
  onPacket(seq: number, bytes: Uint8Array | null): Arrival {
    const ahead = distance(this.#ack, seq)
    if (ahead === 0 || ahead > 0xffff - MAX_AHEAD) return 'old'
    if (ahead > MAX_AHEAD || this.#isBeyondEnd(seq)) return 'none'
    if (this.#ahead?.has(seq)) return 'old'
    const payload = bytes ?? new Uint8Array(0)
    const cost = payload.length + PACKET_COST_BYTES
    // What fills the first hole is weighed against what can be read alone: else packets beyond it could keep it out for ever.
    if ((ahead === 1 ? this.#keptReady : this.kept) + cost > this.#capacity) return 'none'
    if (!bytes) this.#finSeq = seq
    if (ahead > 1) {
      this.#keptAhead += cost
      if (!this.hasHoles || distance(this.#furthest, seq) < 0x8000) this.#furthest = seq
      this.#ahead ??= new Map()
      this.#ahead.set(seq, payload)
      return 'ahead'
    }
    this.#append(payload)
    this.#fill()
    return 'next'
  }

  /** So many bytes may be handed over from now on. */
  allow(bytes: number): void {
    this.#credit = bytes
  }

  /** The next bytes to hand over; null if there are none, or none are wanted. */
  take(): Uint8Array | null {
    const bytes = this.#ready[this.#firstReady]
    if (!bytes || this.#credit <= 0) return null
    this.#credit -= bytes.length
    this.#keptReady -= bytes.length + PACKET_COST_BYTES
    this.#firstReady++
    if (this.#firstReady >= 64 || this.#firstReady === this.#ready.length) {
      removeFirst(this.#ready, this.#firstReady)
      this.#firstReady = 0
    }
    return bytes
  }

  /** What came beyond the first hole, as BEP 29 writes it; null if there is no hole. */
  selective(): Uint8Array | null {
    if (this.#ahead === null || this.#ahead.size === 0) return null
    const base = advance(this.#ack, 2)
    const words = (distance(base, this.#furthest) >> 5) + 1
    const bits = new Uint8Array(Math.min(MAX_SACK_BYTES, 4 * words))
    for (const seq of this.#ahead.keys()) {
      const place = distance(base, seq)
      const at = place >> 3
      if (at < bits.length) bits[at] = (bits[at] ?? 0) | (1 << (place & 7))
    }
    return bits
  }

  #isBeyondEnd(seq: number): boolean {
    return this.#finSeq !== null && distance(this.#finSeq, seq) < 0x8000 && seq !== this.#finSeq
  }

  #append(payload: Uint8Array): void {
    this.#ack = advance(this.#ack)
    if (payload.length === 0) return
    this.#ready.push(payload)
    this.#keptReady += payload.length + PACKET_COST_BYTES
  }

  #fill(): void {
    while (this.#ahead !== null && this.#ahead.size > 0 && !this.hasFin) {
      const seq = advance(this.#ack)
      const payload = this.#ahead.get(seq)
      if (!payload) return
      this.#ahead.delete(seq)
      this.#keptAhead -= payload.length + PACKET_COST_BYTES
      this.#append(payload)
    }
  }
}
