// The pool as a machine: inputs in, outputs out, no clock, no sockets. This file decides what each input means; who is let in
// stands in door.ts, who is dialled when in planner.ts, which of two links with a peer stays in peers.ts. It never throws for
// what a remote did.

import type { Address, AddressRecord, Candidate, PeerId, Random, TopicId } from '@hearsay/core'
import { Aftermath } from './aftermath.js'
import { type Ban, BanList } from './bans.js'
import type { Target } from './book.js'
import { Door } from './door.js'
import type { Teller } from './hearsay.js'
import type { ConnectionId, Emit, Failure, PoolInput, PoolOutput, PoolTimer } from './messages.js'
import type { PoolLimits } from './options.js'
import { Peers } from './peers.js'
import { Planner } from './planner.js'
import { type QueueOptions, type ResolvedQueue, resolveQueue } from './queue-options.js'
import { MAX_REFERRALS, Referrals } from './referrals.js'
import { type QueuedCandidate, reportQueue } from './report.js'
import { Requests } from './requests.js'
import { Sockets } from './sockets.js'
import { Wants } from './wants.js'

export interface PoolMachineOptions {
  /** This node's own name. */
  readonly self: PeerId
  readonly limits: PoolLimits
  readonly random: Random
  /** True if this node knows how to dial the scheme. */
  readonly canDial: (scheme: string) => boolean
  readonly queue?: QueueOptions
  /** Each peer has to be validated before the hello. @default false */
  readonly validates?: boolean
  /** True if an address that was only heard of is worth a dial; `teller` is where who named it is linked. @default always */
  readonly isCredible?: (address: Address, teller: Teller) => boolean
}

/** What the machine holds, for people who ask why. */
export interface PoolCounts {
  readonly links: number
  readonly dialling: number
  readonly candidates: number
  readonly bans: number
  /** Streams that this node opened, and peers that opened one to it. */
  readonly clientSockets: number
  readonly serverSockets: number
}

type InputOf<Type extends PoolInput['type']> = Extract<PoolInput, { readonly type: Type }>

const ASLEEP: Failure = { code: 'ERR_SUSPENDED', message: 'the pool is suspended' }

export class PoolMachine {
  readonly #options: PoolMachineOptions
  readonly #queue: ResolvedQueue
  readonly #bans: BanList
  readonly #peers: Peers
  readonly #planner: Planner
  readonly #sockets: Sockets
  readonly #referrals: Referrals
  readonly #door: Door
  readonly #requests: Requests
  readonly #wants: Wants
  readonly #aftermath: Aftermath
  /** Timers that run. */
  readonly #timers = new Set<PoolTimer>()
  #outputs: PoolOutput[] = []
  #now = 0
  /** How long the link lived that ended last. */
  #livedMs = 0
  #suspended = false
  #closed = false

