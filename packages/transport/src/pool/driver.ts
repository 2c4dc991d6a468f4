// The pool's driver: it gives the machine its inputs, one after another, and does what comes out before the next. It decides
// nothing.

import {
  type Address,
  type ByteStream,
  type Candidate,
  type Clock,
  DEFAULT_NETWORK,
  Emitter,
  type IncomingStream,
  type Link,
  type Listener,
  type ListenOptions,
  type Logger,
  type PeerId,
  printAddress,
  sodiumCrypto,
  systemClock,
  systemRandom,
  type TopicId,
  type Transport,
  type Want,
} from '@hearsay/core'
import type { MuxLink } from '@hearsay/core/mux'
import { TransportError, type TransportErrorCode } from '../errors.js'
import type { AttachOptions, Pool, PoolEvents, PoolOptions, PoolReport } from '../pool.js'
import { Acceptor } from './acceptor.js'
import { Connection, type ConnectionHost, type ConnectionOptions } from './connection.js'
import { PoolMachine } from './machine.js'
import type { ConnectionId, Failure, PoolInput, PoolOutput, PoolTimer } from './messages.js'
import { resolvePoolLimits } from './options.js'
import { NamedTimers } from './timers.js'
import { Waiters } from './waiters.js'

const LEAVING: Failure = { code: 'ERR_CLOSED', message: 'the pool is closed' }

export class ConnectionPool extends Emitter<PoolEvents> implements Pool {
  readonly #transports: ReadonlyMap<string, Transport>
  readonly #clock: Clock
  readonly #logger: Logger | undefined
  readonly #machine: PoolMachine
  readonly #acceptor: Acceptor
  readonly #host: ConnectionHost
  readonly #timers: NamedTimers<PoolTimer>
  readonly #connections = new Map<ConnectionId, Connection>()
  readonly #links = new Map<PeerId, MuxLink>()
  readonly #listeners: Listener[] = []
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
    const { identity, clock = systemClock(), random = systemRandom(), crypto = sodiumCrypto() } = options
    const limits = resolvePoolLimits(options.limits)
    this.#transports = new Map(options.transports.map((transport) => [transport.scheme, transport]))
    this.#clock = clock
    this.#logger = options.logger
    this.#timers = new NamedTimers(clock)
    this.#acceptor = new Acceptor({ clock, limits, ...(options.ownHosts && { ownHosts: options.ownHosts }) })
    const canDial = (scheme: string): boolean => this.#transports.has(scheme)
    this.#machine = new PoolMachine({ self: identity.id, limits, random, canDial })
    const report = (error: unknown): void => this.#warn(error)
    const input = (each: PoolInput): void => this.#feed(each)
    const network = options.network ?? DEFAULT_NETWORK
    this.#host = { identity, network, clock, random, crypto, limits, report, input }
  }

  get links(): ReadonlyMap<PeerId, Link> {
    return this.#links
  }

  get addresses(): readonly Address[] {
    return this.#listeners.flatMap(({ addresses }) => addresses)
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

  async listen(options: ListenOptions = {}): Promise<readonly Address[]> {
    this.#checkOpen()
    const found: Address[] = []
    for (const transport of this.#transports.values()) {
      if (!transport.capabilities.listen) continue
      const listener = await transport.listen(options, (incoming) => this.#accept(incoming, transport))
      if (this.#closing) await listener.close()
      this.#checkOpen()
      this.#listeners.push(listener)
      found.push(...listener.addresses)
    }
    return found
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
    this.#checkOpen()
    const id: ConnectionId = `in/${this.#count++}`
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
    return { ...this.#machine.counts, halfOpen: this.#acceptor.halfOpen, peers }
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
    const listeners = this.#listeners.splice(0).map((listener) => listener.close())
    this.#feed({ type: 'close' })
    // What the machine has not met yet: streams that have not proved who is there.
    for (const connection of this.#connections.values()) connection.drop()
    this.#connections.clear()
    this.#timers.stopAll()
    this.#requests.rejectAll(LEAVING)
    this.#attached.rejectAll(LEAVING)
    await Promise.all([...listeners, ...this.#partings])
    await Promise.all([...this.#transports.values()].map((transport) => transport.close()))
    this.clear()
  }

  #feed(input: PoolInput): void {
    this.#inputs.push(input)
    if (this.#draining) return
    this.#draining = true
    for (let next = this.#inputs.shift(); next; next = this.#inputs.shift()) {
      this.#follow(next)
      for (const output of this.#machine.handle(next, this.#clock.now())) this.#do(output)
    }
    this.#draining = false
  }

  /** What an input means for the driver itself. */
  #follow(input: PoolInput): void {
    if (input.type === 'ready') this.#acceptor.leave(input.connection)
    else if (input.type === 'ended') this.#forget(input.connection, LEAVING)
    else if (input.type === 'failed')
      this.#forget(input.connection, { code: input.code, message: 'no link came of it' })
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
        return this.#part(output.connection, output)
      case 'ping':
        return this.#connections.get(output.connection)?.ping(output.timeoutMs)
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
    if (this.#closing) return void incoming.stream.destroy()
    const id: ConnectionId = `in/${this.#count++}`
    if (!this.#acceptor.admit(id, incoming)) return this.#log('an inbound stream was dropped', {})
    const { address, stream } = incoming
    const { authenticated } = capabilities
    this.#connect({ id, initiator: false, address, expected: null, authenticated, open: async () => stream })
  }

  #dial({ connection: id, address, expected }: Extract<PoolOutput, { type: 'dial' }>): void {
    const transport = this.#transports.get(address.scheme)
    const authenticated = transport?.capabilities.authenticated ?? false
    const open = async (signal: AbortSignal): Promise<ByteStream> => {
      if (!transport) throw new TransportError('ERR_DIAL', `no transport for ${address.scheme}`)
      return transport.dial(address, { signal })
    }
    this.#log('dialling', { address: printAddress(address) })
    this.#connect({ id, initiator: true, address, expected, authenticated, open })
  }

  #connect(options: ConnectionOptions): void {
    this.#connections.set(options.id, new Connection(this.#host, options))
  }

  #drop(id: ConnectionId): void {
    this.#connections.get(id)?.drop()
    this.#forget(id, { code: 'ERR_ABORTED', message: 'given up' })
  }

  #part(id: ConnectionId, farewell: Failure): void {
    const parting = this.#connections.get(id)?.close(farewell.code, farewell.message)
    this.#forget(id, farewell)
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
    this.#log('linked', { peer, initiator: link.initiator })
    this.#attached.resolve(id, link)
    this.emit('link', link)
  }

  #onUnlink(peer: PeerId): void {
    const link = this.#links.get(peer)
    this.#links.delete(peer)
    this.#log('unlinked', { peer })
    if (link) this.emit('unlink', link)
  }

  #onSettled(request: number, result: ConnectionId | Failure): void {
    const link = typeof result === 'string' ? this.#connections.get(result)?.link : null
    if (link) this.#requests.resolve(request, link)
    else this.#requests.reject(request, typeof result === 'string' ? LEAVING : result)
  }

  #checkOpen(): void {
    if (this.#closing) throw new TransportError('ERR_CLOSED', 'the pool is closed')
  }

  #log(message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#logger?.({ level: 'debug', scope: 'transport/pool', message, fields })
  }

  #warn(error: unknown): void {
    this.emit('warning', error instanceof Error ? error : new Error(String(error)))
  }
}
