// The pool as a machine: inputs in, outputs out, no clock, no sockets. This file decides what each input means and when a
// candidate is dialled again; who is next stands in book.ts, how one is dialled in dialler.ts, which of two links with a
// peer stays in peers.ts. It never throws for what a remote did.

import type { Candidate, CloseReason, PeerId, Random, TopicId } from '@hearsay/core'
import { BanList } from './bans.js'
import { addTopic, Book, isNeeded, PRIORITY_BY_HAND, peerOf, type Target } from './book.js'
import { Dialler } from './dialler.js'
import type { ConnectionId, Emit, Failure, PoolInput, PoolOutput, PoolTimer } from './messages.js'
import type { PoolLimits } from './options.js'
import { Peers } from './peers.js'

export interface PoolMachineOptions {
  /** This node's own name. */
  readonly self: PeerId
  readonly limits: PoolLimits
  readonly random: Random
  /** True if this node knows how to dial the scheme. */
  readonly canDial: (scheme: string) => boolean
}

/** What the machine holds, for people who ask why. */
export interface PoolCounts {
  readonly links: number
  readonly dialling: number
  readonly candidates: number
  readonly bans: number
}

type InputOf<Type extends PoolInput['type']> = Extract<PoolInput, { readonly type: Type }>

/** Waits between dials of a candidate that was useful before; then it is forgotten. */
const REQUEUE_MS = [1_000, 5_000, 15_000] as const
/** A link that lived so long was of use. */
const PROVEN_AFTER_MS = 10_000
/** When a stream with the peer is on its way already, look again then. */
const LOOK_AGAIN_MS = 500
/** Requests by hand that wait for one candidate. */
const MAX_REQUESTS = 64
/** A persistent candidate is not dialled twice within this, however late its failure came. */
const BREATH_MS = 100

export class PoolMachine {
  readonly #options: PoolMachineOptions
  readonly #book: Book
  readonly #bans: BanList
  readonly #dialler: Dialler
  readonly #peers: Peers
  /** Since when a peer has its link. */
  readonly #since = new Map<PeerId, number>()
  #outputs: PoolOutput[] = []
  #now = 0
  #queueAt: number | null = null
  #closed = false

