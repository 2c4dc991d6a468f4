// The pool's driver: it gives the machine its inputs, one after another, and does what comes out before the next. It decides
// nothing. No failure of a transport, a callback or a listener leaves it half way: each is reported as a warning.

import {
  type Address,
  type AddressRecord,
  type ByteStream,
  type Candidate,
  type Clock,
  Emitter,
  type IncomingStream,
  type Link,
  type ListenOptions,
  type PeerId,
  printAddress,
  type TopicId,
  type Transport,
  Turns,
  type Want,
} from '@hearsay/core'
import type { MuxLink } from '@hearsay/core/mux'
import { TransportError, type TransportErrorCode } from '../errors.js'
import type { AttachOptions, BannedPeer, BanOptions, Pool, PoolEvents, PoolOptions, PoolReport } from '../pool.js'
import { Connections, turnAway } from './connections.js'
import { Listening } from './listening.js'
import { PoolMachine } from './machine.js'
import type { ConnectionId, Failure, PoolInput, PoolOutput, PoolTimer } from './messages.js'
import { socketLimit } from './options.js'
import { checkMs } from './queue-options.js'
import { isWelcome, type PoolHost, resolvePool } from './setup.js'
import { NamedTimers } from './timers.js'
import { Waiters } from './waiters.js'

const LEAVING: Failure = { code: 'ERR_CLOSED', message: 'the pool is closed' }
const ASLEEP: Failure = { code: 'ERR_SUSPENDED', message: 'the pool is suspended' }

type OutputOf<Type extends PoolOutput['type']> = Extract<PoolOutput, { readonly type: Type }>

export class ConnectionPool extends Emitter<PoolEvents> implements Pool {
  readonly #setup: PoolHost
  readonly #clock: Clock
  readonly #machine: PoolMachine
  readonly #listening: Listening
  readonly #timers: NamedTimers<PoolTimer>
  readonly #connections: Connections
  readonly #links = new Map<PeerId, MuxLink>()
  readonly #records = new Map<PeerId, AddressRecord>()
  readonly #requests = new Waiters<number>()
  readonly #turns = new Turns<PoolInput>((input) => this.#step(input))
  /** Counts requests. */
  #count = 0
  #closing: Promise<void> | null = null

  constructor(options: PoolOptions) {
    super((error) => this.#warn(error))
    const setup = resolvePool(options, (error) => this.#warn(error))
    const { clock, transports } = setup
    this.#setup = setup
    this.#clock = clock
    this.#timers = new NamedTimers(clock)
    this.#machine = new PoolMachine(setup.machine)
    this.#connections = new Connections(setup, (input) => this.#feed(input))
    const onStream = (incoming: IncomingStream, transport: Transport): void => this.#accept(incoming, transport)
    this.#listening = new Listening({
      transports: [...transports.values()],
      onStream,
      check: () => this.#checkOpen(),
      isAsleep: () => this.suspended,
      report: setup.report,
    })
  }

  get links(): ReadonlyMap<PeerId, Link> {
    return this.#links
  }

  get addresses(): readonly Address[] {
    return this.#listening.addresses
  }

