// Who is dialled and when: candidates that are due, as many as there is room for, and again after a failure or a lost link.
// It owns the book and the dialler; which link with a peer stays is not its affair.

import type { Address, Candidate, PeerId, Random, TopicId } from '@hearsay/core'
import type { BanList } from './bans.js'
import { Book, isNeeded, peerOf, type Target } from './book.js'
import { Dialler } from './dialler.js'
import type { ConnectionId, Emit, Failure } from './messages.js'
import type { PoolLimits } from './options.js'
import { retryDelay } from './patience.js'
import type { Peers } from './peers.js'

export interface PlannerOptions {
  readonly limits: PoolLimits
  readonly random: Random
  readonly emit: Emit
  readonly canDial: (scheme: string) => boolean
  readonly bans: BanList
  readonly peers: Peers
}

/** When a stream with the peer is on its way already, look again then, in milliseconds. */
const LOOK_AGAIN_MS = 500

export class Planner {
  readonly book: Book
  readonly dialler: Dialler
  readonly #options: PlannerOptions
  #now = 0
  /** What the timer is set to. */
  #timerAt: number | null = null

  constructor(options: PlannerOptions) {
    const { limits, emit, canDial } = options
    this.#options = options
    this.book = new Book(limits.maxTargets)
    this.dialler = new Dialler({ limits, emit, canDial, onFailed: (target, why) => this.#onFailed(target, why) })
  }

  /** A new input comes. */
  begin(now: number): void {
    this.#now = now
  }

  onTimer(): void {
    this.#timerAt = null
  }

  /** Dials who is due, unless more may be asked for in this turn, and sets the timer for who will be. */
  plan({ wait }: { readonly wait: boolean }): void {
    for (const target of [...this.book.values()]) if (this.#isLost(target)) this.#find(target)
    if (!wait) this.#dialDue()
    const { dueAt } = this.book
    const isFull = !this.#hasRoom()
    if (dueAt === null || dueAt === this.#timerAt || (isFull && dueAt <= this.#now)) return
    this.#timerAt = dueAt
    this.#options.emit({ type: 'timer', timer: 'queue', ms: Math.max(0, dueAt - this.#now) })
  }

  /** Candidates of the topic that are not linked, in the order they were heard of. */
  candidates(topic: TopicId, n: number): readonly Candidate[] {
    const found: Candidate[] = []
    for (const target of this.book.values()) {
      if (found.length >= n) break
      const { peer, addresses, source, persistent, offered } = target
      if (offered.has(topic) && !this.linkOf(target)) found.push({ peer, addresses, source, persistent })
    }
    return found
  }

  /** The ready link that the target leads to. An address is believed to lead where it led before. */
  linkOf(target: Target): ConnectionId | null {
    if (!peerOf(target)) target.reached = this.#leadOf(target.addresses)
    const peer = peerOf(target)
    return peer && this.#options.peers.linkWith(peer)
  }

  queue(target: Target, ms = 0): void {
    target.state = 'queued'
    target.dueAt = this.#now + ms
  }

  /** Dials the target again, after a while that grows; false if it has had its chances. */
  retry(target: Target): boolean {
    const { random, limits } = this.#options
    const delay = retryDelay(target, { now: this.#now, random, persistMs: limits.persistMs })
    if (delay === Number.POSITIVE_INFINITY) return false
    this.queue(target, delay)
    target.failures++
    return true
  }

  /** Nobody needs it now: it is neither dialled nor about to be. */
  stand(target: Target): void {
    if (target.state === 'dialling') this.dialler.cancel(target)
    target.state = 'idle'
  }

  onLinked(target: Target, connection: ConnectionId): void {
    if (target.state === 'queued') target.state = 'idle'
    target.failures = 0
    target.kept ||= target.requests.size > 0
    this.settle(target, connection)
  }

  /** Answers everybody who asked for the target by hand. */
  settle(target: Target, result: ConnectionId | Failure): void {
    for (const request of target.requests) this.#options.emit({ type: 'settled', request, result })
    target.requests.clear()
  }

  forget(target: Target, failure: Failure): void {
    this.dialler.cancel(target)
    this.settle(target, failure)
    this.book.delete(target)
  }

  #onFailed(target: Target, failure: Failure): void {
    const { code } = failure
    if (code === 'ERR_DUPLICATE' && this.#isDuplicate(target)) return
    if (code === 'ERR_PEER_MISMATCH') {
      this.#options.emit({ type: 'warning', code, message: `another peer answered for ${target.key}` })
    }
    this.settle(target, failure)
    const isWelcome = code !== 'ERR_BANNED' && code !== 'ERR_SELF'
    if (!isWelcome || !isNeeded(target) || !this.retry(target)) this.book.delete(target)
  }

  /** True if the link that it duplicates is there, or about to be: then whoever asked gets that one. */
  #isDuplicate(target: Target): boolean {
    const link = this.linkOf(target)
    if (link) this.onLinked(target, link)
    const peer = peerOf(target)
    return peer !== null && this.#options.peers.knows(peer)
  }

  #dialDue(): void {
    while (this.#hasRoom()) {
      const target = this.book.next(this.#now)
      if (!target) return
      this.#dialOne(target)
    }
  }

  #dialOne(target: Target): void {
    const { bans, peers } = this.#options
    const link = this.linkOf(target)
    const peer = peerOf(target)
    if (!isNeeded(target)) target.state = 'idle'
    else if (link) this.onLinked(target, link)
    else if (peer && peers.knows(peer)) target.dueAt = this.#now + LOOK_AGAIN_MS
    else if (peer && bans.isBanned(peer, this.#now)) {
      this.forget(target, { code: 'ERR_BANNED', message: 'this peer was shut out' })
    } else {
      target.startedAt = this.#now
      this.dialler.start(target)
    }
  }

  #hasRoom(): boolean {
    const { limits, peers } = this.#options
    return this.dialler.size < limits.dialConcurrency && peers.size + this.dialler.size < limits.maxLinks
  }

  /** Given by hand, needed, and neither linked nor on its way. */
  #isLost(target: Target): boolean {
    const byHand = target.persistent || target.requests.size > 0
    if (!byHand || target.state !== 'idle' || !isNeeded(target) || this.linkOf(target)) return false
    const peer = peerOf(target)
    return peer === null || !this.#options.peers.knows(peer)
  }

  #find(target: Target): void {
    if (!this.retry(target)) this.forget(target, { code: 'ERR_DIAL', message: 'its link went before it was there' })
  }

  #leadOf(addresses: readonly Address[]): PeerId | null {
    for (const address of addresses) {
      const lead = this.dialler.leadsTo(address)
      if (lead) return lead
    }
    return null
  }
}
