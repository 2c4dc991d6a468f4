// Who is let in, once a stream has proved who is there: not ourselves, nobody who was shut out, nobody for whom there is no
// room, and nobody whom the application refuses. All of it before a hello is said, in both directions.

import type { PeerId } from '@hearsay/core'
import type { BanList } from './bans.js'
import type { ConnectionId, Emit, Failure } from './messages.js'
import type { PoolLimits } from './options.js'
import type { Peers } from './peers.js'
import { isInbound, type Sockets } from './sockets.js'

export interface DoorOptions {
  readonly self: PeerId
  readonly limits: PoolLimits
  readonly emit: Emit
  readonly bans: BanList
  readonly peers: Peers
  readonly sockets: Sockets
  /** The application is asked about each peer. */
  readonly validates: boolean
}

export class Door {
  readonly #options: DoorOptions
  /** Whom the application is being asked about; as many as may be half open or dialled. */
  readonly #asked = new Map<ConnectionId, PeerId>()

  constructor(options: DoorOptions) {
    this.#options = options
  }

  onAuthenticated(connection: ConnectionId, { peer, now }: { readonly peer: PeerId; readonly now: number }): void {
    const { self, peers, bans, validates, emit, limits } = this.#options
    if (this.#asked.has(connection) || peers.peerOf(connection)) return
    if (peer === self) return peers.refuse(connection, 'ERR_SELF', 'this is yourself')
    if (bans.isBanned(peer, now)) return this.#refuse(connection, peer, { code: 'ERR_BANNED', message: 'shut out' })
    if (!validates || peers.linkWith(peer)) return this.#admit(connection, peer)
    this.#asked.set(connection, peer)
    emit({ type: 'timer', timer: `validate/${connection}`, ms: limits.validateTimeoutMs })
    emit({ type: 'validate', connection, peer })
  }

  onValidated(connection: ConnectionId, { accepted, now }: { readonly accepted: boolean; readonly now: number }): void {
    const peer = this.#take(connection)
    if (!peer) return
    if (!accepted) return this.#refuse(connection, peer, { code: 'ERR_REFUSED', message: 'not welcome' })
    // While the application thought about it, the world went on.
    if (this.#options.bans.isBanned(peer, now)) {
      return this.#refuse(connection, peer, { code: 'ERR_BANNED', message: 'shut out' })
    }
    this.#admit(connection, peer)
  }

  onTimeout(connection: ConnectionId): void {
    const peer = this.#take(connection)
    if (!peer) return
    const message = `the validation of ${peer} took too long`
    this.#options.emit({ type: 'warning', code: 'ERR_REFUSED', message })
    this.#refuse(connection, peer, { code: 'ERR_REFUSED', message: 'not welcome' })
  }

  onGone(connection: ConnectionId): void {
    this.#take(connection)
  }

  /** Turns away everybody who waits for the application. */
  clear({ code, message }: Failure): void {
    for (const connection of [...this.#asked.keys()]) {
      this.#take(connection)
      this.#options.peers.refuse(connection, code, message)
    }
  }

  #admit(connection: ConnectionId, peer: PeerId): void {
    const { peers, sockets } = this.#options
    if (!isInbound(connection)) return peers.onAuthenticated(connection, peer)
    if (!sockets.hasServerRoom(peer)) return peers.refuseBusy(connection, peer)
    sockets.onAccepted(connection, peer)
    peers.onAuthenticated(connection, peer)
  }

  #refuse(connection: ConnectionId, peer: PeerId, { code, message }: Failure): void {
    this.#options.emit({ type: 'refused', connection, peer, code })
    this.#options.peers.refuse(connection, code, message)
  }

  #take(connection: ConnectionId): PeerId | null {
    const peer = this.#asked.get(connection) ?? null
    if (peer) this.#options.emit({ type: 'stop', timer: `validate/${connection}` })
    this.#asked.delete(connection)
    return peer
  }
}