  get banned(): readonly BannedPeer[] {
    const [now, wall] = [this.#clock.now(), this.#clock.wall()]
    return this.#machine.banned(now).map(([peer, { reason, until }]) => {
      return { peer, reason, expires: until === Number.POSITIVE_INFINITY ? null : new Date(wall + until - now) }
    })
  }

  get suspended(): boolean {
    return this.#machine.suspended
  }

  want(target: Candidate, { topic, priority = 0 }: Want): void {
    this.#feed({ type: 'want', target, topic, priority, teller: this.#placeOf(target.referrer) })
  }

  offer(target: Candidate, topic: TopicId): void {
    this.#feed({ type: 'offer', target, topic, teller: this.#placeOf(target.referrer) })
  }

  release(peer: PeerId | Candidate, topic: TopicId): void {
    this.#feed({ type: 'release', peer, topic })
  }

  leave(topic: TopicId): void {
    this.#feed({ type: 'leave', topic })
  }

  candidates(topic: TopicId, n: number): readonly Candidate[] {
    return this.#machine.candidates(topic, n)
  }

  recordOf(peer: PeerId): AddressRecord | null {
    return this.#records.get(peer) ?? null
  }

  referralOf(peer: PeerId): AddressRecord | null {
    return this.#machine.referralOf(peer)
  }

  ban(peer: PeerId, options: BanOptions = {}): void {
    const { reason, ms } = options
    if (ms !== undefined) checkMs('ms', ms)
    this.#feed({ type: 'ban', peer, ...(reason !== undefined && { reason }), ...(ms !== undefined && { ms }) })
  }

  unban(peer: PeerId): void {
    this.#feed({ type: 'unban', peer })
  }

  backoff(peer: PeerId): void {
    this.#feed({ type: 'backoff', peer })
  }

  async listen(options: ListenOptions = {}): Promise<readonly Address[]> {
    this.#checkAwake()
    if (socketLimit(this.#setup.limits.maxServerSockets) === 0) return []
    return this.#listening.listen(options)
  }

  async connect(target: Address | PeerId, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Link> {
    this.#checkOpen()
    const request = this.#count++
    const link = this.#requests.wait(request)
    const onAbort = (): void => {
      this.#requests.reject(request, { code: 'ERR_ABORTED', message: 'connecting was aborted' })
      this.#feed({ type: 'cancel', request })
    }
    const [peer, address] = typeof target === 'string' ? [target, null] : [null, target]
    if (signal?.aborted) onAbort()
    else this.#feed({ type: 'connect', request, peer, address })
    signal?.addEventListener('abort', onAbort)
    return link.finally(() => signal?.removeEventListener('abort', onAbort))
  }

  async attach(stream: ByteStream, options: AttachOptions): Promise<Link> {
    this.#checkAwake()
    return this.#connections.attach(stream, options)
  }

  async disconnect(peer: PeerId): Promise<void> {
    const link = this.#links.get(peer)
    this.#feed({ type: 'disconnect', peer })
    await link?.close()
  }

  inspect(): PoolReport {
    const peers = [...this.#links.values()].map(({ remote: peer, address, initiator, rtt }) => {
      return { peer, address: address && printAddress(address), initiator, rtt }
    })
    const { halfOpen } = this.#connections
    const queue = this.#machine.queued(this.#clock.now())
    return { ...this.#machine.counts, halfOpen, peers, queue, banned: this.banned, suspended: this.suspended }
  }

  async suspend(): Promise<void> {
    this.#checkOpen()
    this.#feed({ type: 'suspend' })
    this.#connections.dropAll(ASLEEP)
    this.#timers.stopAll()
    await Promise.all([this.#listening.sleep(), this.#connections.parted()])
  }

  async resume(): Promise<void> {
    this.#checkOpen()
    this.#feed({ type: 'resume' })
    await this.#listening.wake()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    // Whoever closes the pool in one of its events hears the rest of that event first.
    await null
    const listening = this.#listening.close()
    this.#feed({ type: 'close' })
    // What the machine has not met yet: streams that have not proved who is there.
    this.#connections.dropAll(LEAVING)
    this.#timers.stopAll()
    this.#requests.rejectAll(LEAVING)
    await Promise.all([listening, this.#connections.parted()])
    const closing = [...this.#setup.transports.values()].map(async (transport) => transport.close())
    for (const each of await Promise.allSettled(closing)) if (each.status === 'rejected') this.#warn(each.reason)
    this.clear()
  }

  #feed(input: PoolInput): void {
    this.#turns.take(input)
  }

  #step(input: PoolInput): void {
    for (const output of this.#decide(input)) this.#try(output)
  }

  /** The machine does not throw, but what it is given may: a candidate of somebody's own discovery that is none. */
  #decide(input: PoolInput): readonly PoolOutput[] {
    try {
      this.#connections.onInput(input)
      if (input.type === 'ready' && input.record) this.#records.set(input.record.peer, input.record)
      return this.#machine.handle(input, this.#clock.now())
    } catch (error) {
      this.#warn(error)
      return []
    }
  }

  #do(output: PoolOutput): void {
    switch (output.type) {
      case 'dial':
        return this.#connections.dial(output)
      case 'drop':
        return this.#connections.drop(output.connection)
      case 'greet':
        return this.#connections.greet(output.connection)
      case 'close':
        return this.#connections.part(output)
      case 'ping':
        return this.#connections.ping(output.connection, output.timeoutMs)
      case 'validate':
        return void this.#validate(output)
      case 'refused':
        return this.#onRefused(output)
      case 'tried':
        return this.#onTried(output)
      case 'timer':
        return this.#timers.set(output.timer, output.ms, () => this.#feed({ type: 'timer', timer: output.timer }))
      case 'stop':
        return this.#timers.stop(output.timer)
      case 'link':
        return this.#onLink(output.connection, output.peer)
      case 'unlink':
        return this.#onUnlink(output.peer)
      case 'settled':
        return this.#onSettled(output.request, output.result)
      case 'warning':
        return this.#warn(new TransportError(output.code as TransportErrorCode, output.message))
    }
  }

  #accept(incoming: IncomingStream, transport: Transport): void {
    if (this.#closing || this.suspended) turnAway(incoming)
    else this.#connections.accept(incoming, transport)
  }

  async #validate({ connection, peer }: OutputOf<'validate'>): Promise<void> {
    const accepted = await isWelcome(this.#connections.describe(connection, peer), this.#setup)
    this.#feed({ type: 'validated', connection, accepted })
  }

  #onTried({ address, peer, code, ms }: OutputOf<'tried'>): void {
    this.emit('attempt', { address, peer, code: code as TransportErrorCode | null, ms })
  }

  #onRefused({ connection, peer, code }: OutputOf<'refused'>): void {
    this.emit('refused', { ...this.#connections.describe(connection, peer), code: code as TransportErrorCode })
  }

  #onLink(id: ConnectionId, peer: PeerId): void {
    const link = this.#connections.linkOf(id)
    if (!link) return
    this.#links.set(peer, link)
    this.#setup.log('linked', { peer, initiator: link.initiator })
    this.#connections.onLinked(id, link)
    // So that the distance is known from the start; whether it answers is for its liveness to find out.
    link.ping(this.#setup.limits.probeTimeoutMs).catch(() => {})
    this.emit('link', link)
  }

  #onUnlink(peer: PeerId): void {
    const link = this.#links.get(peer)
    this.#links.delete(peer)
    this.#records.delete(peer)
    this.#setup.log('unlinked', { peer })
    if (link) this.emit('unlink', link)
  }

  #onSettled(request: number, result: ConnectionId | Failure): void {
    const link = typeof result === 'string' ? this.#connections.linkOf(result) : null
    if (link) this.#requests.resolve(request, link)
    else this.#requests.reject(request, typeof result === 'string' ? LEAVING : result)
  }

  #placeOf(peer: PeerId | undefined): Address | null {
    return (peer && this.#links.get(peer)?.address) ?? null
  }

  #checkOpen(): void {
    if (this.#closing) throw new TransportError('ERR_CLOSED', LEAVING.message)
  }

  #checkAwake(): void {
    this.#checkOpen()
    if (this.suspended) throw new TransportError('ERR_SUSPENDED', ASLEEP.message)
  }

  #try(output: PoolOutput): void {
    try {
      this.#do(output)
    } catch (error) {
      this.#warn(error)
    }
  }

  #warn(error: unknown): void {
    this.emit('warning', error instanceof Error ? error : new Error(String(error)))
  }
}