  constructor(options: PoolMachineOptions) {
    const { self, limits, random, canDial } = options
    const emit: Emit = (output) => this.#outputs.push(output)
    const onFailed = (target: Target, failure: Failure): void => this.#onTargetFailed(target, failure)
    this.#options = options
    this.#book = new Book(limits.maxTargets)
    this.#bans = new BanList({ ...limits, random })
    this.#dialler = new Dialler({ limits, emit, canDial, onFailed })
    this.#peers = new Peers({
      self,
      limits,
      emit,
      onRefused: (connection, code) => this.#dialler.onFailed(connection, { code, message: 'refused by us' }),
      onLinked: (peer, connection) => this.#onLinked(peer, connection),
    })
  }

  get counts(): PoolCounts {
    const links = this.#peers.linked().length
    return { links, dialling: this.#dialler.size, candidates: this.#book.size, bans: this.#bans.size }
  }

  /** What is to be done, in order. After `close`: nothing. */
  handle(input: PoolInput, now: number): readonly PoolOutput[] {
    if (this.#closed) return []
    this.#now = now
    this.#outputs = []
    this.#take(input)
    if (!this.#closed) this.#plan(input)
    return this.#outputs
  }

  /** Up to `n` candidates that are known for the topic and not linked, in the order they were heard of. */
  candidates(topic: TopicId, n: number): readonly Candidate[] {
    const found: Candidate[] = []
    for (const target of this.#book.values()) {
      if (found.length >= n) break
      const { peer, addresses, source, persistent, offered } = target
      if (offered.has(topic) && !this.#linkOf(target)) found.push({ peer, addresses, source, persistent })
    }
    return found
  }

  #take(input: PoolInput): void {
    switch (input.type) {
      case 'want':
        return this.#onWant(input)
      case 'offer':
        return void this.#note(input)
      case 'release':
        return this.#onRelease(input)
      case 'connect':
        return this.#onConnect(input)
      case 'cancel':
        return this.#onCancel(input.request)
      case 'disconnect':
        return this.#onDisconnect(input.peer)
      case 'authenticated':
        return this.#onAuthenticated(input)
      case 'ready':
        return this.#peers.onReady(input.connection)
      case 'failed':
        return this.#onFailed(input)
      case 'pong':
        return this.#peers.onPong(input.connection, input.alive)
      case 'ended':
        return this.#onEnded(input)
      case 'timer':
        return this.#onTimer(input.timer)
      case 'close':
        return this.#onClose()
    }
  }

  #note({ target, topic }: InputOf<'offer' | 'want'>): Target | null {
    if (target.peer === this.#options.self) return null
    const known = this.#book.note(target)
    if (known) addTopic(known.offered, topic)
    return known
  }

  #onWant(input: InputOf<'want'>): void {
    const target = this.#note(input)
    if (!target) return
    addTopic(target.wanted, input.topic)
    target.priority = Math.max(target.priority, input.priority)
    const peer = peerOf(target)
    if (peer && this.#linkOf(target)) this.#emit({ type: 'stop', timer: `grace/${peer}` })
    else if (target.state === 'idle') this.#queue(target, 0)
  }

  #onRelease({ peer, topic }: InputOf<'release'>): void {
    const targets = this.#book.of(peer)
    const released = targets.filter((target) => target.wanted.delete(topic))
    for (const target of released) if (!isNeeded(target)) this.#stand(target)
    if (released.length === 0 || targets.some(isHeld) || !this.#peers.linkWith(peer)) return
    this.#emit({ type: 'timer', timer: `grace/${peer}`, ms: this.#options.limits.graceMs })
  }

  #onConnect({ request, peer, address }: InputOf<'connect'>): void {
    const expected = peer ?? address?.peer ?? null
    const link = expected && this.#peers.linkWith(expected)
    if (link) return this.#emit({ type: 'settled', request, result: link })
    if (expected === this.#options.self) return this.#refuseRequest(request, 'ERR_SELF', 'that is this node')
    const addresses = address ? [address] : []
    const known = expected && !address ? this.#book.of(expected).find((each) => each.addresses.length > 0) : undefined
    const target = known ?? (address ? this.#book.note({ peer: expected, addresses, source: 'manual' }) : null)
    if (!target) return this.#refuseRequest(request, 'ERR_DIAL', 'no address of this peer is known')
    if (target.requests.size >= MAX_REQUESTS) return this.#refuseRequest(request, 'ERR_LIMIT', 'too many ask for it')
    target.requests.add(request)
    target.priority = PRIORITY_BY_HAND
    if (target.state !== 'dialling') this.#queue(target, 0)
  }

  #onCancel(request: number): void {
    const target = this.#book.ofRequest(request)
    target?.requests.delete(request)
    if (target && !isNeeded(target)) this.#stand(target)
  }

  #onDisconnect(peer: PeerId): void {
    this.#forgetPeer(peer)
    this.#since.delete(peer)
    this.#peers.closeAll(peer, 'ERR_CLOSED', 'disconnected')
  }

  #onAuthenticated({ connection, peer }: InputOf<'authenticated'>): void {
    this.#dialler.onAuthenticated(connection, peer)
    if (peer === this.#options.self) return this.#peers.refuse(connection, 'ERR_SELF', 'this is yourself')
    if (this.#bans.isBanned(peer, this.#now)) return this.#peers.refuse(connection, 'ERR_BANNED', 'shut out')
    this.#peers.onAuthenticated(connection, peer)
  }

  #onFailed({ connection, code }: InputOf<'failed'>): void {
    this.#peers.onGone(connection)
    this.#dialler.onFailed(connection, { code, message: 'the connection failed' })
  }

  #onEnded({ connection, reason }: InputOf<'ended'>): void {
    const peer = this.#peers.onGone(connection)
    if (!peer) return
    const livedMs = this.#now - (this.#since.get(peer) ?? this.#now)
    this.#since.delete(peer)
    if (reason.ban && reason.by === 'local') this.#ban(peer)
    for (const target of this.#book.of(peer)) this.#afterLink(target, reason, livedMs)
  }

  /** Persistent candidates come back by themselves; who said goodbye is not asked again. */
  #afterLink(target: Target, { by }: CloseReason, livedMs: number): void {
    target.proven ||= livedMs >= PROVEN_AFTER_MS
    if (by === 'failure' && target.proven && !target.persistent && isNeeded(target)) this.#requeue(target)
  }

  #ban(peer: PeerId): void {
    this.#bans.ban(peer, this.#now)
    this.#forgetPeer(peer)
  }

  #forgetPeer(peer: PeerId): void {
    for (const target of this.#book.of(peer)) {
      this.#dialler.cancel(target)
      this.#settle(target, { code: 'ERR_CLOSED', message: 'disconnected' })
      this.#book.delete(target)
    }
  }

  #onLinked(peer: PeerId, connection: ConnectionId): void {
    this.#since.set(peer, this.#now)
    this.#dialler.onLinked(peer, connection)
    for (const target of this.#book.of(peer)) this.#onTargetLinked(target, connection)
  }

  #onTargetLinked(target: Target, connection: ConnectionId): void {
    if (target.state === 'queued') target.state = 'idle'
    target.failures = 0
    target.kept ||= target.requests.size > 0
    this.#settle(target, connection)
  }

  #onTargetFailed(target: Target, failure: Failure): void {
    const { code, message } = failure
    const peer = peerOf(target)
    // The link that it duplicates is there or about to be; whoever waits for it hears of that one.
    if (code === 'ERR_DUPLICATE' && peer && this.#peers.knows(peer)) return
    if (code === 'ERR_PEER_MISMATCH')
      this.#emit({ type: 'warning', code, message: `${target.key}: another peer answered` })
    this.#settle(target, { code, message })
    const retry = isNeeded(target) && code !== 'ERR_BANNED' && code !== 'ERR_SELF'
    if (retry && (target.persistent || (target.proven && target.failures < REQUEUE_MS.length))) this.#requeue(target)
    else this.#book.delete(target)
  }

  #onTimer(timer: PoolTimer): void {
    if (timer === 'queue') {
      this.#queueAt = null
      return
    }
    const slash = timer.indexOf('/')
    const rest = timer.slice(slash + 1)
    if (timer.startsWith('stagger/')) this.#dialler.onStagger(Number(rest))
    else if (timer.startsWith('dial/')) this.#dialler.onTimeout(rest as ConnectionId)
    else this.#onGraceEnd(rest as PeerId)
  }

  #onGraceEnd(peer: PeerId): void {
    if (this.#book.of(peer).some(isHeld)) return
    this.#since.delete(peer)
    this.#peers.closeAll(peer, 'ERR_UNWANTED', 'no topic needs this link')
  }

  #onClose(): void {
    for (const target of this.#book.values()) {
      this.#settle(target, { code: 'ERR_CLOSED', message: 'the pool is closed' })
      this.#dialler.cancel(target)
    }
    for (const peer of this.#peers.everybody()) this.#peers.closeAll(peer, 'ERR_CLOSED', 'the node leaves')
    this.#closed = true
  }

  /** Dials who is due, and sets the timer for who will be. All that is wanted in one turn is dialled by urgency. */
  #plan({ type }: PoolInput): void {
    for (const target of this.#book.values()) if (this.#isLost(target)) this.#requeue(target)
    if (type !== 'want' && type !== 'connect') this.#dialDue()
    const { dueAt } = this.#book
    const isFull = !this.#hasRoom()
    if (dueAt === null || dueAt === this.#queueAt || (isFull && dueAt <= this.#now)) return
    this.#queueAt = dueAt
    this.#emit({ type: 'timer', timer: 'queue', ms: Math.max(0, dueAt - this.#now) })
  }

  #dialDue(): void {
    while (this.#hasRoom()) {
      const target = this.#book.next(this.#now)
      if (!target) return
      this.#dialOne(target)
    }
  }

  #dialOne(target: Target): void {
    const link = this.#linkOf(target)
    const peer = peerOf(target)
    if (!isNeeded(target)) target.state = 'idle'
    else if (link) this.#onTargetLinked(target, link)
    else if (peer && this.#peers.knows(peer)) target.dueAt = this.#now + LOOK_AGAIN_MS
    else if (peer && this.#bans.isBanned(peer, this.#now)) this.#dropBanned(target)
    else {
      target.startedAt = this.#now
      this.#dialler.start(target)
    }
  }

  #dropBanned(target: Target): void {
    this.#settle(target, { code: 'ERR_BANNED', message: 'this peer was shut out' })
    this.#book.delete(target)
  }

  #hasRoom(): boolean {
    const { dialConcurrency, maxLinks } = this.#options.limits
    return this.#dialler.size < dialConcurrency && this.#peers.size + this.#dialler.size < maxLinks
  }

  /** Given by hand, needed, and neither linked nor on its way. */
  #isLost(target: Target): boolean {
    if (!target.persistent || target.state !== 'idle' || !isNeeded(target)) return false
    const peer = peerOf(target)
    return !this.#linkOf(target) && !(peer && this.#peers.knows(peer))
  }

  /** The ready link that the target leads to. An address is believed to lead where it led before. */
  #linkOf(target: Target): ConnectionId | null {
    if (!peerOf(target))
      target.reached = target.addresses.map((each) => this.#dialler.leadsTo(each)).find(Boolean) ?? null
    const peer = peerOf(target)
    return peer && this.#peers.linkWith(peer)
  }

  #requeue(target: Target): void {
    const { persistMs } = this.#options.limits
    const draw = 0.1 + this.#options.random.below(201) / 1_000
    if (target.persistent) {
      const base = target.failures === 0 ? Math.min(REQUEUE_MS[0], persistMs) : persistMs
      this.#queue(target, Math.max(BREATH_MS, target.startedAt + base * (1 - draw) - this.#now))
    } else {
      const base = REQUEUE_MS[Math.min(target.failures, REQUEUE_MS.length - 1)] ?? 0
      this.#queue(target, base * (this.#options.random.below(2) === 0 ? 1 - draw : 1 + draw))
    }
    target.failures++
  }

  #queue(target: Target, ms: number): void {
    target.state = 'queued'
    target.dueAt = this.#now + ms
  }

  /** Nobody needs it now: it is neither dialled nor about to be. */
  #stand(target: Target): void {
    if (target.state === 'dialling') this.#dialler.cancel(target)
    target.state = 'idle'
  }

  #settle(target: Target, result: ConnectionId | Failure): void {
    for (const request of target.requests) this.#emit({ type: 'settled', request, result })
    target.requests.clear()
  }

  #refuseRequest(request: number, code: string, message: string): void {
    this.#emit({ type: 'settled', request, result: { code, message } })
  }

  #emit(output: PoolOutput): void {
    this.#outputs.push(output)
  }
}

/** A topic or a person needs the link. */
function isHeld(target: Target): boolean {
  return isNeeded(target) || target.kept
}
