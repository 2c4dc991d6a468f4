// What hostile peers and forged packets can do to a port of uTP: nothing that costs more than it should. UTP_MUTATIONS says
// how many mutated packets are tried (100,000 by default).

import { type Random, seededRandom } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import type { Remote, UtpOutput } from '../src/utp/messages.js'
import { DEFAULT_UTP_LIMITS } from '../src/utp/options.js'
import { DATA, decodePacket, encodeBare, FIN, type Packet, RESET, STATE, SYN } from '../src/utp/packet.js'
import { UtpPort } from '../src/utp/port.js'

const SECOND = 1e6
const mutations = Number(process.env.UTP_MUTATIONS ?? 100_000)
const evil: Remote = { host: '203.0.113.9', port: 4_000 }
const WINDOW = DEFAULT_UTP_LIMITS.receiveBufferBytes

type Fields = Partial<Omit<Packet, 'sack' | 'payload'>> & { readonly sack?: Uint8Array; readonly payload?: Uint8Array }

function packet({ sack, payload, ...fields }: Fields): Uint8Array {
  const header = { type: DATA, id: 0, timestamp: 1, difference: 0, window: WINDOW, seq: 0, ack: 0, ...fields } as const
  const bare = encodeBare(header, sack ?? null)
  return payload ? Uint8Array.from([...bare, ...payload]) : bare
}

const packetsOf = (outputs: readonly UtpOutput[]): Packet[] =>
  outputs.flatMap((output) => (output.type === 'packet' ? [decodePacket(output.bytes) as Packet] : []))

/** A port that accepts, and somebody evil who has connected to it: with SYN number 100 under the id 500. */
class Victim {
  readonly port: UtpPort
  now = 1_000_000
  /** Everything that the port has given out. */
  readonly log: UtpOutput[] = []
  connection = 0
  /** Of the victim's next data. */
  seq = 0

  constructor(random: Random = seededRandom(1)) {
    this.port = new UtpPort({ random })
    this.port.handle({ type: 'accept', on: true }, this.now)
  }

  receive(bytes: Uint8Array, from: Remote = evil): readonly UtpOutput[] {
    const outputs = [
      ...this.port.handle({ type: 'packet', remote: from, bytes }, this.now),
      ...this.port.handle({ type: 'flush' }, this.now),
    ]
    this.log.push(...outputs)
    return outputs
  }

  connect(): this {
    const [answer] = packetsOf(this.receive(packet({ type: SYN, id: 500, seq: 100 })))
    this.seq = answer?.seq ?? 0
    const outputs = this.receive(packet({ type: STATE, id: 501, seq: 101, ack: this.seq - 1 }))
    for (const output of outputs) if (output.type === 'accepted') this.connection = output.connection
    if (this.connection === 0) throw new Error('connected')
    return this
  }

  write(bytes: number): readonly UtpOutput[] {
    this.port.handle({ type: 'write', connection: this.connection, bytes: new Uint8Array(bytes) }, this.now)
    return this.port.handle({ type: 'flush' }, this.now)
  }

  /** Lets time pass, with nothing said; what is given out. */
  wait(us: number): UtpOutput[] {
    const until = this.now + us
    const outputs: UtpOutput[] = []
    while (this.port.wakeAt <= until) {
      this.now = Math.max(this.now, this.port.wakeAt)
      outputs.push(...this.port.handle({ type: 'timer' }, this.now), ...this.port.handle({ type: 'flush' }, this.now))
    }
    this.now = until
    return outputs
  }

  get isAlive(): boolean {
    return this.port.report(this.connection) !== undefined
  }
}

describe('a flood of forged SYNs', () => {
  it('opens nothing for whoever guesses what he should have heard', () => {
    const victim = new Victim()
    let accepted = 0
    for (let guess = 0; guess < 20_000; guess++) {
      const bytes = packet({ type: DATA, id: 501, seq: 101, ack: (guess * 7) & 0xffff, payload: Uint8Array.of(1) })
      const outputs = victim.receive(bytes, { ...evil, port: 1_024 + (guess % 60_000) })
      accepted += outputs.filter(({ type }) => type === 'accepted').length
      victim.now += 1_000
    }
    // Four numbers of 65,536 are right: two keys, and one packet earlier or later.
    expect(accepted).toBeLessThan(10)
  })

  it('never gives a stranger more than the stranger gave', () => {
    const victim = new Victim()
    const random = seededRandom(5)
    for (let count = 0; count < 20_000; count++) {
      const type = random.below(5) as Packet['type']
      const bytes = packet({ type, id: random.below(65_536), seq: random.below(65_536), ack: random.below(65_536) })
      const replies = victim.receive(bytes, { ...evil, port: 1 + random.below(65_535) })
      const sent = replies.reduce((sum, output) => sum + (output.type === 'packet' ? output.bytes.length : 0), 0)
      if (!replies.some(({ type: what }) => what === 'accepted')) expect(sent).toBeLessThanOrEqual(bytes.length)
      expect(type === RESET ? sent : 0).toBe(0)
    }
  })
})

