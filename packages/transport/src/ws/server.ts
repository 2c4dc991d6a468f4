// An HTTP server that does nothing but upgrade to WebSocket. Each connection is a stream from its first byte, so that
// whoever limits strangers counts those who have not upgraded too. It does not know what is said on a stream.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import {
  type Address,
  type Clock,
  hostAddress,
  type IncomingStream,
  type ListenOptions,
  type Timer,
} from '@hearsay/core'
import { WebSocketServer } from 'ws'
import { bindServer } from '../bind.js'
import { watchDescriptors } from '../descriptors.js'
import { dialableAddresses, plainHost } from '../interfaces.js'
import { WEBSOCKET_OPTIONS, WebSocketStream } from './stream.js'

export interface UpgradeServerOptions {
  readonly path: string
  readonly clock: Clock
  /** Milliseconds that a remote has for the upgrade. */
  readonly timeoutMs: number
  readonly onStream: (incoming: IncomingStream) => void
}

/** A connection that has not upgraded. */
interface Guest {
  readonly stream: WebSocketStream
  readonly timer: Timer
}

/** Bytes of a request's head; a browser's has about 1,500. */
const MAX_HEADER_BYTES = 8_192
const MAX_HEADERS = 64

export class UpgradeServer {
  readonly #options: UpgradeServerOptions
  readonly #http: Server
  readonly #upgrader: WebSocketServer
  readonly #guests = new Map<Socket, Guest>()
  #watch: Timer | null = null

  constructor(options: UpgradeServerOptions) {
    this.#options = options
    this.#http = createServer({ maxHeaderSize: MAX_HEADER_BYTES, noDelay: true }, refuse)
    this.#http.maxHeadersCount = MAX_HEADERS
    this.#upgrader = new WebSocketServer({ ...WEBSOCKET_OPTIONS, noServer: true, clientTracking: false })
    this.#http.on('connection', (socket) => this.#onConnection(socket))
    this.#http.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket as Socket, head))
    // What is no HTTP gets no answer.
    this.#http.on('clientError', (_error, socket) => void socket.destroy())
  }

  /** Where it can be dialled. Rejects with `ERR_LISTEN`. */
  async bind(where: ListenOptions & { readonly backlog: number }): Promise<readonly Address[]> {
    const bound = await bindServer(this.#http, where)
    const { path, clock } = this.#options
    this.#watch = watchDescriptors({ clock, onWarning: where.onWarning })
    return dialableAddresses('ws', bound).map((address) => ({ ...address, path }))
  }

  /** Stops accepting and drops who has not upgraded; streams live on. */
  close(): void {
    this.#http.close()
    this.#watch?.cancel()
    for (const socket of [...this.#guests.keys()]) this.#dismiss(socket)
  }

  #onConnection(socket: Socket): void {
    // Every error of a socket also ends it; unheard it would end the process.
    socket.on('error', () => {})
    const { remoteAddress, remotePort } = socket
    // A socket that was reset before we looked no longer knows where it came from.
    if (!remoteAddress || !remotePort) return void socket.destroy()
    const { clock, timeoutMs, onStream } = this.#options
    const stream = new WebSocketStream(() => socket.destroy())
    const timer = clock.setTimer(timeoutMs, () => this.#dismiss(socket))
    this.#guests.set(socket, { stream, timer })
    socket.once('close', () => this.#dismiss(socket))
    onStream({ stream, address: hostAddress('ws', plainHost(remoteAddress), remotePort) })
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const guest = this.#guests.get(socket)
    if (!guest || guest.stream.destroyed) return void socket.destroy()
    if (pathOf(request) !== this.#options.path) {
      socket.once('finish', () => socket.destroy())
      return void socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    }
    this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      guest.timer.cancel()
      this.#guests.delete(socket)
      guest.stream.attach(webSocket)
    })
  }

  /** Ends what has not upgraded. */
  #dismiss(socket: Socket): void {
    const guest = this.#guests.get(socket)
    guest?.timer.cancel()
    guest?.stream.destroy()
    this.#guests.delete(socket)
  }
}

/** A plain request is told what is spoken here. */
function refuse(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { Connection: 'close', Upgrade: 'websocket', 'Content-Length': 0 })
  response.end()
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? ''
}
