// Who is dialled and when: candidates that are due, as many as there is room for, and again after a failure or a lost link.
// It owns the book and the dialler; which link with a peer stays is not its affair.
//
//   idle ─ wanted ─▶ queued ─ due, and room ─▶ dialling ─ linked ──▶ idle
//                      ▲                          │ failed
//                      ├── proven, or by hand: after 1 s, 5 s, 15 s
//                      ├── busy: after 30 s, 60 s … 10 min
//                      └── heard of again ── idle (resting until it is forgotten) ◀── had its chances

import type { Address, Candidate, PeerId, Random, TopicId } from '@hearsay/core'
import type { BanList } from './bans.js'
import { addTopic, Book, isByHand, isNeeded, peerOf, renew, type Target } from './book.js'
import { HearsayBudget } from './budget.js'
import { Dialler, OVER_BUDGET } from './dialler.js'
import type { ConnectionId, Emit, Failure } from './messages.js'
import type { PoolLimits } from './options.js'
import { busyDelay, isRefusal, REFUSED_MS, retryDelay } from './patience.js'
import type { Peers } from './peers.js'
import type { ResolvedQueue } from './queue-options.js'
import { Room } from './room.js'
import type { Sockets } from './sockets.js'

export interface PlannerOptions {
  readonly limits: PoolLimits
  readonly queue: ResolvedQueue
  readonly random: Random
  readonly emit: Emit
  readonly canDial: (scheme: string) => boolean
  readonly bans: BanList
  readonly peers: Peers
  readonly sockets: Sockets
}

/** When a stream with the peer is on its way already, look again then, in milliseconds. */
const LOOK_AGAIN_MS = 500
/** Whom the pool was linked with when it was suspended is dialled within so many milliseconds, not all at once. */
const RECALL_MS = 100

export class Planner {
  readonly book: Book
  readonly dialler: Dialler
  readonly room: Room
  readonly #options: PlannerOptions
  #now = 0
  /** What the timer is set to. */
  #timerAt: number | null = null

  constructor(options: PlannerOptions) {
    const { limits, emit, canDial, peers, sockets } = options
    this.#options = options
    this.book = new Book(limits.maxTargets, (target) => this.linkOf(target) !== null)
    const canOpen = (): boolean => sockets.hasClientRoom()
    const onFailed = (target: Target, why: Failure): void => this.#onFailed(target, why)
    const hearsay = new HearsayBudget()
    const maySeek = (address: Address, attempt: number, now: number): boolean =>
      address.scheme === 'memory' || address.scheme === 'hyper' || hearsay.take(address, attempt, now)
    this.dialler = new Dialler({ limits, emit, canDial, canOpen, maySeek, onFailed })
    this.room = new Room({ limits, peers, sockets, dialler: this.dialler })
  }

  /** A new input comes. */
  begin(now: number): void {
    this.#now = now
    this.dialler.begin(now)
  }

  onTimer(): void {
    this.#timerAt = null
  }

