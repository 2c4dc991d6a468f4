// The sending half of a connection: what was written becomes packets, as many as the window of the remote, the congestion
// window and the pacer let through; what is lost is sent again. It knows neither states nor what is received.

import { Flight, MAX_FLIGHT_PACKETS, type SentPacket } from './flight.js'
import { Ledbat } from './ledbat.js'
import { Pacer } from './pacer.js'
import { DATA, FIN, HEADER_BYTES, MIN_PADDING_BYTES, type Packet } from './packet.js'
import { MAX_PACKET_BYTES, PacketSize, type Path } from './packet-size.js'
import { RoundTrip } from './rtt.js'
import { distance } from './sequence.js'
import { WriteQueue } from './write-queue.js'

/** Acknowledgements that were overtaken by so many others still count as ours; libutp allows three less than a flight. */
const ACK_SLACK = 256
/** Who guesses a RESET has to guess well. libutp's ACK_NR_ALLOWED_WINDOW. */
const RESET_SLACK = 3
/** A remote that says it has room and acknowledges none of so many tries in a row is broken. */
const MAX_TRIES = 10
/** Packets that are kept to be filled again. */
const MAX_SPARES = 256
/** What a remote says of a packet that left longer ago is nonsense. */
const MAX_AGO_US = 60_000_000
/** Bytes that are tried where the remote has no room, to learn when it has. */
const PROBE_BYTES = 1

export interface SenderOptions {
  readonly firstSeq: number
  readonly path: Path
  /** Puts the rest of the header on a packet and sends it, with so many bytes in all. */
  readonly send: (packet: SentPacket, length: number) => void
}

export class Sender {
  readonly roundTrip: RoundTrip = new RoundTrip()
  readonly congestion: Ledbat
  readonly #flight: Flight
  readonly #queue = new WriteQueue()
  readonly #pacer = new Pacer()
  readonly #size: PacketSize
  readonly #send: (packet: SentPacket, length: number) => void
  /** Bytes that the remote is ready to take. */
  #remoteWindow = 0
  #fin: 'none' | 'wanted' | 'sent' | 'acknowledged' = 'none'
  /** A timeout, or the next look at a remote without room; infinite: nothing is awaited. */
  #timeoutAt: number = Number.POSITIVE_INFINITY
  #pacedUntil: number = Number.POSITIVE_INFINITY
  /** The last packet that had been sent when something was lost: what was sent before is the same loss. */
  #recovery: number | null = null
  readonly #spares: Uint8Array[] = []

