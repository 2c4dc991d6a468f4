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
  type Want,
} from '@hearsay/core'
import type { MuxLink } from '@hearsay/core/mux'
import { TransportError, type TransportErrorCode } from '../errors.js'
import type { AttachOptions, BannedPeer, BanOptions, Pool, PoolEvents, PoolOptions, PoolReport } from '../pool.js'
import { Acceptor, discard } from './acceptor.js'
import { encodeTries } from './busy.js'
import { Connection, type ConnectionHost, type ConnectionOptions } from './connection.js'
import { Listening } from './listening.js'
import { PoolMachine } from './machine.js'
import type { ConnectionId, Failure, PoolInput, PoolOutput, PoolTimer } from './messages.js'
import { socketLimit } from './options.js'
import { checkMs } from './queue-options.js'
import { describePeer, isWelcome, type PoolHost, resolvePool } from './setup.js'
import { NamedTimers } from './timers.js'
import { Waiters } from './waiters.js'

const LEAVING: Failure = { code: 'ERR_CLOSED', message: 'the pool is closed' }
const ASLEEP: Failure = { code: 'ERR_SUSPENDED', message: 'the pool is suspended' }

type OutputOf<Type extends PoolOutput['type']> = Extract<PoolOutput, { readonly type: Type }>

export class ConnectionPool extends Emitter<PoolEvents> implements Pool {
  readonly #setup: PoolHost
  readonly #clock: Clock
  readonly #machine: PoolMachine
  readonly #acceptor: Acceptor
  readonly #listening: Listening
  readonly #host: ConnectionHost
  readonly #timers: NamedTimers<PoolTimer>
  readonly #connections = new Map<ConnectionId, Connection>()
  readonly #links = new Map<PeerId, MuxLink>()
  readonly #records = new Map<PeerId, AddressRecord>()
  readonly #requests = new Waiters<number>()
  readonly #attached = new Waiters<ConnectionId>()
  /** Goodbyes that are being said. */
  readonly #partings = new Set<Promise<void>>()
  readonly #inputs: PoolInput[] = []
  #draining = false
  /** Counts inbound connections and requests. */
  #count = 0
  #closing: Promise<void> | null = null