  /** Dials who is due, unless more may be asked for in this turn, and sets the timer for who will be. */
  plan({ wait }: { readonly wait: boolean }): void {
    this.book.expire(this.#now)
    // Those that are found to be lost may be forgotten meanwhile, which the iteration bears.
    for (const target of this.book.values()) if (this.#isLost(target)) this.#find(target)
    if (!wait) this.#dialDue()
    const wakeAt = this.#wakeAt(wait)
    if (wakeAt === null || wakeAt === this.#timerAt) return
    this.#timerAt = wakeAt
    this.#options.emit({ type: 'timer', timer: 'queue', ms: Math.max(0, wakeAt - this.#now) })
  }

  /** Candidates of the topic that are neither linked nor known not to answer, in the order they were heard of. */
  candidates(topic: TopicId, n: number): readonly Candidate[] {
    const found: Candidate[] = []
    for (const target of this.book.values()) {
      if (found.length >= n) break
      const { peer, addresses, source, persistent, offered, expiresAt } = target
      if (expiresAt === null && offered.has(topic) && !this.linkOf(target)) {
        found.push({ peer, addresses, source, persistent })
      }
    }
    return found
  }

  /** The ready link that the target leads to. An address is believed to lead where it led before. */
  linkOf(target: Target): ConnectionId | null {
    if (!peerOf(target)) target.reached = this.#leadOf(target.addresses)
    const peer = peerOf(target)
    return peer && this.#options.peers.linkWith(peer)
  }

  /** Dials the target as soon as it may be: by hand at once, else when its rest is over. */
  queue(target: Target, ms = 0): void {
    const soonest = this.#now + ms
    if (target.expiresAt !== null && target.expiresAt <= soonest) renew(target)
    target.state = 'queued'
    target.expiresAt = null
    target.dueAt = isByHand(target) ? soonest : Math.max(soonest, target.notBefore)
  }

  /** Dials the target again, after a while that grows; false if it has had its chances. */
  retry(target: Target): boolean {
    const { random, limits, queue } = this.#options
    const { persistMs } = limits
    const delay = retryDelay(target, { now: this.#now, random, persistMs, requeue: queue.requeue })
    if (delay === Number.POSITIVE_INFINITY) return false
    this.queue(target, delay)
    target.failures++
    return true
  }

  /** Not dialled for so long; forgotten then, unless it is heard of again. */
  rest(target: Target, ms: number): void {
    target.notBefore = this.#now + ms
    if (target.persistent) return this.queue(target, ms)
    target.state = 'idle'
    target.wanted.clear()
    target.expiresAt = target.notBefore
  }

  /** Nobody needs it now: it is neither dialled nor about to be. */
  stand(target: Target): void {
    if (target.state === 'dialling') this.dialler.cancel(target)
    target.state = 'idle'
  }

  /** It was linked before the pool was suspended. */
  recall(target: Target): void {
    target.notBefore = 0
    this.queue(target, this.#options.random.below(RECALL_MS))
  }

  /** No dial goes on, nobody waits, no timer runs. */
  suspend(failure: Failure): void {
    for (const target of this.book.values()) {
      if (target.state === 'dialling') this.dialler.cancel(target)
      this.settle(target, failure)
      if (isNeeded(target) && !this.linkOf(target)) this.queue(target)
    }
    this.#timerAt = null
  }

  onLinked(target: Target, connection: ConnectionId): void {
    if (target.state === 'queued') target.state = 'idle'
    target.expiresAt = null
    target.recalled = false
    target.busy = 0
    target.kept ||= target.requests.size > 0
    this.settle(target, connection)
  }

  /** A link of it was over before it was of use, or a useful one is lost. */
  onLost(target: Target, code: string): void {
    target.lastCode = code
    target.lastDetail = null
    if (target.state !== 'idle') return
    if (!isNeeded(target) || !this.retry(target)) this.rest(target, this.#options.queue.unresponsiveMs)
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

  /** A candidate that a busy peer named, for the topics of that peer. */
  hear(candidate: Candidate, { wanted, priority }: Pick<Target, 'wanted' | 'priority'>): void {
    const target = this.book.note(candidate)
    if (!target) return
    for (const topic of wanted) {
      addTopic(target.offered, topic)
      addTopic(target.wanted, topic)
    }
    target.priority = Math.max(target.priority, priority)
    if (target.state === 'idle') this.queue(target)
  }

  #onFailed(target: Target, failure: Failure): void {
    const { code } = failure
    if (code === 'ERR_DUPLICATE' && this.#isDuplicate(target)) return
    if (code === 'ERR_PEER_MISMATCH') {
      this.#options.emit({ type: 'warning', code, message: `another peer answered for ${target.key}` })
    }
    this.settle(target, code === OVER_BUDGET ? { ...failure, code: 'ERR_DIAL' } : failure)
    target.recalled = false
    target.lastCode = code
    target.lastDetail = failure.detail ?? null
    if (code === 'ERR_SELF') this.book.delete(target)
    else if (isRefusal(code)) this.rest(target, REFUSED_MS)
    else if (code === 'ERR_LIMIT' && !target.persistent) this.#onBusy(target)
    else if (!isNeeded(target) || !this.retry(target)) this.rest(target, this.#options.queue.unresponsiveMs)
  }

  /** It answered, so it is worth another try; who was named by a busy peer is not, others will name it again. */
  #onBusy(target: Target): void {
    target.busy++
    if (target.source === 'busy' || !isNeeded(target)) return this.rest(target, REFUSED_MS)
    const delay = busyDelay(target.busy, this.#options.random)
    target.notBefore = this.#now + delay
    this.queue(target, delay)
  }

  /** True if the link that it duplicates is there, or about to be: then whoever asked gets that one. */
  #isDuplicate(target: Target): boolean {
    const link = this.linkOf(target)
    if (link) this.onLinked(target, link)
    const peer = peerOf(target)
    return peer !== null && this.#options.peers.knows(peer)
  }

  #dialDue(): void {
    while (true) {
      const target = this.book.next(this.#now, this.room.gate(this.#now))
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
    } else if (target.busy > 0 && !isByHand(target) && !this.room.takeRedial(this.#now)) {
      target.dueAt = this.room.nextRedialAt(this.#now)
    } else {
      target.startedAt = this.#now
      this.dialler.start(target)
    }
  }

  /** When something is to be done that no input will tell of. */
  #wakeAt(wait: boolean): number | null {
    const roomAt = this.room.roomAt(this.#now) ?? Number.POSITIVE_INFINITY
    const isOpenTo = this.room.gate(this.#now)
    let first = Number.POSITIVE_INFINITY
    for (const target of this.book.values()) {
      const { state, dueAt, expiresAt } = target
      if (expiresAt !== null) first = Math.min(first, expiresAt)
      if (state !== 'queued') continue
      if (dueAt > this.#now) first = Math.min(first, dueAt)
      else first = Math.min(first, wait && isOpenTo(target) ? this.#now : roomAt)
    }
    return first === Number.POSITIVE_INFINITY ? null : first
  }

  /** Given by hand, needed, and neither linked nor on its way. */
  #isLost(target: Target): boolean {
    if (!isByHand(target) || target.state !== 'idle' || !isNeeded(target) || this.linkOf(target)) return false
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
