// Whether the remote is still there, and how far away. It decides when to ping and when to give up; it does not know how a
// ping travels.
//
//   idle         | silent for an interval: ping, and again after 0.75; given up after 2.5 intervals
//   sent to      | nothing came since: ping after 0.2 intervals, and again after 0.25; given up after 0.7. A room talks over
//                | each of its links, so that one that crashed in mid-stream is missed soon; what is on a slow line gets its time

import type { Clock, Timer } from '../contracts/clock.js'
import { CoreError } from '../errors.js'
import { toHex } from '../hex.js'

export interface LivenessOptions {
  readonly clock: Clock
  readonly intervalMs: number
  readonly sendPing: (nonce: Uint8Array) => void
  readonly onDead: () => void
}

interface Pending {
  readonly sentAt: number
  readonly timer: Timer | null
  readonly settle: (rttMs: number | CoreError) => void
}

/** Parts of the interval: how long a silence lasts until a ping, and how long that is waited for. */
interface Patience {
  readonly beforePing: number
  readonly forPong: number
}
const IDLE: Patience = { beforePing: 1, forPong: 0.75 }
const SENT_TO: Patience = { beforePing: 0.2, forPong: 0.25 }
const MAX_MISSED = 2
/** Bytes that the slowest line carries in a millisecond (128 kbit/s): a ping waits behind what was sent before. */
const SLOWEST_LINE = 16
/** More than this waiting for answers is a caller's loop; the oldest then fails. */
const MAX_PENDING = 64

export class Liveness {
  readonly #options: LivenessOptions
  readonly #pending = new Map<string, Pending>()
  #sent = 0
  #missed = 0
  #heardAt = 0
  /** When something was first sent that nothing has come after; null if there is no such thing. */
  #sentAt: number | null = null
  /** Bytes sent since then. */
  #sentBytes = 0
  #pingedAt = 0
  /** When it is looked at next. */
  #dueAt = 0
  #timer: Timer | null = null
  #stopped = false
  /** Of the last answered ping, in milliseconds. */
  rtt: number | null = null

  constructor(options: LivenessOptions) {
    this.#options = options
  }

  /** Begins to watch, and measures the round trip once. */
  start(): void {
    if (this.#stopped) return
    this.heard()
    this.#send(null, () => {})
    this.#watch(this.#options.intervalMs)
  }

  /** Something that is no ping went to the remote. */
  sent(bytes: number): void {
    this.#sentBytes += bytes
    if (this.#sentAt !== null || this.#timer === null || this.#stopped) return
    this.#sentAt = this.#options.clock.now()
    const dueAt = this.#sentAt + SENT_TO.beforePing * this.#options.intervalMs
    // What is heard meanwhile leaves the timer as it is: one for each frame would cost more than the frame.
    if (dueAt < this.#dueAt) this.#watch(dueAt - this.#sentAt)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    for (const nonce of [...this.#pending.keys()])
      this.#settle(nonce, new CoreError('ERR_LINK_CLOSED', 'the link has ended'))
  }

  /** Something came from the remote. */
  heard(): void {
    this.#heardAt = this.#options.clock.now()
    this.#missed = 0
    this.#sentAt = null
    this.#sentBytes = 0
  }

  /** The round trip in milliseconds; rejects with `ERR_TIMEOUT` or `ERR_LINK_CLOSED`. */
  ping(timeoutMs: number): Promise<number> {
    if (this.#stopped) return Promise.reject(new CoreError('ERR_LINK_CLOSED', 'the link has ended'))
    return new Promise((resolve, reject) => {
      this.#send(timeoutMs, (result) => (typeof result === 'number' ? resolve(result) : reject(result)))
    })
  }

  onPong(nonce: Uint8Array): void {
    const key = toHex(nonce)
    const pending = this.#pending.get(key)
    if (!pending) return
    this.rtt = this.#options.clock.now() - pending.sentAt
    this.#settle(key, this.rtt)
  }

  #watch(ms: number): void {
    this.#timer?.cancel()
    this.#dueAt = this.#options.clock.now() + ms
    this.#timer = this.#options.clock.setTimer(ms, () => this.#onTimer())
  }

  #onTimer(): void {
    const { clock, onDead } = this.#options
    const now = clock.now()
    const dueAt = this.#missed === 0 ? this.#silentUntil() : this.#pingedAt + this.#forPongMs()
    if (now < dueAt) return this.#watch(dueAt - now)
    if (this.#missed >= MAX_MISSED) return onDead()
    this.#missed++
    this.#pingedAt = now
    this.#send(null, () => {})
    this.#watch(this.#forPongMs())
  }

  /** How long the remote may be silent before it is pinged. */
  #silentUntil(): number {
    const { intervalMs } = this.#options
    const idle = this.#heardAt + IDLE.beforePing * intervalMs
    return this.#sentAt === null ? idle : Math.min(idle, this.#sentAt + SENT_TO.beforePing * intervalMs)
  }

  #forPongMs(): number {
    const { intervalMs } = this.#options
    const idle = IDLE.forPong * intervalMs
    if (this.#sentAt === null) return idle
    return Math.min(idle, SENT_TO.forPong * intervalMs + Math.floor(this.#sentBytes / SLOWEST_LINE))
  }

  #send(timeoutMs: number | null, settle: Pending['settle']): void {
    const { clock, sendPing } = this.#options
    const nonce = new Uint8Array(8)
    new DataView(nonce.buffer).setBigUint64(0, BigInt(this.#sent++), true)
    const key = toHex(nonce)
    const timeout = (): void => this.#settle(key, new CoreError('ERR_TIMEOUT', 'the ping was not answered'))
    const timer = timeoutMs === null ? null : clock.setTimer(timeoutMs, timeout)
    this.#pending.set(key, { sentAt: clock.now(), timer, settle })
    const [oldest] = this.#pending.keys()
    if (this.#pending.size > MAX_PENDING && oldest) this.#settle(oldest, new CoreError('ERR_TIMEOUT', 'too many pings'))
    sendPing(nonce)
  }

  #settle(key: string, result: number | CoreError): void {
    const pending = this.#pending.get(key)
    this.#pending.delete(key)
    pending?.timer?.cancel()
    pending?.settle(result)
  }
}
