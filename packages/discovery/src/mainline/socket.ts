// The UDP socket as the DHT library sees it. Nothing that a stranger sends reaches the library unchecked, nothing that the
// library throws leaves, and this machine cannot be made a loudspeaker: answers are counted, and go to no low ports.

import type { RemoteInfo, Socket } from 'node:dgram'
import { EventEmitter } from 'node:events'
import type { Clock } from '@hearsay/core'
import { scopeOf } from '../ipv4.js'
import { readPacket } from './packet.js'
import { Patience, type SentQuery } from './patience.js'

export interface GuardedSocketOptions {
  readonly clock: Clock
  /** Told of what the library threw; the datagram is dropped. */
  readonly onFault: (error: unknown) => void
  /** Told of a node that has not answered. */
  readonly onSilence: (node: { readonly host: string; readonly port: number }) => void
}

/** Queries answered in one second: from one host that is not this machine, and from all. */
export const MAX_QUERIES_PER_HOST = 32
export const MAX_QUERIES = 2_000
const WINDOW_MS = 1_000
/** What passes every network whole. */
const MAX_SENT_BYTES = 1_400
/** Ports below belong to services that never asked for us. */
const FIRST_PORT = 1_024

/** A bound `udp4` socket, which it closes. The part of `dgram.Socket` that the library uses, and the guard within it. */
export class GuardedSocket extends EventEmitter {
  readonly #socket: Socket
  readonly #options: GuardedSocketOptions
  readonly #patience: Patience
  #closed = false
  #windowStart = Number.NEGATIVE_INFINITY
  #queries = 0
  /** Bounded by the number of queries in one window. */
  readonly #perHost = new Map<string, number>()

  constructor(socket: Socket, options: GuardedSocketOptions) {
    super()
    this.#socket = socket
    this.#options = options
    this.#patience = new Patience({ clock: options.clock, onSilence: (query) => this.#onSilence(query) })
    socket.on('message', (bytes, from) => this.#onMessage(bytes, from))
    socket.on('close', () => this.emit('close'))
  }

  address(): ReturnType<Socket['address']> {
    return this.#socket.address()
  }

  /** As `dgram` has it; what cannot be sent is lost, as datagrams are. */
  send(bytes: Uint8Array, offset: number, length: number, port: number, host: string, done: () => void): void {
    const packet = readPacket(bytes.subarray(offset, offset + length))
    if (packet?.kind === 'query') this.#patience.onSent({ transaction: packet.transaction, host, port })
    try {
      if (this.#closed || length > MAX_SENT_BYTES || port < FIRST_PORT || scopeOf(host) === 'none') return
      this.#socket.send(bytes, offset, length, port, host, () => done())
    } catch (error) {
      this.#options.onFault(error)
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#patience.close()
    this.#socket.close()
  }

  #onMessage(bytes: Uint8Array, from: RemoteInfo): void {
    if (this.#closed || from.port < FIRST_PORT) return
    const packet = readPacket(bytes)
    if (!packet) return
    const { kind, transaction } = packet
    if (kind === 'answer') this.#patience.onAnswer({ transaction, host: from.address, port: from.port })
    else if (!this.#mayAsk(from.address)) return
    this.#pass(bytes, from)
  }

  #pass(bytes: Uint8Array, from: Pick<RemoteInfo, 'address' | 'port'>): void {
    try {
      this.emit('message', bytes, from)
    } catch (error) {
      this.#options.onFault(error)
    }
  }

  /** The library goes on when a query has failed, and of a failure it learns by an answer that says so. */
  #onSilence({ transaction, host, port }: SentQuery): void {
    this.#options.onSilence({ host, port })
    const [before, after] = [Buffer.from('d1:eli201e9:no answere1:t'), Buffer.from('1:y1:ee')]
    const id = Buffer.from(transaction, 'hex')
    this.#pass(Buffer.concat([before, Buffer.from(`${id.byteLength}:`), id, after]), { address: host, port })
  }

  #mayAsk(host: string): boolean {
    const now = this.#options.clock.now()
    if (now - this.#windowStart >= WINDOW_MS) {
      this.#windowStart = now
      this.#queries = 0
      this.#perHost.clear()
    }
    if (this.#queries >= MAX_QUERIES) return false
    const asked = this.#perHost.get(host) ?? 0
    // On this machine many nodes share one host.
    if (asked >= MAX_QUERIES_PER_HOST && scopeOf(host) !== 'loopback') return false
    this.#queries += 1
    this.#perHost.set(host, asked + 1)
    return true
  }
}
