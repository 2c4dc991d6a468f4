// Byte streams over uTP (BEP 29): reliable streams over UDP that give way to other traffic. This file knows addresses and
// ports; what uTP is, `utp/port.ts` and its neighbours know. The side that dials has to speak first.

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import {
  type Address,
  type ByteStream,
  type Clock,
  hostAddress,
  type IncomingStream,
  type Listener,
  type ListenOptions,
  printAddress,
  type Random,
  type Transport,
} from '@hearsay/core'
import { cannotListen } from './bind.js'
import { TransportError } from './errors.js'
import { dialableAddresses } from './interfaces.js'
import type { UtpLimits } from './utp/options.js'
import { UtpSocket } from './utp/socket.js'

export { UtpError, type UtpErrorCode } from './utp/errors.js'
export { DEFAULT_UTP_LIMITS, type UtpLimits } from './utp/options.js'
export { UtpSocket, type UtpSocketOptions } from './utp/socket.js'
export { UtpStream, type UtpStreamOptions } from './utp/stream.js'

export interface UtpOptions {
  readonly limits?: Partial<UtpLimits>
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default systemRandom() */
  readonly random?: Random
}

/** A transport of scheme `utp`, for IPv4, IPv6 and host names; it listens on one UDP port for many streams. */
export function utp(options: UtpOptions = {}): Transport {
  return new UtpTransport(options)
}

class UtpTransport implements Transport {
  readonly scheme = 'utp'
  readonly capabilities = { listen: true, authenticated: false, responderSpeaksFirst: false } as const
  readonly #options: UtpOptions
  /** With the hosts that were asked for. */
  readonly #listening = new Map<UtpSocket, string | undefined>()
  /** No longer listening, but maybe not over yet; with the same. */
  readonly #ending = new Map<UtpSocket, string | undefined>()
  /** For dials that no listening port can make, by the address that they are bound to. */
  readonly #dialling = new Map<string, Promise<UtpSocket>>()
  /** Aborts what is being dialled when the transport closes. */
  readonly #closing = new AbortController()

  constructor(options: UtpOptions) {
    this.#options = options
  }

  async listen(
    { host, port = 0, onWarning }: ListenOptions,
    onStream: (incoming: IncomingStream) => void,
  ): Promise<Listener> {
    this.#checkOpen()
    const local = host === undefined ? undefined : await this.#resolve(host)
    const socket = this.#reclaim(local, port) ?? (await this.#bind({ host: local, port, onWarning }))
    if (this.#closing.signal.aborted) await socket.close()
    this.#checkOpen()
    this.#listening.set(socket, local)
    socket.accept((stream) => {
      onStream({ stream, address: hostAddress('utp', stream.remote.host, stream.remote.port) })
    })
    const close = async (): Promise<void> => this.#end(socket)
    return { addresses: dialableAddresses(this.scheme, socket.address), close }
  }

  async dial(address: Address, { signal }: { readonly signal?: AbortSignal } = {}): Promise<ByteStream> {
    this.#checkOpen()
    if (signal?.aborted) throw aborted(signal)
    if (address.scheme !== this.scheme) throw new TransportError('ERR_DIAL', `${printAddress(address)} is not uTP`)
    const either = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal
    try {
      const host = await orAborted(this.#resolve(address.host), either)
      const socket = await orAborted(this.#socketFor(host), either)
      return await socket.connect({ host, port: address.port }, { signal: either })
    } catch (cause) {
      this.#checkOpen()
      if (signal?.aborted) throw aborted(signal)
      throw new TransportError('ERR_DIAL', `nobody could be reached at ${printAddress(address)}`, { cause })
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    for (const socket of [...this.#listening.keys()]) this.#end(socket)
    for (const socket of this.#dialling.values()) void socket.then((each) => each.release()).catch(() => {})
    this.#dialling.clear()
  }

  #end(socket: UtpSocket): void {
    if (!this.#listening.has(socket)) return
    this.#ending.set(socket, this.#listening.get(socket))
    this.#listening.delete(socket)
    socket.release()
    // A port that lingers is told of as closed already: it stays until it is over, or wanted again.
    for (const each of this.#ending.keys()) if (each.isClosed) this.#ending.delete(each)
  }

  /** A port of ours that is still there for those who are leaving: who sleeps and wakes has the same again. */
  #reclaim(host: string | undefined, port: number): UtpSocket | null {
    for (const [socket, asked] of this.#ending) {
      if (port === 0 || socket.address.port !== port || asked !== host) continue
      this.#ending.delete(socket)
      if (socket.reclaim()) return socket
    }
    return null
  }

  /** A listening port that can reach the remote, so that both sides see the port that they know; else one for dials. */
  async #socketFor(host: string): Promise<UtpSocket> {
    for (const socket of this.#listening.keys()) {
      if (['::', '0.0.0.0'].includes(socket.address.host) && socket.reaches(host)) return socket
    }
    const local = host.includes(':') ? '::' : '0.0.0.0'
    const known = this.#dialling.get(local)
    if (known) return known
    const binding = this.#bind({ host: local, port: 0 })
    this.#dialling.set(local, binding)
    binding.catch(() => this.#dialling.delete(local))
    return binding
  }

  async #resolve(host: string): Promise<string> {
    if (isIP(host.split('%')[0] ?? '') > 0) return host
    return (await lookup(host)).address
  }

  async #bind(where: {
    readonly host: string | undefined
    readonly port: number
    readonly onWarning?: ((error: Error) => void) | undefined
  }): Promise<UtpSocket> {
    try {
      return await UtpSocket.bind({ ...this.#options, ...where, allowHalfOpen: false })
    } catch (cause) {
      throw cannotListen(cause)
    }
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw new TransportError('ERR_CLOSED', 'the transport is closed')
  }
}

/** What a promise gives, unless the signal fires first. */
function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function aborted(signal: AbortSignal): TransportError {
  return new TransportError('ERR_ABORTED', 'dialling was aborted', { cause: signal.reason })
}
