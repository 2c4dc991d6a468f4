// How many streams this node has opened and accepted, exactly: from the moment one is ordered until it is given up. Streams
// that somebody handed in count as neither.

import type { Address, PeerId } from '@hearsay/core'
import type { ConnectionId } from './messages.js'
import { type PoolLimits, socketLimit } from './options.js'

export class Sockets {
  readonly #limits: PoolLimits
  readonly #client = new Map<ConnectionId, Address>()
  /** Accepted ones that have proved who is there. */
  readonly #server = new Map<ConnectionId, PeerId>()

  constructor(limits: PoolLimits) {
    this.#limits = limits
  }

  get client(): number {
    return this.#client.size
  }

  /** Peers that have a stream here which they opened. */
  get server(): number {
    return new Set(this.#server.values()).size
  }

  hasClientRoom(): boolean {
    return this.#client.size < socketLimit(this.#limits.maxClientSockets)
  }

  /** A peer that comes again may replace its stream, as it can have only one link. */
  hasServerRoom(peer: PeerId): boolean {
    const peers = new Set(this.#server.values())
    return peers.has(peer) || peers.size < socketLimit(this.#limits.maxServerSockets)
  }

  onDialled(connection: ConnectionId, address: Address): void {
    this.#client.set(connection, address)
  }

  onAccepted(connection: ConnectionId, peer: PeerId): void {
    this.#server.set(connection, peer)
  }

  onGone(connection: ConnectionId): void {
    this.#client.delete(connection)
    this.#server.delete(connection)
  }

  /** What was dialled; null for what came in. */
  dialledBy(connection: ConnectionId): Address | null {
    return this.#client.get(connection) ?? null
  }
}

/** True for a stream that somebody else opened to us. */
export function isInbound(connection: ConnectionId): boolean {
  return connection.startsWith('in/')
}
