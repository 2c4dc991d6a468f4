// Byte streams over WebSocket (RFC 6455), which passes where only HTTP does and into browsers. This file knows dialling
// and listening; what a server does with strangers stands in ws/server.ts, how bytes flow in ws/stream.ts.

import {
  type Address,
  type ByteStream,
  type Clock,
  type IncomingStream,
  type Listener,
  type ListenOptions,
  printAddress,
  systemClock,
  type Transport,
  type TransportCapabilities,
} from '@hearsay/core'
import { WebSocket } from 'ws'
import { cannotListen } from './bind.js'
import { TransportError } from './errors.js'
import { UpgradeServer } from './ws/server.js'
import { WEBSOCKET_OPTIONS, WebSocketStream } from './ws/stream.js'

export interface WebSocketOptions {
  /**
   * `wss` dials over TLS and cannot listen: for that, put a server that ends TLS in front of a `ws` listener.
   * @default 'ws'
   */
  readonly scheme?: 'ws' | 'wss'
  /** The one path that a listener answers for; others get 404. @default '/' */
  readonly path?: string
  /** Milliseconds that a remote has for the HTTP upgrade, dialled or accepted. @default 3_000 */
  readonly handshakeTimeoutMs?: number
  /** Connections that the system may queue for us to accept. @default 128 */
  readonly backlog?: number
  /** Certificates, as PEM, of those that vouch for a `wss` server. @default those of the system */
  readonly ca?: string
  /** @default systemClock() */
  readonly clock?: Clock
}

const HANDSHAKE_TIMEOUT_MS = 3_000
const BACKLOG = 128
/** Bytes of a server's answer to the upgrade. */
const MAX_HEADER_BYTES = 4_096

/** A transport of scheme `ws` or `wss`. The path of an address is dialled as it stands. */
export function websocket(options: WebSocketOptions = {}): Transport {
  return new WebSocketTransport(options)
}

class WebSocketTransport implements Transport {
  readonly scheme: 'ws' | 'wss'
  readonly capabilities: TransportCapabilities
  readonly #options: WebSocketOptions
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #servers = new Set<UpgradeServer>()
  /** Aborts what is being dialled when the transport closes. */
  readonly #closing = new AbortController()

  constructor(options: WebSocketOptions) {
    const { scheme = 'ws', path = '/', clock = systemClock(), handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS } = options
    if (!/^\/[!-~]*$/.test(path)) throw new TypeError(`a path begins with /, unlike ${JSON.stringify(path)}`)
    this.scheme = scheme
    this.capabilities = { listen: scheme === 'ws', authenticated: false, responderSpeaksFirst: true }
    this.#options = options
    this.#clock = clock
    this.#timeoutMs = handshakeTimeoutMs
  }

  async listen(where: ListenOptions, onStream: (incoming: IncomingStream) => void): Promise<Listener> {
    this.#checkOpen()
    if (!this.capabilities.listen) throw cannotListen(new Error('wss only dials'))
    const { path = '/', backlog = BACKLOG } = this.#options
    const server = new UpgradeServer({ path, clock: this.#clock, timeoutMs: this.#timeoutMs, onStream })
    const addresses = await server.bind({ ...where, backlog })
    if (this.#closing.signal.aborted) server.close()
    this.#checkOpen()
    this.#servers.add(server)
    const close = async (): Promise<void> => {
      if (this.#servers.delete(server)) server.close()
    }
    return { addresses, close }
  }

  async dial(address: Address, { signal }: { readonly signal?: AbortSignal } = {}): Promise<ByteStream> {
    this.#checkOpen()
    if (signal?.aborted) throw aborted(signal)
    if (address.scheme !== this.scheme) {
      throw new TransportError('ERR_DIAL', `${printAddress(address)} is not ${this.scheme}://`)
    }
    const ended = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal
    try {
      return await this.#open(address, ended)
    } catch (cause) {
      this.#checkOpen()
      if (signal?.aborted) throw aborted(signal)
      throw new TransportError('ERR_DIAL', `no WebSocket could be opened at ${printAddress(address)}`, { cause })
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    for (const server of this.#servers) server.close()
    this.#servers.clear()
  }

  #open(address: Address, signal: AbortSignal): Promise<WebSocketStream> {
    const { ca } = this.#options
    const limits = { ...WEBSOCKET_OPTIONS, followRedirects: false, maxHeaderSize: MAX_HEADER_BYTES }
    const socket = new WebSocket(printAddress({ ...address, peer: null }), {
      ...limits,
      ...(ca !== undefined && { ca }),
    })
    const stream = new WebSocketStream(() => socket.terminate())
    stream.attach(socket)
    return new Promise((resolve, reject) => {
      const settle = (then: () => void): void => {
        timer.cancel()
        signal.removeEventListener('abort', onAbort)
        then()
      }
      const fail = (reason: unknown): void => {
        settle(() => reject(reason))
        stream.destroy()
      }
      const onAbort = (): void => fail(signal.reason)
      const timer = this.#clock.setTimer(this.#timeoutMs, () => fail(new Error('the upgrade was not answered in time')))
      signal.addEventListener('abort', onAbort)
      stream.once('close', () => fail(stream.errored ?? new Error('the connection ended during the upgrade')))
      socket.once('open', () => settle(() => resolve(stream)))
    })
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw new TransportError('ERR_CLOSED', 'the transport is closed')
  }
}

function aborted(signal: AbortSignal): TransportError {
  return new TransportError('ERR_ABORTED', 'dialling was aborted', { cause: signal.reason })
}
