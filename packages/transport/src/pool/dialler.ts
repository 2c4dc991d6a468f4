// Races the addresses of one candidate: the nearest first, the next one beside it after a stagger or as soon as one fails.
// The first to prove who is there wins and the others are dropped. It knows neither which candidate is next nor what
// becomes of the winner.

import type { Address, PeerId } from '@hearsay/core'
import { peerOf, placeOf, type Target } from './book.js'
import type { ConnectionId, Emit, Failure } from './messages.js'
import type { PoolLimits } from './options.js'
import { dialOrder } from './order.js'
import { RecentMap } from './recent.js'

interface Dialled {
  readonly address: Address
  readonly at: number
}

interface Attempt {
  readonly number: number
  readonly target: Target
  /** Not tried yet. */
  left: Address[]
  readonly connections: Map<ConnectionId, Dialled>
  /** The one that proved who is there; it is no longer ours to drop. */
  won: ConnectionId | null
  /** Why the last address failed. */
  failure: Failure
}

export interface DiallerOptions {
  readonly limits: PoolLimits
  readonly emit: Emit
  /** True if this node knows how to dial the scheme. */
  readonly canDial: (scheme: string) => boolean
  /** True if one more stream may be opened. */
  readonly canOpen: () => boolean
  /** False for an address that was only heard of, and that others like it leave no room for now. */
  readonly maySeek: (address: Address, attempt: number, now: number) => boolean
  /** Every address has failed. */
  readonly onFailed: (target: Target, failure: Failure) => void
}

/** Addresses that were seen to lead to a peer, or back to us; the ones used least recently go first. */
const MAX_LEADS = 1_024
const SELF = 'self'
/** Stands in reports, where codes of failures stand: nobody is told of it as an error. */
export const OVER_BUDGET = 'hearsayBudget'

export class Dialler {
  readonly #options: DiallerOptions
  readonly #attempts = new Map<number, Attempt>()
  readonly #byConnection = new Map<ConnectionId, Attempt>()
  readonly #leads = new RecentMap<string, PeerId | typeof SELF>(MAX_LEADS)
  #count = 0
  #connections = 0
  #now = 0

  constructor(options: DiallerOptions) {
    this.#options = options
  }

  /** A new input comes. */
  begin(now: number): void {
    this.#now = now
  }

  /** How many candidates are being dialled. */
  get size(): number {
    return this.#attempts.size
  }

