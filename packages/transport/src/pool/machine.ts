// The pool as a machine: inputs in, outputs out, no clock, no sockets. This file decides what each input means; who is
// dialled when stands in planner.ts, which of two links with a peer stays in peers.ts. It never throws for what a remote did.

import type { Candidate, PeerId, Random, TopicId } from '@hearsay/core'
import { BanList } from './bans.js'
import { addTopic, isNeeded, PRIORITY_BY_HAND, peerOf, type Target } from './book.js'
import type { ConnectionId, Emit, PoolInput, PoolOutput, PoolTimer } from './messages.js'
import type { PoolLimits } from './options.js'
import { Peers } from './peers.js'
import { Planner } from './planner.js'

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

/** A link that lived so long was of use, in milliseconds. */
const PROVEN_AFTER_MS = 10_000
/** Requests by hand that wait for one candidate. */
const MAX_REQUESTS = 64

export class PoolMachine {
  readonly #options: PoolMachineOptions
  readonly #bans: BanList
  readonly #peers: Peers
  readonly #planner: Planner
  /** Since when a peer has its link; as many as there are links. */
  readonly #since = new Map<PeerId, number>()
  #outputs: PoolOutput[] = []
  #now = 0
  #closed = false

  constructor(options: PoolMachineOptions) {
    const { self, limits, random, canDial } = options
    const emit: Emit = (output) => this.#outputs.push(output)
    this.#options = options
    this.#bans = new BanList({ ...limits, random })
    this.#peers = new Peers({
      self,
      limits,
      emit,
      onRefused: (connection, code) => this.#planner.dialler.onFailed(connection, { code, message: 'refused by us' }),
      onLinked: (peer, connection) => this.#onLinked(peer, connection),
    })
    this.#planner = new Planner({ limits, random, emit, canDial, bans: this.#bans, peers: this.#peers })
  }

  get counts(): PoolCounts {
    const { book, dialler } = this.#planner
    return { links: this.#peers.linked, dialling: dialler.size, candidates: book.size, bans: this.#bans.size }
  }

  /** What is to be done, in order. After `close`: nothing. */
  handle(input: PoolInput, now: number): readonly PoolOutput[] {
    if (this.#closed) return []
    this.#now = now
    this.#outputs = []
    this.#planner.begin(now)
    this.#take(input)
    // All that is wanted in one turn is dialled by urgency, not in the order it was said.
    if (!this.#closed) this.#planner.plan({ wait: input.type === 'want' || input.type === 'connect' })
    return this.#outputs
  }

  /** Up to `n` candidates that are known for the topic and not linked. */
  candidates(topic: TopicId, n: number): readonly Candidate[] {
    return this.#planner.candidates(topic, n)
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
    const known = this.#planner.book.note(target)
    if (known) addTopic(known.offered, topic)
    return known
  }

  #onWant(input: InputOf<'want'>): void {
    const target = this.#note(input)
    if (!target) return
    addTopic(target.wanted, input.topic)
    target.priority = Math.max(target.priority, input.priority)
    const link = this.#planner.linkOf(target)
    const peer = peerOf(target)
    if (link && peer) this.#emit({ type: 'stop', timer: `grace/${peer}` })
    else if (target.state === 'idle') this.#planner.queue(target)
  }

  #onRelease({ peer, topic }: InputOf<'release'>): void {
    const targets = this.#planner.book.of(peer)
    const released = targets.filter((target) => target.wanted.delete(topic))
    for (const target of released) if (!isNeeded(target)) this.#planner.stand(target)
    if (released.length === 0 || targets.some(isHeld) || !this.#peers.linkWith(peer)) return
    this.#emit({ type: 'timer', timer: `grace/${peer}`, ms: this.#options.limits.graceMs })
  }

  #onConnect(input: InputOf<'connect'>): void {
    const { request, address } = input
    const expected = input.peer ?? address?.peer ?? null
    const link = expected && this.#peers.linkWith(expected)
    if (link) return this.#emit({ type: 'settled', request, result: link })
    if (expected === this.#options.self) return this.#refuse(request, 'ERR_SELF', 'that is this node')
    const target = this.#targetOf(input)
    if (!target) return this.#refuse(request, 'ERR_DIAL', 'no address of this peer is known')
    if (target.requests.size >= MAX_REQUESTS) return this.#refuse(request, 'ERR_LIMIT', 'too many ask for it')
    target.requests.add(request)
    target.priority = PRIORITY_BY_HAND
    if (target.state !== 'dialling') this.#planner.queue(target)
  }

  #targetOf({ peer, address }: InputOf<'connect'>): Target | null {
    const { book } = this.#planner
    if (address) return book.note({ peer: address.peer, addresses: [address], source: 'manual' })
    const known = peer ? book.of(peer) : []
    return known.find(({ addresses }) => addresses.length > 0) ?? null
  }

  #onCancel(request: number): void {
    const target = this.#planner.book.ofRequest(request)
    target?.requests.delete(request)
    if (target && !isNeeded(target)) this.#planner.stand(target)
  }

  #onDisconnect(peer: PeerId): void {
    this.#forgetPeer(peer)
    this.#since.delete(peer)
    this.#peers.closeAll(peer, 'ERR_CLOSED', 'disconnected')
  }

  #onAuthenticated({ connection, peer }: InputOf<'authenticated'>): void {
    this.#planner.dialler.onAuthenticated(connection, peer)
    if (peer === this.#options.self) return this.#peers.refuse(connection, 'ERR_SELF', 'this is yourself')
    if (this.#bans.isBanned(peer, this.#now)) return this.#peers.refuse(connection, 'ERR_BANNED', 'shut out')
    this.#peers.onAuthenticated(connection, peer)
  }

  #onFailed({ connection, code }: InputOf<'failed'>): void {
    this.#peers.onGone(connection)
    this.#planner.dialler.onFailed(connection, { code, message: 'no link came of it' })
  }

  /** Persistent candidates come back by themselves; who said goodbye is not asked again. */
  #onEnded({ connection, reason }: InputOf<'ended'>): void {
    const peer = this.#peers.onGone(connection)
    if (!peer) return
    const proven = this.#now - (this.#since.get(peer) ?? this.#now) >= PROVEN_AFTER_MS
    this.#since.delete(peer)
    if (reason.ban && reason.by === 'local') return this.#ban(peer)
    for (const target of this.#planner.book.of(peer)) {
      target.proven ||= proven
      if (reason.by === 'failure' && target.proven && isNeeded(target)) this.#planner.retry(target)
    }
  }

  #ban(peer: PeerId): void {
    this.#bans.ban(peer, this.#now)
    this.#forgetPeer(peer)
  }

  #forgetPeer(peer: PeerId): void {
    const failure = { code: 'ERR_CLOSED', message: 'disconnected' }
    for (const target of this.#planner.book.of(peer)) this.#planner.forget(target, failure)
  }

  #onLinked(peer: PeerId, connection: ConnectionId): void {
    this.#since.set(peer, this.#now)
    this.#planner.dialler.onLinked(peer, connection)
    for (const target of this.#planner.book.of(peer)) this.#planner.onLinked(target, connection)
  }

  #onTimer(timer: PoolTimer): void {
    const rest = timer.slice(timer.indexOf('/') + 1)
    if (timer === 'queue') this.#planner.onTimer()
    else if (timer.startsWith('stagger/')) this.#planner.dialler.onStagger(Number(rest))
    else if (timer.startsWith('dial/')) this.#planner.dialler.onTimeout(rest as ConnectionId)
    else this.#onGraceEnd(rest as PeerId)
  }

  #onGraceEnd(peer: PeerId): void {
    if (this.#planner.book.of(peer).some(isHeld)) return
    this.#since.delete(peer)
    this.#peers.closeAll(peer, 'ERR_UNWANTED', 'no topic needs this link')
  }

  #onClose(): void {
    const failure = { code: 'ERR_CLOSED', message: 'the pool is closed' }
    for (const target of [...this.#planner.book.values()]) this.#planner.forget(target, failure)
    for (const peer of this.#peers.everybody()) this.#peers.closeAll(peer, 'ERR_CLOSED', 'the node leaves')
    this.#closed = true
  }

  #refuse(request: number, code: string, message: string): void {
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
