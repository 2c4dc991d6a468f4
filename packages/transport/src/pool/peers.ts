// One link per peer, however many streams the two sides open at once. Of the two, the peer whose id is smaller decides: it
// says hello only on the stream that it chooses, and keeps an old link that still answers. The other says hello on every
// stream, and takes the one on which the decider says it. So both agree without a word more, and no link is closed before
// its successor is there.
//
//   decider:  authenticated ─ no link ─▶ greeting ─▶ ready
//                           ─ a link ──▶ waiting ─ it answers a ping ─▶ closed as duplicate
//                                                ─ it does not ───────▶ greeting (the old one is closed)
//   other:    authenticated ───────────▶ greeting ─▶ ready (an older link is closed)

import type { PeerId } from '@hearsay/core'
import type { ConnectionId, Emit, Referral } from './messages.js'
import type { PoolLimits } from './options.js'

/** What there is with one peer. */
interface Slot {
  readonly peer: PeerId
  ready: ConnectionId | null
  readonly greeting: Set<ConnectionId>
  /** At the decider: the one that will be chosen if the present one is dead. */
  waiting: ConnectionId | null
}

export interface PeersOptions {
  readonly self: PeerId
  readonly limits: PoolLimits
  readonly emit: Emit
  /** The connection was refused with the code; nothing more is heard of it. */
  readonly onRefused: (connection: ConnectionId, code: string) => void
  /** Others that one for whom there is no room may try. */
  readonly refer: (asker: PeerId) => readonly Referral[]
  readonly onLinked: (peer: PeerId, connection: ConnectionId) => void
}

/** Streams with one peer that may have said hello and wait for the decider; the newest is refused. */
const MAX_GREETING = 4

export class Peers {
  readonly #options: PeersOptions
  readonly #slots = new Map<PeerId, Slot>()
  readonly #byConnection = new Map<ConnectionId, Slot>()

  constructor(options: PeersOptions) {
    this.#options = options
  }

  /** Peers that have a link, or are about to. */
  get size(): number {
    return this.#slots.size
  }

  /** The ready link with the peer. */
  linkWith(peer: PeerId): ConnectionId | null {
    return this.#slots.get(peer)?.ready ?? null
  }

  /** Whose stream this is, once it was let in. */
  peerOf(connection: ConnectionId): PeerId | null {
    return this.#byConnection.get(connection)?.peer ?? null
  }