  constructor({ firstSeq, path, send }: SenderOptions) {
    this.#flight = new Flight(firstSeq, (packet) => this.#recycle(packet))
    this.#size = new PacketSize(path)
    this.#send = send
    this.congestion = new Ledbat(this.#size.payload, MAX_FLIGHT_PACKETS * MAX_PACKET_BYTES)
  }

  get nextSeq(): number {
    return this.#flight.nextSeq
  }

  /** Bytes that are not in packets yet. */
  get waiting(): number {
    return this.#queue.length
  }

  /** Something was sent, or is to be sent, that the remote has not acknowledged. */
  get isBusy(): boolean {
    return this.#flight.count > 0 || this.#queue.length > 0 || this.#fin === 'wanted'
  }

  get finished(): boolean {
    return this.#fin === 'acknowledged'
  }

  /** Nothing but the goodbye is not acknowledged. */
  get onlyFinMissing(): boolean {
    return this.#fin === 'sent' && this.#flight.count === 1
  }

  /** Whole packets on this way are so long. */
  get packetBytes(): number {
    return this.#size.bytes
  }

  /** The remote says it has room, and acknowledges nothing. */
  get isHopeless(): boolean {
    return this.#remoteWindow > 0 && this.roundTrip.backOff >= MAX_TRIES
  }

  /** When `onTimer` has something to do. */
  get deadline(): number {
    return Math.min(this.#timeoutAt, this.#pacedUntil, this.#flight.lossAt)
  }

  write(bytes: Uint8Array): void {
    if (this.#fin === 'none') this.#queue.push(bytes)
  }

  finish(): void {
    if (this.#fin === 'none') this.#fin = 'wanted'
  }

  forget(): void {
    this.#queue.clear()
  }

  isPlausible(ack: number): boolean {
    return this.#flight.isPlausible(ack, ACK_SLACK)
  }

  /** The same of a RESET, which names a packet of ours that is on the way, or the number that our bare packets carry. */
  isPlausibleReset(ack: number): boolean {
    return ack === this.nextSeq || this.#flight.isPlausible(ack, RESET_SLACK)
  }

  /** Takes what a packet with a plausible acknowledgement says. */
  onPacket(packet: Packet, now: number): void {
    const told = this.#flight.acknowledge(packet.ack, packet.sack, now)
    this.#heedWindow(packet.window)
    if (told.packets > 0) {
      if (told.roundTripUs > 0) this.roundTrip.onSample(told.roundTripUs)
      this.roundTrip.onProgress()
      this.#size.onAcknowledged(told.longest)
      this.congestion.packetBytes = this.#size.payload
      this.#armTimeout(now)
      if (!this.isBusy) this.#spares.length = 0
      if (this.#fin === 'sent' && this.#flight.count === 0) this.#fin = 'acknowledged'
    }
    if (told.packets === 0 && packet.sack) this.#heedHidden(packet, packet.sack, now)
    if (told.packets > 0 || packet.sack) this.#detect(now)
    const { difference } = packet
    const sample = { bytes: told.payload, difference, roundTripUs: told.roundTripUs }
    this.congestion.onAck(sample, now, this.roundTrip.smoothed)
  }

  onTimer(now: number): void {
    if (now >= this.#flight.lossAt) this.#detect(now)
    if (now < this.#timeoutAt) return
    if (this.#flight.count === 0) return this.#lookForRoom(now)
    const isStarved = this.#remoteWindow === 0
    this.roundTrip.onTimeout()
    // Where there is no room, more than one packet would only be thrown away.
    this.#flight.giveUp((packet) => this.#onLost(packet), isStarved ? 1 : undefined)
    if (!isStarved) {
      this.congestion.onTimeout()
      this.#size.onTimeout()
      this.congestion.packetBytes = this.#size.payload
      this.#recovery = this.nextSeq
    }
    // Once for each timeout, whatever the windows say.
    this.#resend(now)
    this.#armTimeout(now)
  }

  /** Sends what may be sent. */
  transmit(now: number): void {
    this.#pacedUntil = Number.POSITIVE_INFINITY
    if (!this.isBusy) return
    const { window, isSlowStart: slowStart } = this.congestion
    const { smoothed: roundTripUs } = this.roundTrip
    this.#pacer.update({ window, roundTripUs, slowStart, packet: this.#size.bytes }, now)
    const wasIdle = this.#flight.count === 0
    // All others wait for the oldest: much of what seems to be on the way may have arrived beyond it.
    while (this.#flight.hasLost && (this.#flight.oldest?.state === 'lost' || this.#isOpen(now))) this.#resend(now)
    if (!this.#flight.hasLost) this.#sendNew(now)
    if (wasIdle && this.#flight.count > 0) this.#armTimeout(now)
    else if (this.#flight.count === 0 && this.#queue.length > 0) this.#awaitRoom(now)
  }

  #sendNew(now: number): void {
    while (this.#queue.length > 0 && this.#flight.count < MAX_FLIGHT_PACKETS && this.#isOpen(now)) {
      const payload = this.#payloadOfNext()
      if (payload === 0) return
      this.#sendData(payload, now)
    }
    if (this.#fin === 'wanted' && this.#queue.length === 0 && this.#flight.count < MAX_FLIGHT_PACKETS) {
      this.#fin = 'sent'
      this.#launch(this.#packetOf(FIN, new Uint8Array(HEADER_BYTES)), now)
    }
  }

  /** 0: the remote has no room for it. */
  #payloadOfNext(): number {
    const payload = Math.min(this.#size.payload, this.#queue.length)
    const room = this.#remoteWindow - this.#flight.bytes
    if (payload <= room) return payload
    // A small packet is worth it only where nothing else will make the remote tell of more room.
    return this.#flight.count === 0 ? Math.max(0, room) : 0
  }

  #sendData(payload: number, now: number): void {
    const bytes = this.#blank(HEADER_BYTES + payload)
    this.#queue.take(bytes, HEADER_BYTES)
    const packet = this.#packetOf(DATA, bytes)
    const { probe } = this.#size
    if (probe >= bytes.length + MIN_PADDING_BYTES && payload === this.#size.payload) {
      packet.probe = probe
      this.#size.onProbe(probe)
    }
    this.#launch(packet, now)
  }

  /** Room for a packet: one that has been, if it is as long. */
  #blank(length: number): Uint8Array {
    const spare = this.#spares.pop()
    return spare?.length === length ? spare : new Uint8Array(length)
  }

  /** What was sent once and has arrived is nowhere on its way: what was sent twice may wait in the system still. */
  #recycle(packet: SentPacket): void {
    if (packet.sends === 1 && this.#spares.length < MAX_SPARES) this.#spares.push(packet.bytes)
  }

  #packetOf(type: SentPacket['type'], bytes: Uint8Array): SentPacket {
    const payload = bytes.length - HEADER_BYTES
    return { type, seq: this.nextSeq, bytes, payload, probe: 0, sentAt: 0, sends: 1, state: 'flying' }
  }

  #launch(packet: SentPacket, now: number): void {
    packet.sentAt = now
    this.#flight.add(packet)
    this.#pacer.onSent(packet.bytes.length)
    this.#send(packet, packet.probe || packet.bytes.length)
  }

  #resend(now: number): void {
    const packet = this.#flight.takeLost(now)
    if (!packet) return
    this.#pacer.onSent(packet.bytes.length)
    this.#send(packet, packet.bytes.length)
  }

  /** True if the congestion window and the pacer let one more packet through. */
  #isOpen(now: number): boolean {
    const isFull = this.#flight.bytes + this.#size.payload > this.congestion.window
    if (isFull) this.congestion.onFull(now)
    if (isFull && this.#flight.bytes > 0) return false
    if (this.#pacer.isOpen) return true
    this.congestion.onFull(now)
    this.#pacedUntil = Math.max(now + 1, this.#pacer.opensAt)
    return false
  }

  #detect(now: number): void {
    let isNews = false
    this.#flight.detect(now, this.roundTrip.smoothed, (packet) => {
      // A padded packet may have been too long: that says nothing about the load of the network.
      if (packet.probe === 0) isNews ||= this.#recovery === null || distance(this.#recovery, packet.seq) < 0x8000
      this.#onLost(packet)
    })
    if (!isNews) return
    this.#recovery = this.nextSeq
    this.congestion.onLoss(now, this.roundTrip.smoothed)
  }

  /** When the last packet left that the remote had received, it says itself: its clock then, less what it has measured. */
  #heedHidden({ ack, timestamp, difference }: Packet, sack: Uint8Array, now: number): void {
    const ago = (now - (timestamp - difference)) >>> 0
    // Who has no room throws away what arrives.
    if (this.#remoteWindow === 0 || difference === 0 || ago > MAX_AGO_US) return
    // Nobody can have received what left less than a round trip ago.
    this.#flight.arriveHidden(ack, sack.length, now - Math.max(ago, this.roundTrip.least))
  }

  #onLost(packet: SentPacket): void {
    if (packet.probe > 0) this.#size.onLost()
    packet.probe = 0
  }

  #heedWindow(window: number): void {
    const hadNone = this.#remoteWindow === 0
    this.#remoteWindow = window
    // What was sent to see if there is room was not taken: it is sent again at once.
    if (hadNone && window > 0 && this.#flight.count > 0) this.#flight.giveUp((packet) => this.#onLost(packet))
    if (hadNone && window > 0) this.roundTrip.onProgress()
  }

  #armTimeout(now: number): void {
    this.#timeoutAt = this.#flight.count > 0 ? now + this.roundTrip.timeout : Number.POSITIVE_INFINITY
  }

  #awaitRoom(now: number): void {
    if (this.#timeoutAt === Number.POSITIVE_INFINITY) this.#timeoutAt = now + this.roundTrip.timeout
  }

  /** The word that there is room again may have been lost. */
  #lookForRoom(now: number): void {
    this.#timeoutAt = Number.POSITIVE_INFINITY
    if (this.#queue.length === 0) return
    this.#sendData(Math.min(PROBE_BYTES, this.#queue.length), now)
    this.#armTimeout(now)
  }
}
