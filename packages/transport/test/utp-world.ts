// Ports of uTP and a network between them in virtual time: seeded links with delay, jitter, loss, reordering, duplication,
// corruption, a rate and a queue; applications that write, read, stop and go away. One seed decides everything.

import { type Random, seededRandom } from '@hearsay/core'
import type { ConnectionHandle, Remote, UtpFailure, UtpInput } from '../src/utp/messages.js'
import type { UtpLimits } from '../src/utp/options.js'
import { UtpPort } from '../src/utp/port.js'

export interface LinkOptions {
  /** Microseconds in one direction. @default 10_000 */
  readonly delayUs?: number
  /** At most so many more, at random: packets overtake each other. @default 0 */
  readonly jitterUs?: number
  /** Of a thousand packets, so many are lost. @default 0 */
  readonly lossPerMille?: number
  readonly duplicatePerMille?: number
  /** One bit of the header flips, and no checksum finds it, as UDP's would. */
  readonly corruptPerMille?: number
  /** Bits a second; infinite if left out. */
  readonly rate?: number
  /** Bytes that wait for the rate; what comes then is lost. @default 300_000 */
  readonly queueBytes?: number
  /** Loses what it says. */
  readonly drop?: (bytes: Uint8Array, from: string) => boolean
}

interface Scheduled {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** What happens when, the first first, in the order it was planned. */
class Agenda {
  readonly #heap: Scheduled[] = []
  #order = 0

