// Packets that were sent and are not acknowledged: what an acknowledgement says of them, and which of them are lost. A packet
// is lost when one that left later has arrived, and a quarter of a round trip has passed (RACK, RFC 8985 §6.2): this finds
// what is lost again after it was sent again, too, and is not fooled by packets that overtake each other a little.

import { removeFirst } from './lists.js'
import type { PacketType } from './packet.js'
import { advance, distance } from './sequence.js'

/** libutp's and libtorrent's receivers take no packet that is further than 1,024 ahead. */
export const MAX_FLIGHT_PACKETS = 1_000
/** libutp tells of 30 packets beyond a hole in 32 bits: the last two say nothing. */
const UNUSED_BITS = 2

export interface SentPacket {
  readonly type: PacketType
  readonly seq: number
  /** The whole packet, without padding. */
  readonly bytes: Uint8Array
  readonly payload: number
  /** Bytes of the packet as it was sent to find out if it arrives; 0: none, or not any more. */
  probe: number
  sentAt: number
  sends: number
  state: 'flying' | 'lost' | 'acknowledged'
}

/** What an acknowledgement told. */
export interface Acknowledged {
  /** Packets that were acknowledged for the first time. */
  packets: number
  payload: number
  /** Microseconds; 0: none of them was sent once alone. */
  roundTripUs: number
  /** The longest packet that arrived; 0: none. */
  longest: number
  /** It named packets beyond a hole. */
  hasHoles: boolean
}

export class Flight {
  readonly #packets: SentPacket[] = []
  /** Packets before this one are acknowledged. */
  #first = 0
  #next: number
  #lost = 0
  #arrivedBeyond = 0
  readonly #onGone: (packet: SentPacket) => void
  /** Payload bytes that are believed to be on the way. */
  bytes = 0
  /** The latest departure of a packet that arrived. */
  #latestSentAt = -1
  #latestSeq = 0
  /** This packet or a later one has arrived, though nobody said which; null: none that is not told of. */
  #hidden: number | null = null
  /** When the next packet is lost if it has not arrived; infinite: none is in doubt. */
  lossAt: number = Number.POSITIVE_INFINITY

  /** @param onGone a packet is acknowledged and forgotten */
  constructor(firstSeq: number, onGone: (packet: SentPacket) => void = () => {}) {
    this.#next = firstSeq
    this.#onGone = onGone
  }

  /** The number of the next new packet. */
  get nextSeq(): number {
    return this.#next
  }

  /** Packets from the oldest without acknowledgement to the newest. */
  get count(): number {
    return this.#packets.length - this.#first
  }

  get hasLost(): boolean {
    return this.#lost > 0
  }

  get oldest(): SentPacket | undefined {
    return this.#packets[this.#first]
  }

  add(packet: SentPacket): void {
    this.#packets.push(packet)
    this.#next = advance(this.#next)
    this.bytes += packet.payload
  }

  /** The first lost packet, which is on the way again. */
  takeLost(now: number): SentPacket | null {
    for (let index = this.#first; index < this.#packets.length; index++) {
      const packet = this.#packets[index] as SentPacket
      if (packet.state !== 'lost') continue
      this.#lost--
      packet.state = 'flying'
      packet.sentAt = now
      packet.sends++
      this.bytes += packet.payload
      return packet
    }
    return null
  }

