// One uTP connection without clock and sockets. It knows when to acknowledge, when to ask for a sign of life, and how a
// connection begins and ends; sending and receiving are its two halves' affair.
//
//   state      what happens                                     then
//   calling    STATE that acknowledges our SYN                  open; we acknowledge, which proves our address
//              RESET for our SYN; no answer in time             closed (refused; timeout)
//   open       both goodbyes came and are acknowledged          closed; the port lingers for us
//              RESET within the window; silence                 closed (reset; timeout)
//   abandoned  as open, but nothing is read: our goodbye is     closed
//              acknowledged, the remote sends more, or time is up
//
// A goodbye (FIN) closes one direction alone: after ours we can read, after theirs we can write.

import { AckSchedule } from './ack-schedule.js'
import type { ConnectionOptions, ConnectionReport, Remains } from './connection-options.js'
import type { SentPacket } from './flight.js'
import { HeaderWriter } from './header-writer.js'
import type { ConnectionHandle, Remote, UtpFailure, UtpOutput } from './messages.js'
import type { UtpLimits } from './options.js'
import { DATA, encodeBare, FIN, type Packet, type PacketType, RESET, STATE, SYN } from './packet.js'
import { pathTo } from './packet-size.js'
import { Receiver } from './receiver.js'
import { Sender } from './sender.js'
import { advance } from './sequence.js'
import { Silence } from './silence.js'

/** The first SYN is answered or sent again after this, the next after twice as long, and then at most after `SYN_US`. */
const FIRST_SYN_US = 500_000
const SYN_US = 2_000_000

export class UtpConnection {
  readonly handle: ConnectionHandle
  readonly remote: Remote
  readonly receiveId: number
  readonly sendId: number
  readonly #limits: UtpLimits
  readonly #emit: (output: UtpOutput) => void
  readonly #sender: Sender
  readonly #synSeq: number
  readonly #receiver: Receiver
  readonly #writer: HeaderWriter
  #state: 'calling' | 'open' | 'abandoned' | 'closed' = 'calling'
  readonly #startedAt: number
  readonly #silence: Silence
  readonly #acks = new AckSchedule()
  #synAt: number
  #syns = 0
  #abandonAt: number = Number.POSITIVE_INFINITY
  #owesDrained = false
  #toldEnd = false
  #toldFinished = false
  #isPolite = false
  /** Our goodbye acknowledged theirs: when ours is acknowledged, they have nothing to ask again. */
  #finTellsAll = false

