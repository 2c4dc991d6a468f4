// One channel of somebody's Protomux as a stream of messages. The stream below belongs to others: their channels go on
// beside ours, and nothing that ends here ends it. What the messages mean is not known here, and nothing that comes in them
// reaches their Protomux: it sees bytes.

import { CoreError, type Random, sodiumCrypto } from '@hearsay/core'
import type { DhtStream } from '../hyperdht/library.js'
import type { AuthenticatedStream } from '../pool/authenticated.js'
import { bodies, type Multiplexer } from './library.js'

/** The channel that carries a link; its one kind of message is a message of the link. */
export const CARRIER_PROTOCOL = 'hearsay/carrier/1'
/**
 * What may come while nobody reads. The shared stream is not made to wait: that would stop the others, and the sockets of
 * HyperDHT receive all the same.
 */
const MAX_WAITING_BYTES = 8 * 1024 * 1024
/** What a message costs beside its bytes, so that empty ones are not free. */
const MESSAGE_COST_BYTES = 64

const NONCE_BYTES = 32

type Handler = (value?: unknown) => void

/** A stream of others, and which side dialled it. */
export interface SharedStream extends DhtStream {
  readonly isInitiator: boolean
}

export interface CarrierOptions {
  readonly mux: Multiplexer
  readonly random: Random
  readonly onCarrier: (carrier: Carrier) => void
}

export class Carrier implements AuthenticatedStream {
  readonly remotePublicKey: Uint8Array | null
  /** Of the shared stream and of both offers, so that a second link over one stream has another. */
  readonly handshakeHash: Uint8Array
  readonly #shared: SharedStream
  readonly #handlers = new Map<string, Set<Handler>>()
  readonly #send: (message: Uint8Array) => boolean
  readonly #leave: () => void
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  /** As with other streams: nothing is lost before somebody reads. */
  #flow: 'unread' | 'paused' | 'flowing' = 'unread'
  #closed = false

  /**
   * Offers the channel, and gives the carrier once the remote has opened it too. Nothing comes of it where the remote does
   * not know the channel, the stream is gone, or it carries a link already.
   */
  static offer(shared: SharedStream, { mux, random, onCarrier }: CarrierOptions): void {
    const nonce = random.bytes(NONCE_BYTES)
    let carrier: Carrier | null = null
    const tell = (what: (to: Carrier) => void): void => {
      if (carrier) what(carrier)
    }
    const channel = mux.createChannel<Uint8Array>({
      protocol: CARRIER_PROTOCOL,
      handshake: bodies,
      onopen(remoteNonce) {
        if (remoteNonce.byteLength !== NONCE_BYTES || !shared.handshakeHash) return channel?.close()
        const nonces = shared.isInitiator ? [nonce, remoteNonce] : [remoteNonce, nonce]
        const send = (message: Uint8Array): boolean => messages?.send(message) ?? false
        const hash = sodiumCrypto().hash([new TextEncoder().encode(CARRIER_PROTOCOL), shared.handshakeHash, ...nonces])
        carrier = new Carrier(shared, { hash, send, leave: () => channel?.close() })
        onCarrier(carrier)
      },
      onclose: () => tell((to) => to.#onClose()),
      ondrain: () => tell((to) => to.#emit('drain')),
    })
    const onmessage = (message: Uint8Array): void => tell((to) => to.#onMessage(message))
    const messages = channel?.addMessage({ encoding: bodies, onmessage })
    channel?.open(nonce)
  }

  private constructor(shared: SharedStream, channel: { hash: Uint8Array; send: Carrier['write']; leave: () => void }) {
    this.#shared = shared
    this.remotePublicKey = shared.remotePublicKey
    this.handshakeHash = channel.hash
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
    this.#flow = 'paused'
  }

  resume(): void {
    this.#flow = 'flowing'
    this.#flush()
  }

  on(event: string, handler: (...args: never[]) => void): this {
    const handlers = this.#handlers.get(event) ?? new Set()
    this.#handlers.set(event, handlers.add(handler as Handler))
    if (event === 'data' && this.#flow === 'unread') this.resume()
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
    if (this.#waitingBytes <= MAX_WAITING_BYTES) return
    this.#emit('error', new CoreError('ERR_PROTOCOL', `more than ${MAX_WAITING_BYTES} bytes came that nobody reads`))
    this.destroy()
  }

  #flush(): void {
    while (this.#flow === 'flowing' && this.#waiting.length > 0) {
      const message = this.#waiting.shift() as Uint8Array
      this.#waitingBytes -= message.byteLength + MESSAGE_COST_BYTES
      this.#emit('data', message)
    }
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
