// All uTP of one UDP port without clock and sockets: finds the connection that a packet belongs to by the sender's address
// and the id, lets strangers in once they have proved their address, and never sends a stranger more than it was sent.
// `handle` takes one input and answers what is to be done; the driver does all of it before the next input, gives `flush`
// when nothing more comes in, and `timer` when `wakeAt` has come. Time is whole microseconds on a clock that never goes back.

import type { Random } from '@hearsay/core'
import { UtpConnection } from './connection.js'
import type { ConnectionOptions, ConnectionReport } from './connection-options.js'
import { Deadlines } from './deadlines.js'
import { Lingering } from './lingering.js'
import type { ConnectionHandle, Remote, UtpInput, UtpOutput } from './messages.js'
import { resolveUtpLimits, type UtpLimits } from './options.js'
import { decodePacket, encodeBare, type Packet, RESET, STATE, SYN } from './packet.js'
import { advance, SEQUENCE_MASK } from './sequence.js'
import { Strangers } from './strangers.js'

export interface UtpPortOptions {
  readonly random: Random
  readonly limits?: Partial<UtpLimits>
}

/** RESETs a second to packets of nobody we know, and how many at once: more would only serve who forges addresses. */
const RESETS_PER_SECOND = 200
/** Of 65,536 ids to a remote: tried before there are too many. */
const ID_TRIES = 64

/** What a port holds, for tests and reports. */
export interface UtpCounts {
  readonly connections: number
  readonly strangers: number
  readonly lingering: number
}

export class UtpPort {
  readonly limits: UtpLimits
  readonly #random: Random
  readonly #byKey = new Map<string, UtpConnection>()
  readonly #byHandle = new Map<ConnectionHandle, UtpConnection>()
  readonly #strangers: Strangers
  readonly #lingering: Lingering
  readonly #deadlines = new Deadlines<UtpConnection>()
  /** Connections that may have something to send. */
  readonly #touched = new Set<UtpConnection>()
  #isAccepting = false
  /** Accepted connections have negative handles, dialled ones what the driver chose. */
  #nextHandle = -1
  #outputs: UtpOutput[] = []
  #resets = RESETS_PER_SECOND
  #resetsAt = 0
  readonly #emit = (output: UtpOutput): void => void this.#outputs.push(output)

  constructor({ random, limits }: UtpPortOptions) {
    this.limits = resolveUtpLimits(limits)
    this.#random = random
    this.#strangers = new Strangers(random, this.limits.maxHalfOpen)
    this.#lingering = new Lingering(this.limits.maxLingering)
  }

  /** When `timer` is due; infinite if nothing is awaited. */
  get wakeAt(): number {
    return Math.min(this.#deadlines.first, this.#strangers.forgetAt, this.#lingering.forgetAt)
  }

  /** Until then a remote may still ask for a last acknowledgement; the past: nobody will. */
  get lingersUntil(): number {
    return this.#lingering.neededUntil
  }

  get counts(): UtpCounts {
    return { connections: this.#byHandle.size, strangers: this.#strangers.size, lingering: this.#lingering.size }
  }

  /** What a connection is at, for tests and reports. */
  report(connection: ConnectionHandle): ConnectionReport | undefined {
    return this.#byHandle.get(connection)?.report
  }

  handle(input: UtpInput, now: number): readonly UtpOutput[] {
    this.#outputs = []
    if (input.type === 'packet') this.#onDatagram(input.remote, input.bytes, now)
    else if (input.type === 'flush') this.#flush(now)
    else if (input.type === 'timer') this.#onTimer(now)
    else if (input.type === 'accept') this.#isAccepting = input.on
    else if (input.type === 'connect') this.#connect(input.connection, input.remote, now)
    else this.#onApplication(input, now)
    return this.#outputs
  }

  #onApplication(
    input: Extract<UtpInput, { readonly type: 'write' | 'end' | 'read' | 'abandon' | 'reset' }>,
    now: number,
  ): void {
    const connection = this.#byHandle.get(input.connection)
    if (!connection) return
    if (input.type === 'write') connection.write(input.bytes, now)
    else if (input.type === 'end') connection.end(now)
    else if (input.type === 'read') connection.read(input.bytes, now)
    else if (input.type === 'abandon') connection.abandon(now)
    else connection.reset(now)
    this.#after(connection, now)
  }

  #connect(handle: ConnectionHandle, remote: Remote, now: number): void {
    const receiveId = this.#freeId(remote)
    if (receiveId === null || this.#byHandle.size >= this.limits.maxConnections) {
      return this.#emit({ type: 'closed', connection: handle, failure: 'limit' })
    }
    const firstSeq = this.#random.below(SEQUENCE_MASK + 1)
    this.#open({ handle, remote, receiveId, sendId: advance(receiveId), firstSeq, now })
  }

  #open(options: ConnectionOptions): UtpConnection {
    const connection = new UtpConnection(options, this.limits, this.#emit)
    this.#byKey.set(keyOf(connection.remote, connection.receiveId), connection)
    this.#byHandle.set(connection.handle, connection)
    this.#touched.add(connection)
    return connection
  }