  constructor(options: PoolMachineOptions) {
    const { self, limits, random, canDial, isCredible = () => true } = options
    const emit: Emit = (output) => this.#emit(output)
    this.#options = options
    this.#queue = resolveQueue(options.queue)
    this.#sockets = new Sockets(limits)
    this.#referrals = new Referrals(random)
    this.#bans = new BanList({ ...limits, forgetMs: this.#queue.bannedMs, random })
    this.#peers = new Peers({
      self,
      limits,
      emit,
      onRefused: (connection, code) => this.#planner.dialler.onFailed(connection, { code, message: 'refused by us' }),
      refer: (asker) => this.#referrals.pick(asker),
      onLinked: (peer, connection) => this.#onLinked(peer, connection),
    })
    const shared = { limits, random, emit, bans: this.#bans, peers: this.#peers, sockets: this.#sockets }
    this.#planner = new Planner({ ...shared, queue: this.#queue, canDial })
    this.#door = new Door({ ...shared, self, validates: options.validates ?? false })
    const asked = { self, emit, peers: this.#peers, planner: this.#planner }
    this.#requests = new Requests(asked)
    this.#wants = new Wants({ ...asked, graceMs: limits.graceMs, isCredible })
    this.#aftermath = new Aftermath({ planner: this.#planner, queue: this.#queue, random })
  }

  get counts(): PoolCounts {
    const { book, dialler } = this.#planner
    const { client: clientSockets, server: serverSockets } = this.#sockets
    const [links, bans] = [this.#peers.linked, this.#bans.size]
    return { links, dialling: dialler.size, candidates: book.size, bans, clientSockets, serverSockets }
  }

  get suspended(): boolean {
    return this.#suspended
  }

  /** Keys that are shut out now. */
  banned(now: number): readonly (readonly [PeerId, Ban])[] {
    return this.#bans.list(now)
  }

  /** What is known of each candidate, and why it is not dialled. */
  queued(now: number): readonly QueuedCandidate[] {
    return reportQueue(this.#planner, { now, suspended: this.#suspended })
  }

  /** What is to be done, in order. After `close`: nothing. */
  handle(input: PoolInput, now: number): readonly PoolOutput[] {
    if (this.#closed) return []
    this.#now = now
    this.#outputs = []
    this.#planner.begin(now)
    this.#take(input)
    // All that is wanted in one turn is dialled by urgency, not in the order it was said.
    const wait = input.type === 'want' || input.type === 'connect'
    if (!this.#closed && !this.#suspended) this.#planner.plan({ wait })
    return this.#outputs
  }

  /** The linked peer's own record, if it names no host but the one that the peer is linked from. */
  referralOf(peer: PeerId): AddressRecord | null {
    return this.#referrals.recordOf(peer)
  }

  /** Up to `n` candidates that are known for the topic and not linked. */
  candidates(topic: TopicId, n: number): readonly Candidate[] {
    return this.#planner.candidates(topic, n)
  }

  #take(input: PoolInput): void {
    switch (input.type) {
      case 'want':
        return this.#wants.onWant(input)
      case 'offer':
        return void this.#wants.note(input)
      case 'release':
        return this.#wants.onRelease(input)
      case 'leave':
        return this.#wants.onLeave(input.topic)
      case 'connect':
        return this.#suspended ? this.#requests.refuse(input.request, ASLEEP) : this.#requests.onConnect(input)
      case 'cancel':
        return this.#requests.onCancel(input.request)
      case 'disconnect':
        return this.#onDisconnect(input.peer)
      case 'authenticated':
        return this.#onAuthenticated(input)
      case 'validated':
        return this.#door.onValidated(input.connection, { accepted: input.accepted, now: this.#now })
      case 'ready':
        return this.#onReady(input)
      case 'failed':
        return this.#onFailed(input)
      case 'pong':
        return this.#peers.onPong(input.connection, input.alive)
      case 'ended':
        return this.#onEnded(input)
      case 'ban':
        return this.#onBan(input)
      case 'unban':
        return void this.#bans.unban(input.peer, this.#now)
      case 'backoff':
        return this.#aftermath.onBackoff(input.peer, this.#now)
      case 'timer':
        return this.#onTimer(input.timer)
      case 'suspend':
        return this.#onSuspend()
      case 'resume':
        this.#suspended = false
        return
      case 'close':
        return this.#onClose()
    }
  }

  #onDisconnect(peer: PeerId): void {
    this.#forgetPeer(peer)
    this.#peers.closeAll(peer, 'ERR_CLOSED', 'disconnected')
  }

  #onAuthenticated({ connection, peer }: InputOf<'authenticated'>): void {
    this.#planner.dialler.onAuthenticated(connection, peer)
    if (this.#suspended) return this.#peers.refuse(connection, ASLEEP.code, ASLEEP.message)
    this.#door.onAuthenticated(connection, { peer, now: this.#now })
  }

  #onReady({ connection, record, from = null }: InputOf<'ready'>): void {
    this.#peers.onReady(connection)
    const peer = this.#peers.peerOf(connection)
    if (peer && record?.peer === peer) this.#referrals.onRecord(peer, { record, from })
  }

  #onFailed({ connection, code, detail = null, tries = [] }: InputOf<'failed'>): void {
    const target = this.#planner.dialler.targetOf(connection)
    if (target && code === 'ERR_LIMIT') this.#hear(target, { tries, teller: this.#sockets.dialledBy(connection) })
    this.#onGone(connection)
    this.#planner.dialler.onFailed(connection, { code, message: 'no link came of it', detail })
  }

  /** A busy peer names others: who is not known yet is a candidate for what the busy one was wanted for. */
  #hear(busy: Target, { tries, teller }: { tries: readonly Candidate[]; teller: Address | null }): void {
    const { canDial, isCredible = () => true, self } = this.#options
    for (const { peer, addresses } of tries.slice(0, MAX_REFERRALS)) {
      if (!peer || peer === self || this.#peers.knows(peer) || this.#planner.book.of(peer).length > 0) continue
      const worth = addresses.filter((address) => canDial(address.scheme) && isCredible(address, teller))
      if (worth.length > 0) this.#planner.hear({ peer, addresses: worth, source: 'busy' }, busy)
    }
  }

  #onGone(connection: ConnectionId): PeerId | null {
    this.#sockets.onGone(connection)
    this.#door.onGone(connection)
    return this.#peers.onGone(connection)
  }

  #onEnded({ connection, reason }: InputOf<'ended'>): void {
    const peer = this.#onGone(connection)
    if (!peer) return
    const times = { livedMs: this.#livedMs, now: this.#now }
    if (reason.ban && reason.by === 'local') return this.#onBan({ peer, reason: reason.code })
    for (const target of this.#planner.book.of(peer)) this.#aftermath.onLinkEnded(target, reason, times)
  }

  #onBan({ peer, reason, ms }: Omit<InputOf<'ban'>, 'type'>): void {
    this.#bans.ban(peer, this.#now, { ...(reason !== undefined && { reason }), ...(ms !== undefined && { ms }) })
    this.#forgetPeer(peer, { code: 'ERR_BANNED', message: 'this peer was shut out' })
    this.#peers.closeAll(peer, 'ERR_BANNED', 'shut out')
  }

  #forgetPeer(peer: PeerId, failure: Failure = { code: 'ERR_CLOSED', message: 'disconnected' }): void {
    for (const target of this.#planner.book.of(peer)) this.#planner.forget(target, failure)
  }

  #onLinked(peer: PeerId, connection: ConnectionId): void {
    this.#aftermath.onLinked(peer, this.#now)
    this.#referrals.onLinked(peer, this.#sockets.dialledBy(connection))
    this.#planner.dialler.onLinked(peer, connection)
    for (const target of this.#planner.book.of(peer)) this.#planner.onLinked(target, connection)
    if (this.#sockets.dialledBy(connection)) this.#wants.onDialled(peer)
  }

  #onTimer(timer: PoolTimer): void {
    this.#timers.delete(timer)
    const rest = timer.slice(timer.indexOf('/') + 1)
    if (timer === 'queue') this.#planner.onTimer()
    else if (timer.startsWith('stagger/')) this.#planner.dialler.onStagger(Number(rest))
    else if (timer.startsWith('dial/')) this.#planner.dialler.onTimeout(rest as ConnectionId)
    else if (timer.startsWith('validate/')) this.#door.onTimeout(rest as ConnectionId)
    else this.#wants.onGraceEnd(rest as PeerId)
  }

  /** Whom it is linked with is remembered by the addresses that are known, and dialled when it wakes. */
  #onSuspend(): void {
    if (this.#suspended) return
    this.#suspended = true
    const { isCredible = () => true } = this.#options
    const linked = this.#peers.everybody().filter((peer) => this.#peers.linkWith(peer))
    for (const peer of linked) {
      const addresses = this.#referrals.addressesOf(peer).filter((address) => isCredible(address, 'discovery'))
      if (addresses.length > 0) this.#planner.book.note({ peer, addresses, source: 'resume' })
    }
    this.#door.clear(ASLEEP)
    this.#planner.suspend(ASLEEP)
    for (const peer of this.#peers.everybody()) this.#peers.closeAll(peer, ASLEEP.code, 'the node sleeps')
    for (const peer of linked) for (const target of this.#planner.book.of(peer)) this.#recall(target)
    for (const timer of [...this.#timers]) this.#emit({ type: 'stop', timer })
  }

  #recall(target: Target): void {
    target.recalled = true
    this.#planner.recall(target)
  }

  #onClose(): void {
    const failure = { code: 'ERR_CLOSED', message: 'the pool is closed' }
    for (const target of [...this.#planner.book.values()]) this.#planner.forget(target, failure)
    for (const peer of this.#peers.everybody()) this.#peers.closeAll(peer, 'ERR_CLOSED', 'the node leaves')
    this.#door.clear(failure)
    this.#closed = true
  }

  /** The one place where outputs are made, and where what they mean for the books is kept. */
  #emit(output: PoolOutput): void {
    if (output.type === 'timer') this.#timers.add(output.timer)
    else if (output.type === 'stop') this.#timers.delete(output.timer)
    else if (output.type === 'dial') this.#sockets.onDialled(output.connection, output.address)
    else if (output.type === 'drop' || output.type === 'close') this.#sockets.onGone(output.connection)
    else if (output.type === 'unlink') this.#onUnlinked(output.peer)
    this.#outputs.push(output)
  }

  #onUnlinked(peer: PeerId): void {
    this.#livedMs = this.#aftermath.onUnlinked(peer, this.#now)
    this.#referrals.onUnlinked(peer)
  }
}