  /** How many peers have a ready link. */
  get linked(): number {
    let count = 0
    for (const { ready } of this.#slots.values()) if (ready) count++
    return count
  }

  /** True if a stream with the peer is on its way to being a link, or is one. */
  knows(peer: PeerId): boolean {
    return this.#slots.has(peer)
  }

  onAuthenticated(connection: ConnectionId, peer: PeerId): void {
    if (this.#byConnection.has(connection)) return
    const known = this.#slots.get(peer)
    if (!known && this.#slots.size >= this.#options.limits.maxLinks) {
      return this.refuseBusy(connection, peer)
    }
    const slot = known ?? { peer, ready: null, greeting: new Set(), waiting: null }
    this.#slots.set(peer, slot)
    this.#byConnection.set(connection, slot)
    if (this.#options.self < peer) this.#decide(slot, connection)
    else this.#follow(slot, connection)
  }

  onReady(connection: ConnectionId): void {
    const slot = this.#byConnection.get(connection)
    if (!slot?.greeting.delete(connection)) return
    this.#closeReady(slot, 'a newer link took its place')
    slot.ready = connection
    this.#refuseWaiting(slot)
    this.#options.emit({ type: 'link', connection, peer: slot.peer })
    this.#options.onLinked(slot.peer, connection)
  }

  onPong(connection: ConnectionId, alive: boolean): void {
    const slot = this.#byConnection.get(connection)
    if (!slot || slot.ready !== connection || !slot.waiting) return
    if (alive) return this.#refuseWaiting(slot)
    this.#closeReady(slot, 'it did not answer when the peer connected again')
    this.#promote(slot)
  }

  /** The connection is gone; answers the peer that it was the link with, if it was. */
  onGone(connection: ConnectionId): PeerId | null {
    const slot = this.#byConnection.get(connection)
    if (!slot) return null
    const wasLink = slot.ready === connection
    this.#remove(slot, connection)
    if (wasLink) this.#options.emit({ type: 'unlink', connection, peer: slot.peer })
    this.#promote(slot)
    return wasLink ? slot.peer : null
  }

  /** Ends everything with the peer; answers true if there was a link. */
  closeAll(peer: PeerId, code: string, message: string): boolean {
    const slot = this.#slots.get(peer)
    if (!slot) return false
    const { ready } = slot
    for (const connection of [ready, slot.waiting, ...slot.greeting]) {
      if (!connection) continue
      this.#remove(slot, connection)
      if (connection === ready) this.#options.emit({ type: 'unlink', connection, peer })
      this.refuse(connection, code, message)
    }
    return ready !== null
  }

  everybody(): readonly PeerId[] {
    return [...this.#slots.keys()]
  }

  refuse(connection: ConnectionId, code: string, message: string): void {
    this.#options.emit({ type: 'close', connection, code, message })
    this.#options.onRefused(connection, code)
  }

  /** No room: here are others. */
  refuseBusy(connection: ConnectionId, peer: PeerId): void {
    const [code, message] = ['ERR_LIMIT', 'as many links as are allowed']
    this.#options.emit({ type: 'refused', connection, peer, code })
    this.#options.emit({ type: 'close', connection, code, message, tries: this.#options.refer(peer) })
    this.#options.onRefused(connection, code)
  }

  #decide(slot: Slot, connection: ConnectionId): void {
    if (!slot.ready && slot.greeting.size === 0) return this.#greet(slot, connection)
    if (slot.waiting) return this.#refuseDuplicate(slot, connection)
    slot.waiting = connection
    const { emit, limits } = this.#options
    // One that is greeting proves within its own time whether it lives.
    if (slot.ready) emit({ type: 'ping', connection: slot.ready, timeoutMs: limits.probeTimeoutMs })
  }

  #follow(slot: Slot, connection: ConnectionId): void {
    if (slot.greeting.size >= MAX_GREETING) return this.#refuseDuplicate(slot, connection)
    this.#greet(slot, connection)
  }

  #greet(slot: Slot, connection: ConnectionId): void {
    slot.greeting.add(connection)
    this.#options.emit({ type: 'greet', connection })
  }

  #promote(slot: Slot): void {
    const { waiting } = slot
    if (!waiting || slot.ready || slot.greeting.size > 0) return
    slot.waiting = null
    this.#greet(slot, waiting)
  }

  #refuseWaiting(slot: Slot): void {
    const { waiting } = slot
    if (waiting) this.#refuseDuplicate(slot, waiting)
  }

  #refuseDuplicate(slot: Slot, connection: ConnectionId): void {
    this.#remove(slot, connection)
    this.refuse(connection, 'ERR_DUPLICATE', 'there is a link already')
  }

  #closeReady(slot: Slot, message: string): void {
    const { ready, peer } = slot
    if (!ready) return
    slot.ready = null
    this.#byConnection.delete(ready)
    this.#options.emit({ type: 'unlink', connection: ready, peer })
    this.refuse(ready, 'ERR_DUPLICATE', message)
  }

  #remove(slot: Slot, connection: ConnectionId): void {
    this.#byConnection.delete(connection)
    slot.greeting.delete(connection)
    if (slot.ready === connection) slot.ready = null
    if (slot.waiting === connection) slot.waiting = null
    if (!slot.ready && !slot.waiting && slot.greeting.size === 0) this.#slots.delete(slot.peer)
  }
}