  get first(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  add(at: number, run: () => void): void {
    const heap = this.#heap
    heap.push({ at, order: this.#order++, run })
    for (let index = heap.length - 1; index > 0; ) {
      const parent = (index - 1) >> 1
      if (!this.#isBefore(index, parent)) return
      this.#swap(index, parent)
      index = parent
    }
  }

  take(): (() => void) | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last) return undefined
    if (heap.length > 0) {
      heap[0] = last
      for (let index = 0; ; ) {
        const left = 2 * index + 1
        const next = left + 1 < heap.length && this.#isBefore(left + 1, left) ? left + 1 : left
        if (next >= heap.length || !this.#isBefore(next, index)) break
        this.#swap(index, next)
        index = next
      }
    }
    return first.run
  }

  #isBefore(a: number, b: number): boolean {
    const [left, right] = [this.#heap[a] as Scheduled, this.#heap[b] as Scheduled]
    return left.at < right.at || (left.at === right.at && left.order < right.order)
  }

  #swap(a: number, b: number): void {
    const [left, right] = [this.#heap[a] as Scheduled, this.#heap[b] as Scheduled]
    this.#heap[a] = right
    this.#heap[b] = left
  }
}

/** One direction of a wire. */
class Wire {
  #freeAt = 0
  readonly #options: LinkOptions
  /** The longest that a packet waited lately, and how many bytes went through. */
  queueUs = 0
  carried = 0

  constructor(options: LinkOptions) {
    this.#options = options
  }

  carry(world: UtpWorld, from: string, bytes: Uint8Array, deliver: (bytes: Uint8Array) => void): void {
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
      const leftAt = this.#pass(bytes.length + 28, world.now)
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

/** One end of a connection, and an application that checks every byte. */
export class End {
  readonly log: string[] = []
  /** Of one that was accepted. */
  remote: Remote | null = null
  received = 0
  sent = 0
  failure: UtpFailure | null = null
  isClosed = false
  closedAt = 0
  /** The first byte that was not what it should be. */
  wrongAt: number | null = null
  isReading = true
  endsWhenHeard = false
  #toSend = 0
  #endsAfter = false
  readonly host: Host
  readonly handle: ConnectionHandle
  readonly isDialled: boolean

  constructor(host: Host, handle: ConnectionHandle, isDialled: boolean) {
    this.host = host
    this.handle = handle
    this.isDialled = isDialled
  }

  /** Writes so many bytes in pieces of up to `piece`, then says goodbye if it is to. */
  write(bytes: number, { end = true }: { readonly end?: boolean } = {}): void {
    this.#toSend += bytes
    this.#endsAfter = end
    this.#next()
  }

  read(): void {
    this.isReading = true
    this.input({ type: 'read', connection: this.handle, bytes: 65_536 })
  }

  input(input: UtpInput): void {
    if (!this.isClosed) this.host.input(input)
  }

  onData(bytes: Uint8Array): void {
    for (let index = 0; this.host.world.isChecking && index < bytes.length; index++) {
      if (bytes[index] !== patternAt(this.received + index, !this.isDialled)) this.wrongAt ??= this.received + index
    }
    this.received += bytes.length
    if (this.isReading) this.host.later({ type: 'read', connection: this.handle, bytes: 65_536 })
  }

  onEvent(type: 'connected' | 'end' | 'drained' | 'finished'): void {
    if (type === 'drained') this.#next()
    else this.log.push(type)
    if (type === 'end' && this.endsWhenHeard) this.host.later({ type: 'end', connection: this.handle })
  }

  onClosed(failure: UtpFailure | null, now: number): void {
    this.log.push('closed')
    this.failure = failure
    this.isClosed = true
    this.closedAt = now
  }

  #next(): void {
    const count = Math.min(this.#toSend, this.host.world.pieceBytes)
    if (count === 0) {
      if (this.#endsAfter) this.host.later({ type: 'end', connection: this.handle })
      this.#endsAfter = false
      return
    }
    const from = this.sent
    this.#toSend -= count
    this.sent += count
    const bytes = new Uint8Array(count)
    for (let index = 0; this.host.world.isChecking && index < count; index++) {
      bytes[index] = patternAt(from + index, this.isDialled)
    }
    this.host.later({ type: 'write', connection: this.handle, bytes })
  }
}

function patternAt(index: number, isDialled: boolean): number {
  return (index * 31 + (index >> 8) * 7 + (index >> 16) * 3 + (isDialled ? 0 : 101)) & 0xff
}

/** A port with the ends of its connections. */
export class Host {
  readonly ends = new Map<ConnectionHandle, End>()
  readonly accepted: End[] = []
  readonly port: UtpPort
  /** Bytes to each address that has not proved itself are counted here against bytes from it. */
  readonly world: UtpWorld
  readonly name: string
  onAccepted: (end: End) => void = () => {}
  sentBytes = 0
  sentPackets = 0
  #clockOffset: number
  #pending: UtpInput[] = []
  #isBusy = false
  #nextHandle = 1

  constructor(
    world: UtpWorld,
    name: string,
    options: { readonly limits?: Partial<UtpLimits>; readonly random?: Random },
  ) {
    this.world = world
    this.name = name
    this.port = new UtpPort({ random: options.random ?? world.random, limits: options.limits ?? {} })
    this.#clockOffset = world.random.below(2 ** 32)
    this.input({ type: 'accept', on: true })
  }

  get clock(): number {
    return this.world.now + this.#clockOffset
  }

  get wakeAt(): number {
    return this.port.wakeAt - this.#clockOffset
  }

  get remote(): Remote {
    return { host: this.name, port: 1 }
  }

  dial(to: Host): End {
    const end = new End(this, this.#nextHandle++, true)
    this.ends.set(end.handle, end)
    this.input({ type: 'connect', connection: end.handle, remote: to.remote })
    if (end.isReading) this.input({ type: 'read', connection: end.handle, bytes: 65_536 })
    return end
  }

  /** Handles it now and everything that follows, or as soon as what is being handled is. */
  input(input: UtpInput): void {
    this.#pending.push(input)
    if (this.#isBusy) return
    this.#isBusy = true
    while (this.#pending.length > 0) {
      for (const each of this.#pending.splice(0)) this.#handle(each)
      if (this.#pending.length === 0) this.#handle({ type: 'flush' })
    }
    this.#isBusy = false
  }

  later(input: UtpInput): void {
    this.input(input)
  }

  #handle(input: UtpInput): void {
    for (const output of this.port.handle(input, this.clock)) {
      if (output.type === 'packet') {
        this.sentBytes += output.bytes.length
        this.sentPackets++
        this.world.carry(this, output.remote, output.bytes)
        continue
      }
      if (output.type === 'accepted') {
        const end = new End(this, output.connection, false)
        end.remote = output.remote
        this.ends.set(end.handle, end)
        this.accepted.push(end)
        this.onAccepted(end)
        if (end.isReading) this.later({ type: 'read', connection: end.handle, bytes: 65_536 })
        continue
      }
      const end = this.ends.get(output.connection)
      if (!end) throw new Error(`${output.type} of nobody`)
      if (output.type === 'data') end.onData(output.bytes)
      else if (output.type === 'closed') {
        this.ends.delete(output.connection)
        end.onClosed(output.failure, this.world.now)
      } else end.onEvent(output.type)
    }
  }
}

export class UtpWorld {
  now = 0
  /** Bytes of one write. */
  pieceBytes = 16_384
  /** Whether every byte is checked, which takes its time. */
  isChecking = true
  readonly random: Random
  readonly hosts = new Map<string, Host>()
  readonly #agenda = new Agenda()
  readonly #wires = new Map<string, Wire>()
  link: LinkOptions
  /** Packets to hosts that are not there. */
  onLostPacket: (to: Remote, bytes: Uint8Array) => void = () => {}

  constructor(seed: number, link: LinkOptions = {}) {
    this.random = seededRandom(seed)
    this.link = link
  }

  host(name: string, options: { readonly limits?: Partial<UtpLimits>; readonly random?: Random } = {}): Host {
    const host = new Host(this, name, options)
    this.hosts.set(name, host)
    return host
  }

  /** The wire from one host to another; all wires into one host may be one. */
  wire(from: string, to: string): Wire {
    const key = `${from}>${to}`
    const wire = this.#wires.get(key) ?? new Wire(this.link)
    this.#wires.set(key, wire)
    return wire
  }

  /** Both hosts' packets to `to` share one wire, and its queue. */
  share(froms: readonly string[], to: string, options: LinkOptions): Wire {
    const wire = new Wire(options)
    for (const from of froms) this.#wires.set(`${from}>${to}`, wire)
    return wire
  }

  carry(from: Host, to: Remote, bytes: Uint8Array): void {
    this.wire(from.name, to.host).carry(this, from.name, bytes, (arrived) => this.deliver(from.remote, to, arrived))
  }

  /** A packet arrives, whoever sent it. */
  deliver(from: Remote, to: Remote, bytes: Uint8Array): void {
    const host = this.hosts.get(to.host)
    if (host) host.input({ type: 'packet', remote: from, bytes })
    else this.onLostPacket(to, bytes)
  }

  at(time: number, run: () => void): void {
    this.#agenda.add(Math.max(time, this.now), run)
  }

  /** Lets time pass until `until` microseconds, or until nothing happens any more or `isDone`. */
  run(until: number, isDone: () => boolean = () => false): void {
    while (!isDone()) {
      let waker: Host | null = null
      let at = this.#agenda.first
      for (const host of this.hosts.values()) {
        if (host.wakeAt < at) {
          at = host.wakeAt
          waker = host
        }
      }
      if (at > until) break
      this.now = Math.max(this.now, Math.ceil(at))
      if (waker) waker.input({ type: 'timer' })
      else this.#agenda.take()?.()
    }
    if (until !== Number.POSITIVE_INFINITY && !isDone()) this.now = Math.max(this.now, until)
  }
}
