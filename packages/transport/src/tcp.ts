// Byte streams over TCP. This file knows sockets; it does not know who may connect, how often, or what is said.

import { connect, createServer, type Server, type Socket } from 'node:net'
import {
  type Address,
  type ByteStream,
  hasCode,
  hostAddress,
  type IncomingStream,
  type Listener,
  type ListenOptions,
  printAddress,
  type Transport,
} from '@hearsay/core'
import { TransportError } from './errors.js'
import { dialableAddresses, plainHost } from './interfaces.js'

export interface TcpOptions {
  /** Connections that the system may queue for us to accept. @default 128 */
  readonly backlog?: number
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
  readonly #servers = new Set<Server>()
  /** Aborts what is being dialled when the transport closes. */
  readonly #closing = new AbortController()

  constructor({ backlog = BACKLOG }: TcpOptions) {
    this.#backlog = backlog
  }

  async listen({ host, port = 0 }: ListenOptions, onStream: (incoming: IncomingStream) => void): Promise<Listener> {
    this.#checkOpen()
    const server = createServer({ noDelay: true }, (socket) => accept(socket, onStream))
    const bound = await this.#bind(server, host, port)
    if (this.#closing.signal.aborted) server.close()
    this.#checkOpen()
    this.#servers.add(server)
    const close = async (): Promise<void> => {
      if (this.#servers.delete(server)) server.close()
    }
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
    for (const server of this.#servers) server.close()
    this.#servers.clear()
  }

  /** All interfaces of both families if no host is given; IPv4 alone where the machine has no IPv6. */
  async #bind(server: Server, host: string | undefined, port: number): Promise<{ host: string; port: number }> {
    try {
      return await bind(server, { host: host ?? '::', port, backlog: this.#backlog })
    } catch (error) {
      if (host !== undefined || !hasCode(error, 'EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL')) throw cannotListen(error)
    }
    try {
      return await bind(server, { host: '0.0.0.0', port, backlog: this.#backlog })
    } catch (error) {
      throw cannotListen(error)
    }
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

function bind(
  server: Server,
  where: { readonly host: string; readonly port: number; readonly backlog: number },
): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...where, ipv6Only: false }, () => {
      server.removeListener('error', reject)
      // Later ones are about single connections that could not be accepted: there is nobody to tell.
      server.on('error', () => {})
      const bound = server.address()
      resolve({ host: where.host, port: typeof bound === 'object' && bound ? bound.port : where.port })
    })
  })
}

function cannotListen(cause: unknown): TransportError {
  return new TransportError('ERR_LISTEN', `cannot listen: ${cause instanceof Error ? cause.message : cause}`, {
    cause,
    remedy: 'Choose another port, or 0 to let the system choose.',
  })
}

function aborted(signal: AbortSignal): TransportError {
  return new TransportError('ERR_ABORTED', 'dialling was aborted', { cause: signal.reason })
}
