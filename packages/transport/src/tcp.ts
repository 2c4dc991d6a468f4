// Byte streams over TCP. This file knows sockets; it does not know who may connect, how often, or what is said.

import { connect, createServer, type Server, type Socket } from 'node:net'
import {
  type Address,
  type ByteStream,
  type Clock,
  hostAddress,
  type IncomingStream,
  type Listener,
  type ListenOptions,
  printAddress,
  systemClock,
  type Timer,
  type Transport,
} from '@hearsay/core'
import { bindServer } from './bind.js'
import { watchDescriptors } from './descriptors.js'
import { TransportError } from './errors.js'
import { dialableAddresses, plainHost } from './interfaces.js'

export interface TcpOptions {
  /** Connections that the system may queue for us to accept. @default 128 */
  readonly backlog?: number
  /** @default systemClock() */
  readonly clock?: Clock
}

const BACKLOG = 128

/** A transport of scheme `tcp`, for IPv4, IPv6 and host names. */
export function tcp(options: TcpOptions = {}): Transport {
  return new TcpTransport(options)
}

class TcpTransport implements Transport {
  readonly scheme = 'tcp'
  readonly capabilities = { listen: true, authenticated: false, responderSpeaksFirst: true } as const
  readonly #backlog: number
  readonly #clock: Clock
  /** With what watches over each. */
  readonly #servers = new Map<Server, Timer>()
  /** Aborts what is being dialled when the transport closes. */
  readonly #closing = new AbortController()

  constructor({ backlog = BACKLOG, clock = systemClock() }: TcpOptions) {
    this.#backlog = backlog
    this.#clock = clock
  }

  async listen(options: ListenOptions, onStream: (incoming: IncomingStream) => void): Promise<Listener> {
    this.#checkOpen()
    const server = createServer({ noDelay: true }, (socket) => accept(socket, onStream))
    const bound = await bindServer(server, { ...options, backlog: this.#backlog })
    if (this.#closing.signal.aborted) server.close()
    this.#checkOpen()
    this.#servers.set(server, watchDescriptors({ clock: this.#clock, onWarning: options.onWarning }))
    const close = async (): Promise<void> => this.#end(server)
    return { addresses: dialableAddresses(this.scheme, bound), close }
  }

  async dial(address: Address, { signal }: { readonly signal?: AbortSignal } = {}): Promise<ByteStream> {
    this.#checkOpen()
    if (signal?.aborted) throw aborted(signal)
    if (address.scheme !== this.scheme) throw new TransportError('ERR_DIAL', `${printAddress(address)} is not TCP`)
    const socket = connect({ host: address.host, port: address.port, noDelay: true })
    try {
      await connected(socket, signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal)
      return socket
    } catch (cause) {
      socket.destroy()
      this.#checkOpen()
      if (signal?.aborted) throw aborted(signal)
      throw new TransportError('ERR_DIAL', `nobody could be reached at ${printAddress(address)}`, { cause })
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    for (const server of [...this.#servers.keys()]) this.#end(server)
  }

  #end(server: Server): void {
    this.#servers.get(server)?.cancel()
    if (this.#servers.delete(server)) server.close()
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw new TransportError('ERR_CLOSED', 'the transport is closed')
  }
}

/** Every error of a socket also ends it, which its owner hears as 'close'; unheard it would end the process. */
function ignoreErrors(socket: Socket): void {
  socket.on('error', () => {})
}

function accept(socket: Socket, onStream: (incoming: IncomingStream) => void): void {
  ignoreErrors(socket)
  const { remoteAddress, remotePort } = socket
  // A socket that was reset before we looked no longer knows where it came from.
  if (!remoteAddress || !remotePort) return void socket.destroy()
  onStream({ stream: socket, address: hostAddress('tcp', plainHost(remoteAddress), remotePort) })
}

function connected(socket: Socket, signal: AbortSignal): Promise<void> {
  ignoreErrors(socket)
  return new Promise((resolve, reject) => {
    const onAbort = (): void => settle(() => reject(signal.reason))
    const onError = (error: Error): void => settle(() => reject(error))
    const settle = (then: () => void): void => {
      signal.removeEventListener('abort', onAbort)
      socket.removeListener('error', onError)
      then()
    }
    signal.addEventListener('abort', onAbort)
    socket.once('error', onError)
    socket.once('connect', () => settle(resolve))
  })
}

function aborted(signal: AbortSignal): TransportError {
  return new TransportError('ERR_ABORTED', 'dialling was aborted', { cause: signal.reason })
}
