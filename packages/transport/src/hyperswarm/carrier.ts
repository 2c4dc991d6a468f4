// One channel of somebody's Protomux as a stream of messages. The stream below belongs to others: their channels go on
// beside ours, and nothing that ends here ends it. What the messages mean is not known here, and nothing that comes in them
// reaches their Protomux: it sees bytes.

import type { DhtStream } from '../hyperdht/library.js'
import type { AuthenticatedStream } from '../pool/authenticated.js'
import { bodies, type Multiplexer } from './library.js'

/** The channel that carries a link; its one kind of message is a message of the link. */
export const CARRIER_PROTOCOL = 'hearsay/carrier/1'
/** What may come while a reader waits; beyond it the shared stream waits too, and with it the other channels. */
const MAX_WAITING_BYTES = 1024 * 1024
/** What a message costs beside its bytes, so that empty ones are not free. */
const MESSAGE_COST_BYTES = 64

type Handler = (value?: unknown) => void

export class Carrier implements AuthenticatedStream {
  readonly remotePublicKey: Uint8Array | null
  readonly handshakeHash: Uint8Array | null
  readonly #shared: DhtStream
  readonly #handlers = new Map<string, Set<Handler>>()
  readonly #send: (message: Uint8Array) => boolean
  readonly #leave: () => void
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #paused = false
  #stopped = false
  #closed = false

  /** Null if the stream is gone or carries a link already. */
  static over(shared: DhtStream, mux: Multiplexer): Carrier | null {
    let carrier: Carrier | null = null
    const tell = (what: (to: Carrier) => void): void => {
      if (carrier) what(carrier)
    }
    const channel = mux.createChannel({
      protocol: CARRIER_PROTOCOL,
      onclose: () => tell((to) => to.#onClose()),
      ondrain: () => tell((to) => to.#emit('drain')),
    })
    if (!channel) return null
    const onmessage = (message: Uint8Array): void => tell((to) => to.#onMessage(message))
    const messages = channel.addMessage({ encoding: bodies, onmessage })
    carrier = new Carrier(shared, { send: (message) => messages.send(message), leave: () => channel.close() })
    channel.open()
    return carrier
  }

  private constructor(shared: DhtStream, channel: { send: (message: Uint8Array) => boolean; leave: () => void }) {
    this.#shared = shared
    this.remotePublicKey = shared.remotePublicKey
    this.handshakeHash = shared.handshakeHash
    this.#send = channel.send
    this.#leave = channel.leave
    shared.on('error', this.#onError)
  }

  write(message: Uint8Array): boolean {
    return this.#closed ? false : this.#send(message)
  }

  /** There is no half of a channel: what was written goes out, and nothing more comes. */
  end(): void {
    this.destroy()
  }

  destroy(): void {
    if (this.#closed) return
    this.#leave()
    this.#onClose()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#flush()
  }

  on(event: string, handler: (...args: never[]) => void): this {
    const handlers = this.#handlers.get(event) ?? new Set()
    this.#handlers.set(event, handlers.add(handler as Handler))
    return this
  }

  removeListener(event: string, handler: (...args: never[]) => void): this {
    this.#handlers.get(event)?.delete(handler as Handler)
    return this
  }

  #onMessage(message: Uint8Array): void {
    if (this.#closed) return
    this.#waiting.push(message)
    this.#waitingBytes += message.byteLength + MESSAGE_COST_BYTES
    this.#flush()
    if (this.#waitingBytes <= MAX_WAITING_BYTES || this.#stopped) return
    this.#stopped = true
    this.#shared.pause()
  }

  #flush(): void {
    while (!this.#paused && this.#waiting.length > 0) {
      const message = this.#waiting.shift() as Uint8Array
      this.#waitingBytes -= message.byteLength + MESSAGE_COST_BYTES
      this.#emit('data', message)
    }
    if (this.#waitingBytes <= MAX_WAITING_BYTES) this.#letGo()
  }

  /** The others' channels go on. */
  #letGo(): void {
    if (!this.#stopped) return
    this.#stopped = false
    this.#shared.resume()
  }

  readonly #onError = (error: Error): void => this.#emit('error', error)

  /** Told in a turn of its own: whoever ended it may be in the middle of something. */
  #onClose(): void {
    if (this.#closed) return
    this.#closed = true
    queueMicrotask(() => {
      // What came before the end is read first, whoever is waiting.
      this.resume()
      this.#waiting = []
      this.#waitingBytes = 0
      this.#letGo()
      this.#shared.removeListener('error', this.#onError)
      this.#emit('end')
      this.#emit('close')
      this.#handlers.clear()
    })
  }

  #emit(event: string, value?: unknown): void {
    for (const handler of [...(this.#handlers.get(event) ?? [])]) handler(value)
  }
}