  constructor(options: ConnectionOptions, limits: UtpLimits, emit: (output: UtpOutput) => void) {
    const { handle, remote, receiveId, sendId, firstSeq, now } = options
    this.handle = handle
    this.remote = remote
    this.receiveId = receiveId
    this.sendId = sendId
    this.#limits = limits
    this.#emit = emit
    this.#synSeq = advance(firstSeq, -1)
    this.#startedAt = now
    this.#silence = new Silence(limits, now)
    this.#synAt = now
    this.#receiver = new Receiver(limits.receiveBufferBytes)
    this.#writer = new HeaderWriter(sendId, this.#receiver)
    this.#sender = new Sender({
      firstSeq,
      path: pathTo(remote.host),
      send: (packet, length) => this.#send(packet, length),
    })
  }

  /** The acceptor's beginning: the remote has proved its address. Its SYN had the number `ack`. */
  accept(ack: number): void {
    this.#receiver.begin(ack)
    this.#state = 'open'
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  /** Over because both sides said goodbye, not because one of them broke it off. */
  get isPolite(): boolean {
    return this.#isPolite
  }

  get remains(): Remains {
    return { sendId: this.sendId, seq: this.#sender.nextSeq, ack: this.#receiver.ack, isOwed: !this.#finTellsAll }
  }

  /** For tests and reports. */
  get report(): ConnectionReport {
    const { congestion, packetBytes } = this.#sender
    return { windowBytes: congestion.window, queueingUs: congestion.queueingUs, packetBytes, kept: this.#receiver.kept }
  }

  /** When `onTimer` has something to do. */
  get deadline(): number {
    if (this.#state === 'closed') return Number.POSITIVE_INFINITY
    if (this.#state === 'calling') return Math.min(this.#synAt, this.#startedAt + this.#limits.connectTimeoutMs * 1_000)
    return Math.min(this.#sender.deadline, this.#acks.at, this.#silence.asksAt, this.#silentAt, this.#abandonAt)
  }

  onPacket(packet: Packet, now: number): void {
    if (this.#state === 'closed') return
    if (packet.type === RESET) return this.#onReset(packet.ack)
    if (this.#state === 'calling') return this.#onAnswer(packet, now)
    if (packet.type === SYN) {
      // Our answer was lost, or somebody pretends: it is said again, and no state changes (RFC 5961 §4).
      this.#acks.hurry()
      return
    }
    if (!this.#sender.isPlausible(packet.ack)) return
    this.#onHeard(packet, now)
    if (packet.type === DATA || packet.type === FIN) this.#onData(packet, now)
    this.#settle(now)
  }

  onTimer(now: number): void {
    if (this.#state === 'closed') return
    if (this.#state === 'calling') {
      if (now >= this.#startedAt + this.#limits.connectTimeoutMs * 1_000) this.close('timeout')
      return
    }
    if (now >= this.#abandonAt) return this.reset(now)
    if (now >= this.#silentAt || this.#sender.isHopeless) return this.#fail(now)
    if (now >= this.#sender.deadline) this.#sender.onTimer(now)
    if (now >= this.#acks.at) this.#acks.hurry()
    if (now >= this.#silence.asksAt) this.#ask(now)
  }

  write(bytes: Uint8Array, now: number): void {
    if (this.#state === 'closed' || this.#state === 'abandoned') return
    if (!this.#sender.isBusy) this.#silence.onBusy(now)
    this.#sender.write(bytes)
    this.#owesDrained = true
  }

  end(now: number): void {
    if (!this.#sender.isBusy) this.#silence.onBusy(now)
    this.#sender.finish()
  }

  read(bytes: number, now: number): void {
    this.#receiver.allow(bytes)
    this.#handOver()
    this.#settle(now)
  }

  abandon(now: number): void {
    if (this.#state === 'calling') return this.close(null)
    if (this.#state !== 'open') return
    this.#state = 'abandoned'
    this.#abandonAt = now + this.#limits.abandonMs * 1_000
    this.end(now)
    this.#settle(now)
  }

  /** Ends it at once, and says so to the remote if there is one. */
  reset(now: number): void {
    if (this.#state === 'open' || this.#state === 'abandoned') this.#sendBare(RESET, this.#sender.nextSeq, now)
    this.close(null)
  }

  /** Sends what is to be sent. */
  flush(now: number): void {
    if (this.#state === 'closed') return
    if (this.#state === 'calling') return this.#call(now)
    this.#sender.transmit(now)
    if (this.#owesDrained && this.#sender.waiting === 0) {
      this.#owesDrained = false
      this.#emit({ type: 'drained', connection: this.handle })
    }
    if (this.#acks.isDue) this.#acknowledge(now)
    else this.#acks.wait(now)
  }

  close(failure: UtpFailure | null): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#sender.forget()
    this.#emit({ type: 'closed', connection: this.handle, failure })
  }

  get #silentAt(): number {
    return this.#silence.endsAt(this.#sender.isBusy)
  }

  #call(now: number): void {
    if (now < this.#synAt) return
    this.#synAt = now + Math.min(SYN_US, FIRST_SYN_US * 2 ** this.#syns++)
    const [id, seq, { window }] = [this.receiveId, this.#synSeq, this.#receiver]
    this.#emitPacket(encodeBare({ type: SYN, id, timestamp: now >>> 0, difference: 0, window, seq, ack: 0 }))
  }

  #onAnswer(packet: Packet, now: number): void {
    if (packet.type !== STATE || packet.ack !== this.#synSeq) return
    this.#state = 'open'
    // Not its number, but the one before: its first data has the same (libutp; BEP 29's diagram says otherwise).
    this.#receiver.begin(advance(packet.seq, -1))
    this.#acks.hurry()
    this.#silence.onBusy(now)
    this.#onHeard(packet, now)
    this.#emit({ type: 'connected', connection: this.handle })
  }

  #onHeard(packet: Packet, now: number): void {
    this.#silence.onHeard(now)
    this.#writer.difference = (now - packet.timestamp) >>> 0
    this.#sender.congestion.onTheirs(this.#writer.difference, now)
    this.#sender.onPacket(packet, now)
  }

  #onData(packet: Packet, now: number): void {
    const hadHoles = this.#receiver.hasHoles
    const arrival = this.#receiver.onPacket(packet.seq, packet.type === FIN ? null : packet.payload)
    if (this.#state === 'abandoned' && arrival !== 'old' && packet.payload.length > 0) return this.reset(now)
    if (arrival === 'next') this.#acks.onPacket()
    if (arrival !== 'next' || hadHoles || packet.type === FIN) this.#acks.hurry()
    this.#handOver()
  }

  #onReset(ack: number): void {
    if (this.#state === 'calling') {
      if (ack === this.#synSeq) this.close('refused')
      return
    }
    if (!this.#sender.isPlausibleReset(ack)) return
    // A remote that has said goodbye and has everything but ours may forget us.
    const isOver =
      this.#state === 'abandoned' || (this.#toldEnd && (this.#sender.onlyFinMissing || this.#sender.finished))
    this.close(isOver ? null : 'reset')
  }

  #handOver(): void {
    if (this.#state !== 'open') return
    for (let bytes = this.#receiver.take(); bytes; bytes = this.#receiver.take()) {
      this.#emit({ type: 'data', connection: this.handle, bytes })
    }
    const isNews = this.#receiver.window - this.#writer.toldWindow
    if (
      isNews >= this.#limits.receiveBufferBytes / 4 &&
      this.#writer.toldWindow < this.#limits.receiveBufferBytes / 2
    ) {
      this.#acks.hurry()
    }
    if (!this.#receiver.isDone || this.#toldEnd) return
    this.#toldEnd = true
    this.#emit({ type: 'end', connection: this.handle })
  }

  /** Closes what is over. */
  #settle(now: number): void {
    if (this.#state !== 'open' && this.#state !== 'abandoned') return
    if (!this.#sender.finished) return
    if (!this.#toldFinished) {
      this.#toldFinished = true
      this.#emit({ type: 'finished', connection: this.handle })
    }
    if (this.#state === 'open' && !this.#toldEnd) return
    if (this.#acks.isOwed) this.#acknowledge(now)
    this.#isPolite = true
    this.close(null)
  }

  /** Nobody is there: if somebody is after all, he should not wait for us. */
  #fail(now: number): void {
    this.#sendBare(RESET, this.#sender.nextSeq, now)
    this.close('timeout')
  }

  /** A packet that the remote must have already makes it say where it is; libutp and libtorrent answer it, too. */
  #ask(now: number): void {
    this.#silence.onAsked(now)
    this.#sendBare(DATA, advance(this.#sender.nextSeq, -1), now)
  }

  #acknowledge(now: number): void {
    this.#sendBare(STATE, this.#sender.nextSeq, now, this.#receiver.selective())
  }

  #sendBare(type: PacketType, seq: number, now: number, sack: Uint8Array | null = null): void {
    this.#emitPacket(this.#writer.bare(type, seq, now, sack))
    this.#acks.onSent()
  }

  #send(packet: SentPacket, length: number): void {
    if (packet.type === FIN && packet.sends === 1) this.#finTellsAll = this.#receiver.hasFin
    this.#emitPacket(this.#writer.complete(packet, length))
    // It carries what an acknowledgement would say, except what is beyond a hole.
    if (!this.#receiver.hasHoles) this.#acks.onSent()
  }

  #emitPacket(bytes: Uint8Array): void {
    this.#emit({ type: 'packet', remote: this.remote, bytes })
  }
}
