// Byte streams over WebSocket (RFC 6455), which passes where only HTTP does and into browsers. This file knows dialling
// and listening; what a server does with strangers stands in ws/server.ts, how bytes flow in ws/stream.ts. A bundle for
// browsers gets ws-browser.ts instead, which only dials.

import {
  type Address,
  type ByteStream,
  type Clock,
  type IncomingStream,
  type Listener,
  type ListenOptions,
  systemClock,
  type Transport,
  type TransportCapabilities,
} from '@hearsay/core'
import { WebSocket } from 'ws'
import { cannotListen } from './bind.js'
import { Dialler, HANDSHAKE_TIMEOUT_MS } from './ws/dialler.js'
import { UpgradeServer } from './ws/server.js'
import { WEBSOCKET_OPTIONS, WebSocketStream } from './ws/stream.js'

export interface WebSocketOptions {
  /**
   * `wss` dials over TLS and cannot listen: for that, put a server that ends TLS in front of a `ws` listener.
   * @default 'ws'
   */
  readonly scheme?: 'ws' | 'wss'
  /** Accept connections. @default true for `ws` */
  readonly listen?: boolean
  /** The port to accept them on, since TCP takes the one that a pool is told. @default the pool's */
  readonly port?: number
  /** The one path that a listener answers for; others get 404. Not used in browsers. @default '/' */
  readonly path?: string
  /** Milliseconds that a remote has for the HTTP upgrade, dialled or accepted. @default 3_000 */
  readonly handshakeTimeoutMs?: number
  /** Connections that the system may queue for us to accept. Not used in browsers. @default 128 */
  readonly backlog?: number
  /** Certificates, as PEM, of those that vouch for a `wss` server. Not used in browsers. @default those of the system */
  readonly ca?: string
  /**
   * In browsers, where nothing makes a remote wait: bytes that may have come and not been read, beyond which the stream ends
   * with `ERR_OVERFLOW`; at least 65_536. @default 4_194_304
   */
  readonly maxUnreadBytes?: number
  /** @default systemClock() */
  readonly clock?: Clock
}

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
  readonly #dialler: Dialler

  constructor(options: WebSocketOptions) {
    const { scheme = 'ws', path = '/', clock = systemClock(), handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS } = options
    if (!/^\/[!-~]*$/.test(path)) throw new TypeError(`a path begins with /, unlike ${JSON.stringify(path)}`)
    this.scheme = scheme
    this.capabilities = {
      listen: scheme === 'ws' && options.listen !== false,
      authenticated: false,
      responderSpeaksFirst: true,
    }
    this.#options = options
    this.#clock = clock
    this.#timeoutMs = handshakeTimeoutMs
    const open = (url: string, onOpen: () => void): ByteStream => this.#open(url, onOpen)
    this.#dialler = new Dialler({ scheme, clock, timeoutMs: handshakeTimeoutMs, open })
  }

  async listen(where: ListenOptions, onStream: (incoming: IncomingStream) => void): Promise<Listener> {
    this.#dialler.checkOpen()
    if (!this.capabilities.listen) throw cannotListen(new Error('wss only dials'))
    const { path = '/', backlog = BACKLOG, port = where.port } = this.#options
    const server = new UpgradeServer({ path, clock: this.#clock, timeoutMs: this.#timeoutMs, onStream })
    const addresses = await server.bind({ ...where, backlog, ...(port !== undefined && { port }) })
    if (this.#dialler.closed) server.close()
    this.#dialler.checkOpen()
    this.#servers.add(server)
    const close = async (): Promise<void> => {
      if (this.#servers.delete(server)) server.close()
    }
    return { addresses, close }
  }

  dial(address: Address, options: { readonly signal?: AbortSignal } = {}): Promise<ByteStream> {
    return this.#dialler.dial(address, options)
  }

  async close(): Promise<void> {
    this.#dialler.close()
    for (const server of this.#servers) server.close()
    this.#servers.clear()
  }

  #open(url: string, onOpen: () => void): WebSocketStream {
    const { ca } = this.#options
    const limits = { ...WEBSOCKET_OPTIONS, followRedirects: false, maxHeaderSize: MAX_HEADER_BYTES }
    const socket = new WebSocket(url, { ...limits, ...(ca !== undefined && { ca }) })
    const stream = new WebSocketStream(() => socket.terminate())
    stream.attach(socket)
    socket.once('open', onOpen)
    return stream
  }
}