  /** A random id with which nothing from this remote is awaited. */
  #freeId(remote: Remote): number | null {
    for (let attempt = 0; attempt < ID_TRIES; attempt++) {
      const id = this.#random.below(SEQUENCE_MASK + 1)
      const key = keyOf(remote, id)
      if (!this.#byKey.has(key) && !this.#lingering.has(key)) return id
    }
    return null
  }

  #onDatagram(remote: Remote, bytes: Uint8Array, now: number): void {
    const packet = decodePacket(bytes)
    if (!packet) return
    if (packet.type === RESET) return this.#onReset(remote, packet, now)
    // A caller names the id under which it wants to hear from us; what we hear from it carries the next one.
    const key = keyOf(remote, packet.type === SYN ? advance(packet.id) : packet.id)
    const connection = this.#byKey.get(key)
    if (connection) {
      connection.onPacket(packet, now)
      this.#after(connection, now)
    } else if (packet.type === SYN) this.#onSyn(key, remote, packet, now)
    else this.#onUnknown(key, remote, packet, now)
  }

  #onSyn(key: string, remote: Remote, syn: Packet, now: number): void {
    if (!this.#isAccepting || this.#byHandle.size >= this.limits.maxConnections) return this.#refuse(remote, syn, now)
    this.#lingering.forget(key)
    const seq = this.#strangers.onSyn(key, remote, syn, now)
    const window = this.limits.receiveBufferBytes
    const difference = (now - syn.timestamp) >>> 0
    const header = { type: STATE, id: syn.id, timestamp: now >>> 0, difference, window, seq, ack: syn.seq } as const
    this.#emit({ type: 'packet', remote, bytes: encodeBare(header) })
  }

  #onUnknown(key: string, remote: Remote, packet: Packet, now: number): void {
    if (packet.type === STATE && this.#lingering.has(key)) return
    const remains = this.#lingering.recall(key, packet, now)
    if (remains) {
      const { sendId: id, seq, ack } = remains
      const header = { type: STATE, id, timestamp: now >>> 0, difference: 0, window: 0, seq, ack } as const
      return this.#emit({ type: 'packet', remote, bytes: encodeBare(header) })
    }
    const stranger = this.#isAccepting ? this.#strangers.prove(key, remote, packet, now) : null
    if (stranger === 'forged') return
    if (!stranger || this.#byHandle.size >= this.limits.maxConnections) return this.#refuse(remote, packet, now)
    const handle = this.#nextHandle--
    const ids = { receiveId: packet.id, sendId: advance(packet.id, -1) }
    const connection = this.#open({ handle, remote, ...ids, firstSeq: stranger.ourSeq, now })
    connection.accept(stranger.seq)
    this.#emit({ type: 'accepted', connection: handle, remote })
    connection.onPacket(packet, now)
    this.#after(connection, now)
  }

  /** RESET carries the id that its sender heard from us, or the one it sends to us: both are tried. */
  #onReset(remote: Remote, packet: Packet, now: number): void {
    for (const id of [packet.id, advance(packet.id), advance(packet.id, -1)]) {
      const connection = this.#byKey.get(keyOf(remote, id))
      if (!connection || (id !== packet.id && connection.sendId !== packet.id)) continue
      connection.onPacket(packet, now)
      this.#after(connection, now)
      if (connection.isClosed) return
    }
  }

  /** To a packet of nobody we know, with as many bytes as the shortest of them. */
  #refuse(remote: Remote, packet: Packet, now: number): void {
    this.#resets = Math.min(RESETS_PER_SECOND, this.#resets + ((now - this.#resetsAt) / 1e6) * RESETS_PER_SECOND)
    this.#resetsAt = now
    if (this.#resets < 1) return
    this.#resets--
    const seq = this.#random.below(SEQUENCE_MASK + 1)
    const header = {
      type: RESET,
      id: packet.id,
      timestamp: now >>> 0,
      difference: 0,
      window: 0,
      seq,
      ack: packet.seq,
    } as const
    this.#emit({ type: 'packet', remote, bytes: encodeBare(header) })
  }

  #flush(now: number): void {
    for (const connection of this.#touched) {
      connection.flush(now)
      if (!connection.isClosed) this.#deadlines.ask(connection, connection.deadline)
    }
    this.#touched.clear()
  }

  #onTimer(now: number): void {
    this.#strangers.onTimer(now)
    this.#lingering.onTimer(now)
    for (let due = this.#deadlines.take(now); due; due = this.#deadlines.take(now)) {
      if (due.deadline <= now) due.onTimer(now)
      this.#after(due, now)
      // It may have asked for the past: that it is flushed is all that it needs.
      due.flush(now)
      if (!due.isClosed) this.#deadlines.ask(due, Math.max(due.deadline, now + 1))
    }
  }

  /** Removes a connection that is over, and remembers the others for the next flush. */
  #after(connection: UtpConnection, now: number): void {
    if (!connection.isClosed) return void this.#touched.add(connection)
    if (!this.#byHandle.delete(connection.handle)) return
    const key = keyOf(connection.remote, connection.receiveId)
    this.#byKey.delete(key)
    this.#touched.delete(connection)
    this.#deadlines.forget(connection)
    const until = now + this.limits.lingerMs * 1_000
    if (connection.isPolite) this.#lingering.add(key, connection.remains, { now, until })
  }
}

/** One string for each remote and id; a host has no slash. */
function keyOf({ host, port }: Remote, id: number): string {
  return `${id}/${port}/${host}`
}
