// Takes inbound streams in, or drops them: within the limits of strangers, exempting this machine's own addresses.

import type { Clock, IncomingStream } from '@hearsay/core'
import { Admission, type AdmissionLimits, type Ticket } from '../admission.js'
import { ownHosts } from '../interfaces.js'

/** Interfaces come and go: they are looked at again after so long. */
const OWN_HOSTS_MS = 10_000

export interface AcceptorOptions {
  readonly clock: Clock
  readonly limits: AdmissionLimits
  /** Which hosts are this machine. @default those of its interfaces */
  readonly ownHosts?: () => ReadonlySet<string>
}

export class Acceptor {
  readonly #clock: Clock
  readonly #admission: Admission
  readonly #listOwn: () => ReadonlySet<string>
  #own: ReadonlySet<string> = new Set()
  #ownAt = Number.NEGATIVE_INFINITY

  constructor(options: AcceptorOptions) {
    this.#clock = options.clock
    this.#admission = new Admission(options.limits)
    this.#listOwn = options.ownHosts ?? ownHosts
  }

  /** Streams that have not finished their handshake. */
  get halfOpen(): number {
    return this.#admission.halfOpen
  }

  /** A ticket, or null when the stream has been dropped. */
  admit({ stream, address }: IncomingStream): Ticket | null {
    const host = address && !this.#isOwn(address.host) ? address.host : null
    const ticket = this.#admission.arrive(host, this.#clock.now())
    if (!ticket) stream.destroy()
    return ticket
  }

  /** The stream has become a link, or is gone. Once for each ticket. */
  leave(ticket: Ticket): void {
    this.#admission.leave(ticket)
  }

  #isOwn(host: string): boolean {
    const now = this.#clock.now()
    if (now - this.#ownAt > OWN_HOSTS_MS) {
      this.#own = this.#listOwn()
      this.#ownAt = now
    }
    return host.startsWith('127.') || this.#own.has(host.split('%')[0] ?? host)
  }
}
