// Takes inbound streams in, or drops them: within the limits of strangers, exempting this machine's own addresses.

import type { ByteStream, Clock, IncomingStream } from '@hearsay/core'
import { Admission, type AdmissionLimits, type Ticket } from '../admission.js'
import { ownHosts } from '../interfaces.js'
import type { ConnectionId } from './messages.js'

/** Interfaces come and go: they are looked at again after so long. */
const OWN_HOSTS_MS = 10_000

export interface AcceptorOptions {
  readonly clock: Clock
  readonly limits: AdmissionLimits
  /** Which hosts are this machine. @default those of its interfaces */
  readonly ownHosts?: () => ReadonlySet<string>
  /** The stream was dropped to make room for another. */
  readonly onEvicted: (id: ConnectionId) => void
}

/** Unheard, an error of a stream would end the process; each also ends the stream, which is heard. */
export function muffle(stream: ByteStream): ByteStream {
  stream.on('error', () => {})
  return stream
}

/** Destroys a stream that nobody listens to. */
export function discard(stream: ByteStream): void {
  muffle(stream).destroy()
}

export class Acceptor {
  readonly #clock: Clock
  readonly #admission: Admission
  readonly #listOwn: () => ReadonlySet<string>
  /** Of streams that are half open; as many as the limits allow. */
  readonly #tickets = new Map<ConnectionId, Ticket>()
  readonly #ids = new Map<Ticket, ConnectionId>()
  #own: ReadonlySet<string> = new Set()
  #ownAt = Number.NEGATIVE_INFINITY

  constructor(options: AcceptorOptions) {
    this.#clock = options.clock
    this.#admission = new Admission(options.limits, (ticket) => {
      const id = this.#ids.get(ticket)
      if (id) options.onEvicted(id)
    })
    this.#listOwn = options.ownHosts ?? ownHosts
  }

  /** Streams that have not finished their handshake. */
  get halfOpen(): number {
    return this.#admission.halfOpen
  }

  /** False when the stream has been dropped. */
  admit(id: ConnectionId, { stream, address }: IncomingStream): boolean {
    const host = address && !this.#isOwn(address.host) ? address.host : null
    const ticket = this.#admission.arrive(host, this.#clock.now())
    if (!ticket) {
      discard(stream)
      return false
    }
    this.#tickets.set(id, ticket)
    this.#ids.set(ticket, id)
    return true
  }

  /** The connection has proved who is there: it stays until its time is up. */
  prove(id: ConnectionId): void {
    const ticket = this.#tickets.get(id)
    if (ticket) ticket.proven = true
  }

  /** The connection has become a link, or is gone. */
  leave(id: ConnectionId): void {
    const ticket = this.#tickets.get(id)
    this.#tickets.delete(id)
    if (!ticket) return
    this.#ids.delete(ticket)
    this.#admission.leave(ticket)
  }

  #isOwn(host: string): boolean {
    const now = this.#clock.now()
    if (now - this.#ownAt > OWN_HOSTS_MS) {
      this.#ownAt = now
      this.#own = this.#listOwn()
    }
    // All of 127/8 is this machine, where its first address is.
    const plain = host.startsWith('127.') ? '127.0.0.1' : (host.split('%')[0] ?? host)
    return this.#own.has(plain)
  }
}
