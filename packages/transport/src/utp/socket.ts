// The driver of a port: a UDP socket, a clock and randomness for the machine, a stream for each connection. What comes in one
// turn of the event loop is answered in one go at its end: acknowledgements for many packets are one, and small writes share
// packets.

import { type Clock, type Random, systemClock, systemRandom, type Timer } from '@hearsay/core'
import { type BindOptions, Datagrams } from './datagrams.js'
import { errorOf, UtpError } from './errors.js'
import type { ConnectionHandle, Remote, UtpInput, UtpOutput } from './messages.js'
import type { UtpLimits } from './options.js'
import { SYN } from './packet.js'
import { type UtpCounts, UtpPort } from './port.js'
import { UtpStream, type UtpStreamOptions } from './stream.js'

export interface UtpSocketOptions extends BindOptions, UtpStreamOptions {
  readonly limits?: Partial<UtpLimits>
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default systemRandom() */
  readonly random?: Random
  /** What is wrong with the UDP socket, which lives on if it can. @default nobody is told */
  readonly onWarning?: ((error: Error) => void) | undefined
}

/** A UDP port that speaks uTP: many connections, dialled and accepted. */
export class UtpSocket {
  readonly #datagrams: Datagrams
  readonly #clock: Clock
  readonly #machine: UtpPort
  readonly #streamOptions: UtpStreamOptions
  readonly #onWarning: (error: Error) => void
  readonly #streams = new Map<ConnectionHandle, UtpStream>()
  /** Dials that are not answered yet. */
  readonly #calls = new Map<ConnectionHandle, Call>()
  readonly #ask = (input: UtpInput): void => this.#handle(input)
  readonly #onTurnEnd = (): void => this.#flush()
  #onStream: ((stream: UtpStream) => void) | null = null
  #nextHandle = 1
  #timer: Timer | null = null
  #timerAt: number = Number.POSITIVE_INFINITY
  #lingerTimer: NodeJS.Timeout | undefined
  #isFlushPlanned = false
  #isEnding = false
  #isClosed = false
  #closed: Promise<void> = Promise.resolve()
  #tellClosed: () => void = () => {}

  private constructor(datagrams: Datagrams, options: UtpSocketOptions) {
    const { clock = systemClock(), random = systemRandom(), limits = {}, onWarning = () => {} } = options
    this.#datagrams = datagrams
    this.#clock = clock
    this.#machine = new UtpPort({ random, limits })
    this.#streamOptions = { allowHalfOpen: options.allowHalfOpen ?? true }
    this.#onWarning = onWarning
    this.#open()
    datagrams.start(
      (remote, bytes) => this.#handle({ type: 'packet', remote, bytes }),
      (error) => this.#warn(error),
    )
    this.#holdProcess()
  }

  /** Takes a UDP port; rejects with the system's error. It keeps the process alive while it accepts or has connections. */
  static async bind(options: UtpSocketOptions = {}): Promise<UtpSocket> {
    return new UtpSocket(await Datagrams.bind(options), options)
  }

  /** Where it receives: an address of this machine, or a wildcard. */
  get address(): { readonly host: string; readonly port: number } {
    const { host, port } = this.#datagrams
    return { host, port }
  }

  /** What it holds, for reports. */
  get counts(): UtpCounts {
    return this.#machine.counts
  }

  /** True if packets to that IP address can leave from here, as far as the families go. */
  reaches(host: string): boolean {
    return this.#datagrams.reaches(host)
  }

  /** Gives every stream that somebody opens from now on to `onStream`, or with null accepts no more. */
  accept(onStream: ((stream: UtpStream) => void) | null): void {
    this.#onStream = onStream
    this.#handle({ type: 'accept', on: onStream !== null })
    this.#holdProcess()
  }

