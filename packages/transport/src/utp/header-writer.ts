// Puts on each packet what all packets of a connection carry: its id, the time, what is acknowledged, and the room that is
// left.

import type { SentPacket } from './flight.js'
import { encodeBare, type PacketHeader, type PacketType, padPacket, STATE, writeHeader } from './packet.js'
import type { Receiver } from './receiver.js'

export class HeaderWriter {
  readonly #receiver: Receiver
  /** What we last measured of the remote's timestamps. */
  difference = 0
  /** The room that the remote was told of last. */
  toldWindow = 0
  /** Filled for each packet, in place: there are a hundred thousand a second. */
  readonly #header: PacketHeader = { type: STATE, id: 0, timestamp: 0, difference: 0, window: 0, seq: 0, ack: 0 }

  constructor(sendId: number, receiver: Receiver) {
    this.#header.id = sendId
    this.#receiver = receiver
  }

  /** A packet without data. */
  bare(type: PacketType, seq: number, now: number, sack: Uint8Array | null = null): Uint8Array {
    return encodeBare(this.#fill(type, seq, now), sack)
  }

  /** A packet as it leaves, of so many bytes. */
  complete({ bytes, type, seq, sentAt }: SentPacket, length: number): Uint8Array {
    writeHeader(bytes, this.#fill(type, seq, sentAt))
    return length > bytes.length ? padPacket(bytes, length - bytes.length) : bytes
  }

  #fill(type: PacketType, seq: number, now: number): PacketHeader {
    const { window, ack } = this.#receiver
    this.toldWindow = window
    const header = this.#header
    header.type = type
    header.timestamp = now >>> 0
    header.difference = this.difference
    header.window = window
    header.seq = seq
    header.ack = ack
    return header
  }
}