  /** True if `ack` can be an answer to what we sent: no later than our last, and not older than `slack` before our first. */
  isPlausible(ack: number, slack: number): boolean {
    const { count } = this
    return distance(advance(this.#next, -count - 1 - slack), ack) <= count + slack
  }

  /** Takes a plausible `ack` with the bits of its selective acknowledgement. */
  acknowledge(ack: number, sack: Uint8Array | null, now: number): Acknowledged {
    const told: Acknowledged = { packets: 0, payload: 0, roundTripUs: 0, longest: 0, hasHoles: false }
    const { count } = this
    const upTo = distance(advance(this.#next, -count - 1), ack)
    if (upTo <= count) this.#arriveUpTo(upTo, told, now)
    if (sack) this.#arriveBeyond(ack, sack, told, now)
    return told
  }

  /**
   * A selective acknowledgement of `sackBytes` that told nothing new: so something has arrived that is further than it can
   * tell, and left at `sentAt`. Without this, a run of more than thirty lost packets is only found by a timeout with libutp.
   */
  arriveHidden(ack: number, sackBytes: number, sentAt: number): void {
    const { count } = this
    const place = distance(advance(this.#next, -count), advance(ack, 2)) + 8 * sackBytes - UNUSED_BITS
    if (place >= count) return
    this.#hidden = (this.#packets[this.#first + place] as SentPacket).seq
    this.#latestSentAt = Math.max(this.#latestSentAt, sentAt)
  }

  /** Marks the packets that are lost by now; true if there is one more. Every one that is told has `onLost` called. */
  detect(now: number, roundTripUs: number, onLost: (packet: SentPacket) => void): boolean {
    this.lossAt = Number.POSITIVE_INFINITY
    if (this.#arrivedBeyond === 0 && this.#hidden === null) return false
    const patience = roundTripUs + Math.max(roundTripUs / 4, 1_000)
    let found = false
    for (let index = this.#first; index < this.#packets.length; index++) {
      const packet = this.#packets[index] as SentPacket
      if (packet.state !== 'flying' || !this.#leftBefore(packet)) continue
      const lostAt = packet.sentAt + patience
      if (lostAt > now) this.lossAt = Math.min(this.lossAt, Math.ceil(lostAt))
      else {
        this.#lose(packet)
        onLost(packet)
        found = true
      }
    }
    return found
  }

  /** Nothing came back: what is on the way counts as lost, the first `most` packets of it. */
  giveUp(onLost: (packet: SentPacket) => void, most: number = Number.POSITIVE_INFINITY): void {
    this.lossAt = Number.POSITIVE_INFINITY
    const end = Math.min(this.#packets.length, this.#first + most)
    for (let index = this.#first; index < end; index++) {
      const packet = this.#packets[index] as SentPacket
      if (packet.state !== 'flying') continue
      this.#lose(packet)
      onLost(packet)
    }
  }

  #lose(packet: SentPacket): void {
    packet.state = 'lost'
    this.bytes -= packet.payload
    this.#lost++
  }

  #leftBefore({ sentAt, seq }: SentPacket): boolean {
    if (sentAt !== this.#latestSentAt) return sentAt < this.#latestSentAt
    return distance(seq, this.#latestSeq) < 0x8000
  }

  #arriveUpTo(count: number, told: Acknowledged, now: number): void {
    for (let index = 0; index < count; index++) {
      const packet = this.#packets[this.#first + index] as SentPacket
      if (packet.state === 'acknowledged') this.#arrivedBeyond--
      else this.#arrive(packet, told, now)
      this.#onGone(packet)
    }
    this.#first += count
    if (this.#hidden !== null && distance(advance(this.#next, -this.count), this.#hidden) >= this.count)
      this.#hidden = null
    if (this.#first < 256 && this.#first < this.#packets.length) return
    removeFirst(this.#packets, this.#first)
    this.#first = 0
  }

  #arriveBeyond(ack: number, sack: Uint8Array, told: Acknowledged, now: number): void {
    const { count } = this
    const offset = distance(advance(this.#next, -count), advance(ack, 2))
    for (let index = 0; index < sack.length; index++) {
      const bits = sack[index] ?? 0
      for (let bit = 0; bits >> bit !== 0; bit++) {
        if (((bits >> bit) & 1) === 0) continue
        told.hasHoles = true
        // Of an old acknowledgement, some may be before the first by now: modulo 2^16 they are far beyond the last.
        const place = (offset + index * 8 + bit) & 0xffff
        if (place >= count) continue
        const packet = this.#packets[this.#first + place] as SentPacket
        if (packet.state === 'acknowledged') continue
        this.#arrive(packet, told, now)
        this.#arrivedBeyond++
      }
    }
  }

  #arrive(packet: SentPacket, told: Acknowledged, now: number): void {
    if (packet.state === 'lost') this.#lost--
    else this.bytes -= packet.payload
    packet.state = 'acknowledged'
    told.packets++
    told.payload += packet.payload
    told.longest = Math.max(told.longest, packet.probe || packet.bytes.length)
    if (packet.sends === 1) told.roundTripUs = Math.max(1, now - packet.sentAt)
    if (packet.sentAt < this.#latestSentAt) return
    if (packet.sentAt === this.#latestSentAt && distance(this.#latestSeq, packet.seq) >= 0x8000) return
    this.#latestSentAt = packet.sentAt
    this.#latestSeq = packet.seq
  }
}
