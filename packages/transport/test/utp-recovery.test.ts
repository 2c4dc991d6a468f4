// What is lost on the way to a remote that tells as little as libutp does: of what came beyond a hole, thirty packets.

import { seededRandom } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import type { Remote, UtpOutput } from '../src/utp/messages.js'
import { DATA, decodePacket, encodeBare, type Packet, STATE, SYN } from '../src/utp/packet.js'
import { UtpPort } from '../src/utp/port.js'
import { advance, distance } from '../src/utp/sequence.js'

const remote: Remote = { host: '203.0.113.9', port: 4_000 }
/** Microseconds in one direction. */
const DELAY = 500
const TOLD_BITS = 30
const ID = 500

/** A port of ours that has been dialled by such a remote, which loses what `loses` says. */
class Meeting {
  readonly port: UtpPort = new UtpPort({ random: seededRandom(1) })
  now = 1_000_000
  #connection = 0
  #ack = 0
  #difference = 0
  readonly #beyond = new Set<number>()
  readonly #loses: (index: number, time: number) => boolean
  readonly #times = new Map<number, number>()
  readonly #first: number
  readonly #onWay: { readonly at: number; readonly run: () => void }[] = []
  received = 0

  /** @param loses the packet of that number, as it comes for that time; both from 0 on */
  constructor(loses: (index: number, time: number) => boolean) {
    this.#loses = loses
    this.port.handle({ type: 'accept', on: true }, this.now)
    for (const output of this.#tell(SYN, ID, 100, 0)) {
      if (output.type === 'packet') this.#ack = (decodePacket(output.bytes)?.seq ?? 0) - 1
    }
    this.#first = advance(this.#ack)
    for (const output of this.#tell(DATA, ID + 1, 101, this.#ack)) {
      if (output.type === 'accepted') this.#connection = output.connection
    }
  }

  write(bytes: number): void {
    this.port.handle({ type: 'write', connection: this.#connection, bytes: new Uint8Array(bytes) }, this.now)
    this.#carry(this.port.handle({ type: 'flush' }, this.now))
  }

  /** Runs until so many bytes were received; how many microseconds it took. */
  run(bytes: number): number {
    const startedAt = this.now
    while (this.received < bytes) {
      const next = this.#onWay[0]
      this.now = Math.max(this.now, Math.min(next?.at ?? Number.POSITIVE_INFINITY, this.port.wakeAt))
      if (this.now === Number.POSITIVE_INFINITY) throw new Error(`stopped after ${this.received} bytes`)
      if (next && next.at <= this.now) {
        this.#onWay.shift()
        next.run()
      } else {
        this.#carry(this.port.handle({ type: 'timer' }, this.now))
        this.#carry(this.port.handle({ type: 'flush' }, this.now))
      }
    }
    return this.now - startedAt
  }

  #tell(type: typeof SYN | typeof DATA | typeof STATE, id: number, seq: number, ack: number): UtpOutput[] {
    const header = { type, id, seq, ack, timestamp: this.now >>> 0, difference: this.#difference, window: 1_048_576 }
    const bytes = encodeBare(header, this.#sack())
    return [
      ...this.port.handle({ type: 'packet', remote, bytes }, this.now),
      ...this.port.handle({ type: 'flush' }, this.now),
    ]
  }

  #carry(outputs: readonly UtpOutput[]): void {
    for (const output of outputs) {
      if (output.type !== 'packet') continue
      const bytes = Uint8Array.from(output.bytes)
      this.#onWay.push({ at: this.now + DELAY, run: () => this.#receive(decodePacket(bytes) as Packet) })
    }
  }

  #receive(packet: Packet): void {
    const time = this.#times.get(packet.seq) ?? 0
    this.#times.set(packet.seq, time + 1)
    if (packet.type !== DATA || this.#loses(distance(this.#first, packet.seq), time)) return
    this.#difference = (this.now - packet.timestamp) >>> 0
    if (distance(this.#ack, packet.seq) < 1_024 && !this.#beyond.has(packet.seq)) {
      this.#beyond.add(packet.seq)
      this.received += packet.payload.length
    }
    while (this.#beyond.delete(advance(this.#ack))) this.#ack = advance(this.#ack)
    const answer = { at: this.now + DELAY, run: () => this.#carry(this.#tell(STATE, ID + 1, 102, this.#ack)) }
    this.#onWay.push(answer)
  }

  #sack(): Uint8Array | null {
    if (this.#beyond.size === 0) return null
    const sack = new Uint8Array(4)
    for (let bit = 0; bit < TOLD_BITS; bit++) {
      if (this.#beyond.has(advance(this.#ack, 2 + bit))) sack[bit >> 3] = (sack[bit >> 3] ?? 0) | (1 << (bit & 7))
    }
    return sack
  }
}

describe('a remote that tells of thirty packets beyond a hole', () => {
  const BYTES = 1_000_000
  /** A retransmission timeout is at least half a second. */
  const QUICK = 400_000

  it.each([1, 2, 30, 31, 32, 33, 100])('gets %i packets that it lost in a row without a timeout', (lost) => {
    const meeting = new Meeting((index, time) => time === 0 && index >= 100 && index < 100 + lost)
    meeting.write(BYTES)
    expect(meeting.run(BYTES)).toBeLessThan(QUICK)
  })
})