describe('a hostile peer', () => {
  it('that acknowledges what was never sent is not heard', () => {
    const victim = new Victim().connect()
    victim.write(10_000)
    for (const ahead of [20, 100, 1_000, 30_000]) {
      victim.receive(packet({ type: STATE, id: 501, seq: 101, ack: (victim.seq + ahead) & 0xffff }))
    }
    const outputs = victim.wait(2 * SECOND)
    // What it claimed to have is sent again.
    expect(packetsOf(outputs).filter(({ type, seq }) => type === DATA && seq === victim.seq).length).toBeGreaterThan(0)
    expect(victim.isAlive).toBe(true)
  })

  it('that acknowledges at once whatever it is sent gets no more in flight than a thousand packets', () => {
    const victim = new Victim().connect()
    let outputs = victim.write(50_000_000)
    let most = 0
    for (let round = 0; round < 200; round++) {
      const sent = packetsOf(outputs).filter(({ type }) => type === DATA)
      most = Math.max(most, sent.length)
      victim.now += 100
      outputs = victim.receive(
        packet({ type: STATE, id: 501, seq: 101, ack: sent.at(-1)?.seq ?? 0, window: 2 ** 32 - 1 }),
      )
    }
    expect(most).toBeLessThanOrEqual(1_000)
  })

  it('that says again and again that something has arrived gets no more than three packets in a round trip', () => {
    const victim = new Victim().connect()
    const ack = victim.seq - 1
    const timestamp = victim.now
    victim.receive(packet({ type: STATE, id: 501, seq: 101, ack, timestamp, difference: 1 }))
    packetsOf(victim.write(1_000_000))
    victim.wait(1_000)
    victim.receive(packet({ type: STATE, id: 501, seq: 101, ack: ack + 5, timestamp: victim.now, difference: 1 }))
    let sent = 0
    const TIMES = 2_000
    for (let time = 0; time < TIMES; time++) {
      sent += packetsOf(victim.wait(2_000)).length
      const lie = { type: STATE, id: 501, seq: 101, ack: ack + 5, timestamp: victim.now, difference: 1 } as const
      sent += packetsOf(victim.receive(packet({ ...lie, sack: Uint8Array.of(0) }))).length
    }
    expect(sent).toBeGreaterThan(10)
    expect(sent).toBeLessThanOrEqual(3 * TIMES)
  })

  it('that withholds acknowledgements, but talks, is given up in two minutes', () => {
    const victim = new Victim().connect()
    victim.write(100_000)
    let waited = 0
    for (; victim.isAlive && waited < 600; waited++) {
      victim.wait(SECOND)
      victim.receive(packet({ type: STATE, id: 501, seq: 101, ack: (victim.seq - 1) & 0xffff }))
    }
    expect(waited).toBeLessThan(120)
  })

  it('that sends holes only costs no more memory than was offered, and a bounded answer', () => {
    const victim = new Victim().connect()
    victim.port.handle({ type: 'read', connection: victim.connection, bytes: 1 }, victim.now)
    for (const size of [1, 1_400]) {
      for (let step = 0; step < 2_000; step++) {
        const seq = (102 + 2 * (step % 1_000)) & 0xffff
        const outputs = victim.receive(
          packet({ id: 501, seq, ack: (victim.seq - 1) & 0xffff, payload: new Uint8Array(size) }),
        )
        for (const output of outputs) if (output.type === 'packet') expect(output.bytes.length).toBeLessThanOrEqual(150)
      }
    }
    const { kept = 0 } = victim.port.report(victim.connection) ?? {}
    expect(kept).toBeGreaterThan(0)
    expect(kept).toBeLessThanOrEqual(2 * WINDOW)
  })

  it('that sends single bytes to a reader who does not read costs no more than was offered', () => {
    const victim = new Victim().connect()
    for (let seq = 101; seq < 50_000; seq++) {
      victim.receive(packet({ id: 501, seq: seq & 0xffff, ack: (victim.seq - 1) & 0xffff, payload: Uint8Array.of(1) }))
    }
    expect(victim.port.report(victim.connection)?.kept).toBeLessThanOrEqual(WINDOW)
  })

  it('cannot end a connection by guessing: of all acknowledgements of a RESET, few count', () => {
    let ended = 0
    for (let ack = 0; ack < 65_536; ack += 64) {
      const victim = new Victim(seededRandom(3)).connect()
      victim.receive(packet({ type: RESET, id: 500, seq: 1, ack }))
      if (!victim.isAlive) ended++
    }
    expect(ended).toBeLessThanOrEqual(1)
    const victim = new Victim().connect()
    victim.receive(packet({ type: RESET, id: 500, seq: 1, ack: (victim.seq - 1) & 0xffff }), { ...evil, port: 9 })
    expect(victim.isAlive).toBe(true)
    victim.receive(packet({ type: RESET, id: 500, seq: 1, ack: (victim.seq - 1) & 0xffff }))
    expect(victim.isAlive).toBe(false)
    expect(victim.log.at(-1)).toMatchObject({ type: 'closed', failure: 'reset' })
  })

  it('that says goodbye in the middle of what it sends is taken at its word', () => {
    const victim = new Victim().connect()
    const ack = (victim.seq - 1) & 0xffff
    victim.port.handle({ type: 'read', connection: victim.connection, bytes: 65_536 }, victim.now)
    for (const seq of [104, 103]) victim.receive(packet({ id: 501, seq, ack, payload: Uint8Array.of(3) }))
    victim.receive(packet({ type: FIN, id: 501, seq: 102, ack }))
    const outputs = victim.receive(packet({ id: 501, seq: 101, ack, payload: Uint8Array.of(1) }))
    expect(outputs.filter(({ type }) => type === 'data')).toHaveLength(1)
    expect(outputs.filter(({ type }) => type === 'end')).toHaveLength(1)
    expect(
      victim.receive(packet({ id: 501, seq: 103, ack, payload: Uint8Array.of(1) })).some(({ type }) => type === 'data'),
    ).toBe(false)
  })
})

