// The WebSocket transport as browsers can have it: it dials with the browser's own WebSocket and cannot listen. Bundlers take
// this file for `@hearsay/transport/ws` by the `browser` condition; nothing that it imports needs Node. How bytes flow stands
// in ws/browser-stream.ts.

import {
  type Address,
  type ByteStream,
  type Clock,
  type Listener,
  systemClock,
  type Transport,
  type TransportCapabilities,
} from '@hearsay/core'
import { cannotListen } from './bind.js'
import { createBrowserSocket } from './ws/browser-socket.js'
import { BrowserStream } from './ws/browser-stream.js'
import { Dialler, HANDSHAKE_TIMEOUT_MS } from './ws/dialler.js'
import { MAX_MESSAGE_BYTES } from './ws/protocol.js'
import type { WebSocketOptions } from './ws.js'

export type { WebSocketOptions } from './ws.js'

const MAX_UNREAD_BYTES: number = 4 * 1024 * 1024

/**
 * A transport of scheme `ws` or `wss`, for dialling alone. A page that came over HTTPS may dial `wss` only.
 *
 * @example const link = await secureLink(await websocket({ scheme: 'wss' }).dial(address), { identity, initiator: true })
 */
export function websocket(options: WebSocketOptions = {}): Transport {
  return new BrowserTransport(options)
}

class BrowserTransport implements Transport {
  readonly scheme: 'ws' | 'wss'
  readonly capabilities: TransportCapabilities = { listen: false, authenticated: false, responderSpeaksFirst: true }
  readonly #clock: Clock
  readonly #maxUnreadBytes: number
  readonly #dialler: Dialler

  constructor(options: WebSocketOptions) {
    const { scheme = 'ws', clock = systemClock(), handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS } = options
    this.scheme = scheme
    this.#clock = clock
    this.#maxUnreadBytes = options.maxUnreadBytes ?? MAX_UNREAD_BYTES
    if (!(this.#maxUnreadBytes >= MAX_MESSAGE_BYTES)) throw new TypeError('less unread than one message may have')
    const open = (url: string, onOpen: () => void): ByteStream => this.#open(url, onOpen)
    this.#dialler = new Dialler({ scheme, clock, timeoutMs: handshakeTimeoutMs, open })
  }

  async listen(): Promise<Listener> {
    this.#dialler.checkOpen()
    throw cannotListen(new Error('a browser only dials'))
  }

  dial(address: Address, options: { readonly signal?: AbortSignal } = {}): Promise<ByteStream> {
    return this.#dialler.dial(address, options)
  }

  async close(): Promise<void> {
    this.#dialler.close()
  }

  #open(url: string, onOpen: () => void): BrowserStream {
    const socket = createBrowserSocket(url)
    const stream = new BrowserStream(socket, { clock: this.#clock, maxUnreadBytes: this.#maxUnreadBytes })
    socket.addEventListener('open', onOpen)
    return stream
  }
}
