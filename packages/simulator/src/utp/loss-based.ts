// The traffic that uTP has to give way to: TCP Reno, as far as a queue notices. One packet more in each round trip, half after
// a loss, whatever the delay.

import type { PacketWire } from './wire.js'
import type { UtpWorld } from './world.js'

/** Microseconds in which an acknowledgement comes back. */
const BACK_US = 20_000
const PACKET_BYTES = 1_400

/** A flow that sends without end, through a wire on which others may send, too. */
export class LossBasedFlow {
  readonly #world: UtpWorld
  readonly #wire: PacketWire
  readonly #packet: Uint8Array = new Uint8Array(PACKET_BYTES)
  /** Packets. */
  #window = 10
  #inFlight = 0
  #sent = 0
  #recoverAfter = 0
  #isSlowStart = true
  /** Bytes that have arrived. */
  received = 0

  constructor(world: UtpWorld, wire: PacketWire) {
    this.#world = world
    this.#wire = wire
  }

  start(): void {
    this.#pump()
  }

  #pump(): void {
    while (this.#inFlight < Math.floor(this.#window)) this.#send(this.#sent++)
  }

  #send(number: number): void {
    const [world, wire] = [this.#world, this.#wire]
    this.#inFlight++
    const before = wire.carried
    wire.carry(world, 'loss-based', this.#packet, () => {
      this.received += PACKET_BYTES
      world.at(world.now + BACK_US, () => this.#onAck())
    })
    // A full queue takes nothing; the sender hears of it a round trip later.
    if (wire.carried === before) world.at(world.now + 2 * BACK_US + wire.queueUs, () => this.#onLoss(number))
  }

  #onAck(): void {
    this.#inFlight--
    this.#window += this.#isSlowStart ? 1 : 1 / this.#window
    this.#pump()
  }

  #onLoss(number: number): void {
    this.#inFlight--
    if (number >= this.#recoverAfter) {
      this.#recoverAfter = this.#sent
      this.#isSlowStart = false
      this.#window = Math.max(2, this.#window / 2)
    }
    this.#pump()
  }
}
