// A byte stream over one WebSocket of a browser. Such a socket cannot be paused: what comes while nobody reads waits here,
// within a bound. Nor does it say when it has sent something: while more waits than should, its count is looked at again and
// again. It does not know who connected whom.

import type { ByteStream, Clock, Timer } from '@hearsay/core'
import { TransportError } from '../errors.js'
import { type BrowserSocket, OPEN } from './browser-socket.js'
import { GOODBYES, MAX_MESSAGE_BYTES, NORMAL_CLOSURE } from './protocol.js'

export interface BrowserStreamOptions {
  readonly clock: Clock
  /** Bytes that may have come and not been read. */
  readonly maxUnreadBytes: number
}

/** Beyond this the writer is made to wait, until a quarter is left. */
const HIGH_WATER_BYTES: number = 1024 * 1024
const LOW_WATER_BYTES: number = HIGH_WATER_BYTES / 4
/** Together with the bytes above, what limits the speed: some 75 MB/s. */
const LOOK_MS = 10
/** As long as the other side gives a goodbye. */
const GOODBYE_MS = 3_000
/** A browser cannot break a connection, only say that it did not end well: a code of the range that is free for this. */
const BROKEN = 4_000

type Listener = (...args: never[]) => void

export class BrowserStream implements ByteStream {
  readonly #socket: BrowserSocket
  readonly #options: BrowserStreamOptions
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #unread: Uint8Array[] = []
  #unreadBytes = 0
  /** Null before anybody asked for data. */
  #flowing: boolean | null = null
  #pumping = false
  #draining: Timer | null = null
  #goodbye: Timer | null = null
  /** Everything has come. */
  #ended = false
  #finished = false
  #destroyed = false

  constructor(socket: BrowserSocket, options: BrowserStreamOptions) {
    this.#socket = socket
    this.#options = options
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => this.#onMessage(data))
    socket.addEventListener('close', ({ code }) => this.#onClose(code))
    // It tells nothing, and 'close' follows; in Node, unheard it would be an error of the process.
    socket.addEventListener('error', () => {})
  }

  write(chunk: Uint8Array): boolean {
    // As with TCP, what is written after the remote's goodbye goes nowhere.
    if (this.#destroyed || this.#finished || this.#socket.readyState !== OPEN) return false
    for (let at = 0; at < chunk.byteLength; at += MAX_MESSAGE_BYTES) {
      this.#socket.send(chunk.subarray(at, at + MAX_MESSAGE_BYTES))
    }
    if (this.#draining === null && this.#socket.bufferedAmount <= HIGH_WATER_BYTES) return true
    this.#draining ??= this.#lookLater()
    return false
  }

  end(): this {
    if (this.#finished || this.#destroyed) return this
    this.#finished = true
    this.#socket.close(NORMAL_CLOSURE)
    this.#goodbye = this.#options.clock.setTimer(GOODBYE_MS, () => this.destroy())
    return this
  }

  destroy(error?: Error): this {
    if (this.#destroyed) return this
    this.#destroyed = true
    this.#draining?.cancel()
    this.#goodbye?.cancel()
    this.#unread.length = 0
    this.#unreadBytes = 0
    this.#socket.close(BROKEN)
    queueMicrotask(() => {
      if (error) this.#emit('error', error)
      this.#emit('close')
    })
    return this
  }

  pause(): this {
    this.#flowing = false
    return this
  }

  resume(): this {
    this.#flowing = true
    this.#pump()
    return this
  }

  on(event: string, listener: Listener): this {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners.add(listener))
    // Like Node's streams: asking for data starts the flow unless it was paused on purpose.
    if (event === 'data' && this.#flowing === null) this.resume()
    return this
  }

  removeListener(event: string, listener: Listener): this {
    this.#listeners.get(event)?.delete(listener)
    return this
  }

  #onMessage(data: unknown): void {
    if (this.#destroyed) return
    if (typeof data === 'string') return void this.destroy(new Error('the remote sent text'))
    const bytes = new Uint8Array(data as ArrayBuffer)
    // It is in memory already, but what sends such messages is none of ours.
    if (bytes.byteLength > MAX_MESSAGE_BYTES) return this.#overflow(`a message of ${bytes.byteLength} bytes`)
    if (bytes.byteLength === 0) return
    this.#unread.push(bytes)
    this.#unreadBytes += bytes.byteLength
    const { maxUnreadBytes } = this.#options
    if (this.#unreadBytes > maxUnreadBytes) return this.#overflow(`more than ${maxUnreadBytes} bytes are unread`)
    this.#pump()
  }

  #overflow(message: string): void {
    this.destroy(new TransportError('ERR_OVERFLOW', message))
  }

  /** After a goodbye everything has come; without one the connection broke. */
  #onClose(code: number): void {
    this.#goodbye?.cancel()
    this.#draining?.cancel()
    if (this.#destroyed) return
    if (!GOODBYES.has(code)) return void this.destroy(new Error(`the connection broke (${code})`))
    this.#ended = true
    this.#pump()
  }

  /** In a turn of its own, so that whoever asks for data has it after the call. */
  #pump(): void {
    if (this.#pumping || !this.#flowing || this.#destroyed) return
    this.#pumping = true
    queueMicrotask(() => {
      this.#pumping = false
      this.#deliver()
    })
  }

  /** Stops as soon as a listener pauses. */
  #deliver(): void {
    while (this.#flowing && !this.#destroyed) {
      const chunk = this.#unread.shift()
      if (!chunk) break
      this.#unreadBytes -= chunk.byteLength
      this.#emit('data', chunk)
    }
    if (!this.#ended || !this.#flowing || this.#destroyed) return
    this.#emit('end')
    this.destroy()
  }

  #lookLater(): Timer {
    return this.#options.clock.setTimer(LOOK_MS, () => {
      const waits = this.#socket.bufferedAmount > LOW_WATER_BYTES
      this.#draining = waits ? this.#lookLater() : null
      if (!waits && !this.#destroyed && !this.#finished) this.#emit('drain')
    })
  }

  #emit(event: string, ...args: unknown[]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) (listener as (...args: unknown[]) => void)(...args)
  }
}