  /** When those that have proved nothing yet, and began less than `ms` ago, will have had that long; the earliest first. */
  overAt(ms: number, now: number): readonly number[] {
    const attempts = [...this.#attempts.values()].filter(({ won }) => !won)
    // One sum for both questions: rounded in two ways, one might be over for one of them and not for the other.
    const times = attempts.map(({ target }) => target.startedAt + ms)
    return times.filter((at) => at > now).sort((a, b) => a - b)
  }

  /** For whom the connection was dialled. */
  targetOf(connection: ConnectionId): Target | null {
    return this.#byConnection.get(connection)?.target ?? null
  }

  /** Who was last seen at the address; null if unknown. */
  leadsTo(address: Address): PeerId | null {
    const lead = this.#leads.get(placeOf(address))
    return lead === undefined || lead === SELF ? null : lead
  }

  start(target: Target): void {
    const number = this.#count++
    const dialable = dialOrder(target.addresses).filter((address) => this.#isDialable(address))
    const left = dialable.filter((address) => this.#isAllowed(target, address, number))
    const attempt = { number, target, left, connections: new Map(), won: null, failure: whyNone(dialable) }
    target.state = 'dialling'
    this.#attempts.set(number, attempt)
    this.#step(attempt)
  }

  onStagger(number: number): void {
    const attempt = this.#attempts.get(number)
    if (attempt && attempt.left.length > 0) this.#step(attempt)
  }

  /** Drops a connection whose time is up. */
  onTimeout(connection: ConnectionId): void {
    if (!this.#byConnection.has(connection)) return
    this.#options.emit({ type: 'drop', connection })
    this.onFailed(connection, { code: 'ERR_HANDSHAKE_TIMEOUT', message: 'the address did not answer in time' })
  }

  /** The race is won; answers for whom, null for a connection that was not dialled. */
  onAuthenticated(connection: ConnectionId, peer: PeerId): Target | null {
    const attempt = this.#byConnection.get(connection)
    const dialled = attempt?.connections.get(connection)
    if (!attempt || !dialled) return null
    this.#leads.set(placeOf(dialled.address), peer)
    // The leads are bounded, and strangers can fill them: the target itself remembers too.
    attempt.target.vouched.add(placeOf(dialled.address))
    this.#tell(dialled, peer, null)
    attempt.target.reached = peer
    attempt.won = connection
    attempt.left = []
    for (const other of attempt.connections.keys()) {
      if (other === connection) continue
      this.#forget(attempt, other)
      this.#options.emit({ type: 'drop', connection: other })
    }
    this.#options.emit({ type: 'stop', timer: `dial/${connection}` })
    return attempt.target
  }

  /** One address failed; the next is tried at once. */
  onFailed(connection: ConnectionId, failure: Failure): void {
    const attempt = this.#byConnection.get(connection)
    const dialled = attempt?.connections.get(connection)
    if (!attempt || !dialled) return
    if (failure.code === 'ERR_SELF') this.#leads.set(placeOf(dialled.address), SELF)
    // One that proved who is there was told of then.
    if (attempt.won !== connection) this.#tell(dialled, peerOf(attempt.target), failure.code)
    attempt.failure = failure
    this.#forget(attempt, connection)
    this.#step(attempt)
  }

  /** The peer is linked: what dials it and has not found it yet is in vain. */
  onLinked(peer: PeerId, connection: ConnectionId): void {
    for (const { target, won } of [...this.#attempts.values()]) {
      if (won === connection || (won === null && peerOf(target) === peer)) this.cancel(target)
    }
  }

  /** Stops dialling the target; a connection that has proved who is there goes on without us. */
  cancel(target: Target): void {
    for (const attempt of [...this.#attempts.values()]) {
      if (attempt.target !== target) continue
      for (const connection of [...attempt.connections.keys()]) {
        this.#forget(attempt, connection)
        if (connection !== attempt.won) this.#options.emit({ type: 'drop', connection })
      }
      this.#end(attempt)
    }
  }

  #step(attempt: Attempt): void {
    const { limits, emit, onFailed, canOpen } = this.#options
    const address = canOpen() ? attempt.left.shift() : undefined
    if (address) this.#dial(attempt, address)
    if (attempt.left.length > 0) emit({ type: 'timer', timer: `stagger/${attempt.number}`, ms: limits.staggerMs })
    // What is left without a stream waits for one to be free.
    if (attempt.connections.size > 0 || attempt.left.length > 0) return
    this.#end(attempt)
    onFailed(attempt.target, attempt.failure)
  }

  #dial(attempt: Attempt, address: Address): void {
    const { limits, emit } = this.#options
    const connection: ConnectionId = `out/${this.#connections++}`
    attempt.connections.set(connection, { address, at: this.#now })
    this.#byConnection.set(connection, attempt)
    // Whoever is redialled every so often must have answered by then.
    const ms = attempt.target.persistent ? Math.min(limits.dialTimeoutMs, limits.persistMs) : limits.dialTimeoutMs
    emit({ type: 'timer', timer: `dial/${connection}`, ms })
    emit({ type: 'dial', connection, address, expected: address.peer ?? attempt.target.peer })
  }

  #tell({ address, at }: Dialled, peer: PeerId | null, code: string | null): void {
    this.#options.emit({ type: 'tried', address, peer, code, ms: this.#now - at })
  }

  #forget(attempt: Attempt, connection: ConnectionId): void {
    attempt.connections.delete(connection)
    this.#byConnection.delete(connection)
    this.#options.emit({ type: 'stop', timer: `dial/${connection}` })
  }

  #end(attempt: Attempt): void {
    this.#attempts.delete(attempt.number)
    attempt.target.state = 'idle'
    this.#options.emit({ type: 'stop', timer: `stagger/${attempt.number}` })
  }

  #isDialable(address: Address): boolean {
    return this.#options.canDial(address.scheme) && this.#leads.get(placeOf(address)) !== SELF
  }

  /** Given by hand, or reached before; what is only hearsay has a budget. */
  #isAllowed(target: Target, address: Address, attempt: number): boolean {
    if (target.vouched.has(placeOf(address)) || this.leadsTo(address)) return true
    return this.#options.maySeek(address, attempt, this.#now)
  }
}

function whyNone(dialable: readonly Address[]): Failure {
  if (dialable.length === 0) return { code: 'ERR_DIAL', message: 'no address that could be dialled' }
  return { code: OVER_BUDGET, message: 'it is known by hearsay alone, and was tried already' }
}