  constructor(options: PoolOptions) {
    super((error) => this.#warn(error))
    const setup = resolvePool(options, (error) => this.#warn(error))
    const { clock, limits, transports } = setup
    this.#setup = setup
    this.#clock = clock
    this.#timers = new NamedTimers(clock)
    const onEvicted = (id: ConnectionId): void => this.#drop(id)
    this.#acceptor = new Acceptor({ clock, limits, ownHosts: setup.ownHosts, onEvicted })
    this.#machine = new PoolMachine(setup.machine)
    this.#host = { ...setup.connection, input: (each) => this.#feed(each) }
    this.#listening = new Listening({
      transports: [...transports.values()],
      onStream: (incoming, transport) => this.#accept(incoming, transport),
      report: setup.report,
      check: () => this.#checkAwake(),
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
    this.#feed({ type: 'want', target, topic, priority })
  }

  offer(target: Candidate, topic: TopicId): void {
    this.#feed({ type: 'offer', target, topic })
  }

  release(peer: PeerId, topic: TopicId): void {
    this.#feed({ type: 'release', peer, topic })
  }

  candidates(topic: TopicId, n: number): readonly Candidate[] {
    return this.#machine.candidates(topic, n)
  }

  recordOf(peer: PeerId): AddressRecord | null {
    return this.#records.get(peer) ?? null
  }

  ban(peer: PeerId, options: BanOptions = {}): void {
    if (options.ms !== undefined) checkMs('ms', options.ms)
    const { reason, ms } = options
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

  async attach(stream: ByteStream, { initiator, expected }: AttachOptions): Promise<Link> {
    this.#checkAwake()
    const id: ConnectionId = `hand/${this.#count++}`
    const link = this.#attached.wait(id)
    const open = async (): Promise<ByteStream> => stream
    this.#connect({ id, initiator, address: null, expected: expected ?? null, authenticated: false, open })
    return link
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
    const { halfOpen } = this.#acceptor
    const queue = this.#machine.queued(this.#clock.now())
    return { ...this.#machine.counts, halfOpen, peers, queue, banned: this.banned, suspended: this.suspended }
  }

  async suspend(): Promise<void> {
    this.#checkOpen()
    this.#feed({ type: 'suspend' })
    this.#dropStrangers(ASLEEP)
    this.#timers.stopAll()
    await Promise.all([this.#listening.sleep(), ...this.#partings])
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
    this.#dropStrangers(LEAVING)
    this.#timers.stopAll()
    this.#requests.rejectAll(LEAVING)
    await Promise.all([listening, ...this.#partings])
    const closing = [...this.#setup.transports.values()].map(async (transport) => transport.close())
    for (const each of await Promise.allSettled(closing)) if (each.status === 'rejected') this.#warn(each.reason)
    this.clear()
  }

  /** What the machine has not met yet: streams that have not proved who is there. */
  #dropStrangers(why: Failure): void {
    for (const [id, connection] of [...this.#connections]) {
      connection.drop()
      this.#forget(id, why)
    }
    this.#attached.rejectAll(why)
  }

  #feed(input: PoolInput): void {
    this.#inputs.push(input)
    if (this.#draining) return
    this.#draining = true
    for (let next = this.#inputs.shift(); next; next = this.#inputs.shift()) {
      this.#follow(next)
      for (const output of this.#machine.handle(next, this.#clock.now())) this.#safely(() => this.#do(output))
    }
    this.#draining = false
  }

  /** What an input means for the driver itself. */
  #follow(input: PoolInput): void {
    if (input.type === 'authenticated') this.#acceptor.prove(input.connection)
    else if (input.type === 'ready') this.#acceptor.leave(input.connection)
    else if (input.type === 'ended') this.#forget(input.connection, LEAVING)
    else if (input.type === 'failed')
      this.#forget(input.connection, { code: input.code, message: 'no link came of it' })
    if (input.type === 'ready' && input.record) this.#records.set(input.record.peer, input.record)
  }

  #do(output: PoolOutput): void {
    switch (output.type) {
      case 'dial':
        return this.#dial(output)
      case 'drop':
        return this.#drop(output.connection)
      case 'greet':
        return this.#connections.get(output.connection)?.greet()
      case 'close':
        return this.#part(output)
      case 'ping':
        return this.#connections.get(output.connection)?.ping(output.timeoutMs)
      case 'validate':
        return void this.#validate(output)
      case 'refused':
        return this.#onRefused(output)
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

  #accept(incoming: IncomingStream, { capabilities }: Transport): void {
    if (this.#closing || this.suspended) return discard(incoming.stream)
    const id: ConnectionId = `in/${this.#count++}`
    if (!this.#acceptor.admit(id, incoming)) return this.#setup.log('an inbound stream was dropped', {})
    const { address, stream } = incoming
    const { authenticated } = capabilities
    this.#connect({ id, initiator: false, address, expected: null, authenticated, open: async () => stream })
  }

  #dial({ connection: id, address, expected }: OutputOf<'dial'>): void {
    const transport = this.#setup.transports.get(address.scheme)
    const authenticated = transport?.capabilities.authenticated ?? false
    const open = async (signal: AbortSignal): Promise<ByteStream> => {
      if (!transport) throw new TransportError('ERR_DIAL', `no transport for ${address.scheme}`)
      return transport.dial(address, { signal })
    }
    this.#setup.log('dialling', { address: printAddress(address) })
    this.#connect({ id, initiator: true, address, expected, authenticated, open })
  }

  #connect(options: ConnectionOptions): void {
    this.#connections.set(options.id, new Connection(this.#host, options))
  }

  async #validate({ connection, peer }: OutputOf<'validate'>): Promise<void> {
    const described = describePeer(peer, this.#connections.get(connection))
    const accepted = await isWelcome(described, this.#setup)
    this.#feed({ type: 'validated', connection, accepted })
  }

  #onRefused({ connection, peer, code }: OutputOf<'refused'>): void {
    const described = describePeer(peer, this.#connections.get(connection))
    this.emit('refused', { ...described, code: code as TransportErrorCode })
  }

  #drop(id: ConnectionId): void {
    this.#connections.get(id)?.drop()
    this.#forget(id, { code: 'ERR_ABORTED', message: 'given up' })
  }

  #part({ connection: id, code, message, tries = [] }: OutputOf<'close'>): void {
    const extra = tries.length > 0 ? { extra: encodeTries(tries) } : {}
    const parting = this.#connections.get(id)?.close({ code, message, ...extra })
    this.#forget(id, { code, message })
    if (!parting) return
    this.#partings.add(parting)
    void parting.then(() => this.#partings.delete(parting))
  }

  #forget(id: ConnectionId, failure: Failure): void {
    this.#connections.delete(id)
    this.#acceptor.leave(id)
    this.#attached.reject(id, failure)
  }

  #onLink(id: ConnectionId, peer: PeerId): void {
    const link = this.#connections.get(id)?.link
    if (!link) return
    this.#links.set(peer, link)
    this.#setup.log('linked', { peer, initiator: link.initiator })
    this.#attached.resolve(id, link)
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
    const link = typeof result === 'string' ? this.#connections.get(result)?.link : null
    if (link) this.#requests.resolve(request, link)
    else this.#requests.reject(request, typeof result === 'string' ? LEAVING : result)
  }

  #checkOpen(): void {
    if (this.#closing) throw new TransportError('ERR_CLOSED', LEAVING.message)
  }

  #checkAwake(): void {
    this.#checkOpen()
    if (this.suspended) throw new TransportError('ERR_SUSPENDED', ASLEEP.message)
  }

  #safely(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#warn(error)
    }
  }

  #warn(error: unknown): void {
    this.emit('warning', error instanceof Error ? error : new Error(String(error)))
  }
}
