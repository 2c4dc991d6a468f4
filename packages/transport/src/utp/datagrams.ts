// A UDP socket as uTP needs it: one or both families, addresses in plain form, large buffers, sending that never throws and
// never looks a name up. It knows no packets.

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv4 } from 'node:net'
import { hasCode } from '@hearsay/core'
import { plainHost } from '../interfaces.js'
import type { Remote } from './messages.js'

/** Where to receive; all addresses of both families, or of IPv4 where there is no other, if no host is given. */
export interface BindOptions {
  /** An IP address of this machine. */
  readonly host?: string | undefined
  /** 0 lets the system choose. @default 0 */
  readonly port?: number
}

/**
 * With the system's 208 KiB, a process that is busy for two milliseconds loses packets on loopback. Linux takes what it allows
 * (net.core.rmem_max); others refuse what is too much, and are asked for less.
 */
const BUFFER_BYTES = [4, 2, 1, 0.5].map((mebibytes) => mebibytes * 1_048_576)

export class Datagrams {
  readonly #socket: Socket
  readonly #isDual: boolean
  readonly host: string
  readonly port: number
  #isClosed = false

  private constructor(socket: Socket, host: string) {
    this.#socket = socket
    this.host = host
    this.port = socket.address().port
    this.#isDual = host === '::'
    setBuffers(socket)
  }

  /** Rejects with what the system said. */
  static async bind({ host, port = 0 }: BindOptions): Promise<Datagrams> {
    try {
      const where = host ?? '::'
      return new Datagrams(await bind(where, port), where)
    } catch (error) {
      if (host !== undefined || !hasCode(error, 'EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL')) throw error
    }
    return new Datagrams(await bind('0.0.0.0', port), '0.0.0.0')
  }

  /** What the system keeps of what came while the process is busy; Linux counts double, for its own costs. */
  get receiveBufferBytes(): number {
    return this.#socket.getRecvBufferSize()
  }

  /** True if packets to that address can leave from here, as far as the families go. */
  reaches(host: string): boolean {
    return this.#isDual || isIPv4(host) === isIPv4(this.host)
  }

  /** `onError` hears what goes wrong with the socket, which lives on if it can. */
  start(onPacket: (remote: Remote, bytes: Uint8Array) => void, onError: (error: Error) => void): void {
    this.#socket.on('error', onError)
    this.#socket.on('message', (bytes: Buffer, { address, port }: RemoteInfo) => {
      // Nobody can be answered at port 0, which a forged packet can come from.
      if (port > 0) onPacket({ host: plainHost(address), port }, bytes)
    })
  }

  /** Sends, or loses, as networks do; `onError` hears why. */
  send(bytes: Uint8Array, { host, port }: Remote, onError?: (error: Error) => void): void {
    if (this.#isClosed) return
    const address = this.#isDual && isIPv4(host) ? `::ffff:${host}` : host
    if (onError) this.#socket.send(bytes, port, address, (error) => error && onError(error))
    else this.#socket.send(bytes, port, address)
  }

  /** Whether it keeps the process alive. */
  hold(on: boolean): void {
    if (on) this.#socket.ref()
    else this.#socket.unref()
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    this.#isClosed = true
    return new Promise((resolve) => this.#socket.close(() => resolve()))
  }
}

function bind(host: string, port: number): Promise<Socket> {
  const type = isIPv4(host) ? 'udp4' : 'udp6'
  // Everything here is an address already: this saves a tick for each packet that is sent.
  const lookup = (
    address: string,
    family: unknown,
    done: (error: null, address: string, family: number) => void,
  ): void => done(null, address, family === 6 ? 6 : 4)
  const socket = createSocket({ type, ipv6Only: false, lookup: lookup as never })
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      socket.close()
      reject(error)
    }
    socket.once('error', onError)
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.removeListener('error', onError)
      // Heard before `start`, too.
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}

function setBuffers(socket: Socket): void {
  for (const set of [
    (bytes: number) => socket.setRecvBufferSize(bytes),
    (bytes: number) => socket.setSendBufferSize(bytes),
  ]) {
    for (const bytes of BUFFER_BYTES) {
      try {
        set(bytes)
        break
      } catch {
        // Less, then.
      }
    }
  }
}