describe('packets that are none', () => {
  const valid = packet({ type: STATE, id: 1, seq: 2, ack: 3, sack: new Uint8Array(8) })
  const changed = (at: number, byte: number): Uint8Array => valid.map((old, index) => (index === at ? byte : old))

  it('are not read: too short, of another version or type, with extensions that are too long or come twice', () => {
    expect(decodePacket(valid)).toMatchObject({ type: STATE, id: 1, seq: 2, ack: 3, sack: new Uint8Array(8) })
    for (let length = 0; length < valid.length; length++) expect(decodePacket(valid.subarray(0, length))).toBe(null)
    for (const first of [0x20, 0x22, 0x51, 0xf1, 0x00]) expect(decodePacket(changed(0, first))).toBe(null)
    for (const length of [0, 9, 100, 255]) expect(decodePacket(changed(21, length))).toBe(null)
    expect(decodePacket(changed(20, 1))).toBe(null)
    const twice = Uint8Array.from([...valid.subarray(0, 20), 1, 4, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0])
    expect(decodePacket(twice)).toBe(null)
  })

  it('never throw, never leave anything, and cost little, however they were mutated', () => {
    const random = seededRandom(11)
    let victim = new Victim().connect()
    const samples = [
      packet({ type: SYN, id: 7, seq: 9 }),
      ...Array.from({ length: 20 }, (_, index) => packet({ id: 501, seq: 101 + index, payload: new Uint8Array(30) })),
      ...Array.from({ length: 20 }, (_, index) =>
        packet({ type: STATE, id: 501, seq: 101, ack: index, sack: new Uint8Array(64).fill(255) }),
      ),
      packet({ type: FIN, id: 501, seq: 105 }),
      packet({ type: RESET, id: 500, seq: 105 }),
    ]
    let slowest = 0
    for (let round = 0; round < mutations; round++) {
      if (!victim.isAlive) victim = new Victim(seededRandom(round)).connect()
      if (round % 50 === 0) victim.write(5_000)
      const sample = samples[random.below(samples.length)] as Uint8Array
      const bytes = Uint8Array.from(
        sample.subarray(0, random.below(20) === 0 ? random.below(sample.length + 1) : undefined),
      )
      // Near what is expected, so that it gets far.
      if (bytes.length >= 20 && random.below(2) === 0) {
        const ack = (victim.seq - 3 + random.below(10)) & 0xffff
        bytes[18] = ack >> 8
        bytes[19] = ack & 255
      }
      for (let flips = random.below(4); flips > 0 && bytes.length > 0; flips--)
        bytes[random.below(bytes.length)] = random.below(256)
      const startedAt = performance.now()
      victim.receive(bytes)
      slowest = Math.max(slowest, performance.now() - startedAt)
      if (round % 10 === 0) victim.wait(random.below(200_000))
      victim.log.length = 0
      const { connections, strangers, lingering } = victim.port.counts
      if (connections > 2 || strangers > 64 || lingering > 1_024)
        expect([round, connections, strangers, lingering]).toEqual([])
    }
    console.log(`${mutations} mutated packets; the slowest took ${slowest.toFixed(1)} ms`)
    victim.wait(200 * SECOND)
    expect(victim.port.counts).toEqual({ connections: 0, strangers: 0, lingering: 0 })
  })
})