  /** A stream to an IP address; rejects with an `UtpError`, or with the signal's reason. The dialling side speaks first. */
  connect(remote: Remote, { signal }: { readonly signal?: AbortSignal } = {}): Promise<UtpStream> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      if (this.#isClosed || this.#isEnding) return reject(closedError())
      const connection = this.#nextHandle++
      const onAbort = (): void => {
        this.#calls.delete(connection)
        this.#handle({ type: 'reset', connection })
        reject(signal?.reason)
      }
      const settle = (error: Error | null): void => {
        signal?.removeEventListener('abort', onAbort)
        this.#calls.delete(connection)
        if (error) reject(error)
        else resolve(this.#streamOf(connection, remote))
      }
      signal?.addEventListener('abort', onAbort)
      this.#calls.set(connection, { remote, settle })
      this.#handle({ type: 'connect', connection, remote })
      this.#holdProcess()
    })
  }

  /** Accepts and dials no more; the port is given back when its last connection has ended. Resolves at once. */
  release(): void {
    this.accept(null)
    this.#isEnding = true
    this.#failCalls()
    this.#closeIfOver()
  }

  /** Takes `release` back, for who wants the port again; false if it was given back already. */
  reclaim(): boolean {
    if (this.#isClosed) return false
    if (this.#isEnding) this.#open()
    return true
  }

  /** Ends all connections at once and gives the port back. Twice is once. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.release()
      for (const stream of this.#streams.values()) stream.destroy(closedError())
      this.#close()
    }
    await this.#closed
  }

  /** True when the port was given back. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Resolves when the port was given back, or waits for nothing but remotes that may ask for its last word. */
  get closed(): Promise<void> {
    return this.#closed
  }

  #open(): void {
    this.#isEnding = false
    clearTimeout(this.#lingerTimer)
    this.#closed = new Promise((resolve) => {
      this.#tellClosed = resolve
    })
  }

  #streamOf(connection: ConnectionHandle, remote: Remote): UtpStream {
    const stream = new UtpStream({ connection, remote, ask: this.#ask }, this.#streamOptions)
    this.#streams.set(connection, stream)
    return stream
  }

  #now(): number {
    return Math.floor(this.#clock.now() * 1_000)
  }

  #handle(input: UtpInput): void {
    if (this.#isClosed) return
    const outputs = this.#machine.handle(input, this.#now())
    // Without an iterator: there are a hundred thousand a second.
    for (let index = 0; index < outputs.length; index++) this.#do(outputs[index] as UtpOutput)
    if (this.#isFlushPlanned || input.type === 'flush') return
    this.#isFlushPlanned = true
    setImmediate(this.#onTurnEnd)
  }

  #flush(): void {
    this.#isFlushPlanned = false
    this.#handle({ type: 'flush' })
    this.#armTimer()
  }

  #do(output: UtpOutput): void {
    if (output.type === 'packet') return this.#send(output.remote, output.bytes)
    if (output.type === 'accepted') return this.#onAccepted(output.connection, output.remote)
    if (output.type === 'connected') return this.#calls.get(output.connection)?.settle(null)
    const stream = this.#streams.get(output.connection)
    if (output.type === 'closed') {
      this.#streams.delete(output.connection)
      stream?.onClosed(output.failure)
      if (output.failure) this.#calls.get(output.connection)?.settle(errorOf(output.failure))
      this.#holdProcess()
      this.#closeIfOver()
    } else if (output.type === 'data') stream?.onData(output.bytes)
    else stream?.onEvent(output.type)
  }

  #send(remote: Remote, bytes: Uint8Array): void {
    if ((bytes[0] ?? 0) >> 4 !== SYN) return this.#datagrams.send(bytes, remote)
    // Where there is no way to the remote, the system says so at the first packet.
    this.#datagrams.send(bytes, remote, (error) => {
      for (const [connection, call] of this.#calls) {
        if (call.remote.host !== remote.host || call.remote.port !== remote.port) continue
        call.settle(error)
        this.#handle({ type: 'reset', connection })
      }
    })
  }

  #onAccepted(connection: ConnectionHandle, remote: Remote): void {
    const stream = this.#streamOf(connection, remote)
    this.#holdProcess()
    if (this.#onStream) this.#onStream(stream)
    else stream.destroy()
  }

  #armTimer(): void {
    const { wakeAt } = this.#machine
    // What only lingers is looked after when something happens: no timer keeps the process alive for it.
    if (!this.#isWanted) this.#disarmTimer()
    if (!this.#isWanted || wakeAt >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = wakeAt
    this.#timer = this.#clock.setTimer(Math.max(0, (wakeAt - this.#now()) / 1_000), () => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.#handle({ type: 'timer' })
    })
  }

  #disarmTimer(): void {
    this.#timer?.cancel()
    this.#timerAt = Number.POSITIVE_INFINITY
  }

  /** Somebody may come, or is there: that keeps the process alive. */
  get #isWanted(): boolean {
    return !this.#isClosed && (this.#onStream !== null || this.#machine.counts.connections > 0)
  }

  #holdProcess(): void {
    if (!this.#isClosed) this.#datagrams.hold(this.#isWanted)
  }

  #failCalls(): void {
    for (const [connection, call] of this.#calls) {
      call.settle(closedError())
      this.#handle({ type: 'reset', connection })
    }
  }

  /** A remote may have missed our last word: a port that is given back stays for that, but keeps no process alive. */
  #closeIfOver(): void {
    if (!this.#isEnding || this.#isClosed || this.#machine.counts.connections > 0) return
    const waitMs = (this.#machine.lingersUntil - this.#now()) / 1_000
    if (waitMs <= 0) return this.#close()
    clearTimeout(this.#lingerTimer)
    // Not the clock's: its timers keep the process alive, which is what this must not do.
    this.#lingerTimer = setTimeout(() => this.#closeIfOver(), Math.ceil(waitMs))
    this.#lingerTimer.unref()
    // For those who wait it is over: another socket may not take the port yet.
    this.#tellClosed()
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#disarmTimer()
    clearTimeout(this.#lingerTimer)
    void this.#datagrams.close().then(() => this.#tellClosed())
  }

  #warn(error: Error): void {
    try {
      this.#onWarning(error)
    } catch {
      // Who fails to hear a warning has nobody else to be told.
    }
  }
}

interface Call {
  readonly remote: Remote
  readonly settle: (error: Error | null) => void
}

function closedError(): UtpError {
  return new UtpError('ERR_UTP_CLOSED', 'this port was closed')
}
