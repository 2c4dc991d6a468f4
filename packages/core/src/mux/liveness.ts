// Whether the remote is still there, and how far away. It decides when to ping and when to give up; it does not know how a
// ping travels.

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

/** A ping that is not answered in this part of the interval is missed; two missed ones after one idle interval make 2.5. */
const PATIENCE = 0.75
const MAX_MISSED = 2
/** More than this waiting for answers is a caller's loop; the oldest then fails. */
const MAX_PENDING = 64

export class Liveness {
  readonly #options: LivenessOptions
  readonly #pending = new Map<string, Pending>()
  #sent = 0
  #missed = 0
  #heardAt = 0
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
    this.#timer = this.#options.clock.setTimer(ms, () => this.#onTimer())
  }

  #onTimer(): void {
    const { clock, intervalMs, onDead } = this.#options
    const idleMs = clock.now() - this.#heardAt
    if (this.#missed === 0 && idleMs < intervalMs) return this.#watch(intervalMs - idleMs)
    if (this.#missed >= MAX_MISSED) return onDead()
    this.#missed++
    this.#send(null, () => {})
    this.#watch(intervalMs * PATIENCE)
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
