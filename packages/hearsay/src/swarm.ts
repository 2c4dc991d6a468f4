// For those who only want encrypted streams to everybody interested in a topic: dwebswarm's surface over any discovery and
// any transports. A peer is one connection, however many topics it shares; both sides know which.

import type { Duplex } from 'node:stream'
import {
  type Address,
  type Candidate,
  createTopic,
  Emitter,
  type EventSource,
  type Link,
  type PeerId,
  parseAddress,
  sodiumCrypto,
  type Topic,
  TopicChannels,
  type TopicId,
  withPeer,
} from '@hearsay/core'
import { NodeError } from './errors.js'
import { type ResolvedNodeOptions, resolveNodeOptions } from './options.js'
import type { Looking } from './search.js'
import { Stack } from './stack.js'
import { Connection, type PeerInfo } from './swarm/connection.js'
import { type SwarmOptions, swarmPool } from './swarm/options.js'

export type { PeerInfo, PeerInfoEvents } from './swarm/connection.js'
export type { SwarmOptions } from './swarm/options.js'

export interface SwarmJoinOptions {
  /** Let others find this node. @default false */
  readonly announce?: boolean
  /** Look for others; always true without `announce`. @default true */
  readonly lookup?: boolean
}

export type SwarmEvents = {
  /** An encrypted stream to a peer that shares a topic; pipe it. Its errors need no handler. */
  readonly connection: [stream: Duplex, info: PeerInfo]
  readonly disconnection: [stream: Duplex, info: PeerInfo]
  /** A candidate was found. */
  readonly peer: [candidate: Candidate]
  /** A peer that proved its key was not let in: banned, refused by `validatePeer`, or one too many; the code says which. */
  readonly 'peer-rejected': [peer: PeerId, reason: string]
  /** A topic has been announced and looked up once. */
  readonly updated: [topic: string]
  readonly warning: [error: Error]
}

/** One topic of a swarm. */
export interface SwarmSession {
  /** Resolves when the topic has been announced and looked up once. */
  flushed(): Promise<void>
  refresh(): void
  leave(): Promise<void>
}

/** Encrypted streams to everybody interested in a topic. */
export interface Swarm extends EventSource<SwarmEvents> {
  readonly id: PeerId
  readonly addresses: readonly Address[]
  readonly connections: ReadonlySet<Duplex>
  /** Joins a topic, or changes the roles of one that was joined. Throws `ERR_TOPIC` or `ERR_CLOSED`. */
  join(topic: string | Uint8Array, options?: SwarmJoinOptions): SwarmSession
  /** Leaves the topic; connections that no other topic needs end. Resolves always, also for an unknown topic. */
  leave(topic: string | Uint8Array): Promise<void>
  /** The roles in a topic, or null. */
  status(topic: string | Uint8Array): { readonly announce: boolean; readonly lookup: boolean } | null
  /** A link to a candidate's peer or an address; its stream comes as `connection` when a topic is shared. */
  connect(candidate: Candidate | Address | string, options?: { readonly signal?: AbortSignal }): Promise<Link>
  /** Resolves when the swarm listens; rejects with `ERR_LISTEN`. */
  ready(): Promise<void>
  /** Leaves every topic and ends every connection. Twice is once. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const TOPIC_PROTOCOL = 'hearsay/topic/1'

/** A swarm that starts listening at once. */
export function createSwarm(options: SwarmOptions = {}): Swarm {
  return new HearsaySwarm(options)
}

type Roles = { readonly announce: boolean; readonly lookup: boolean }

interface Joined {
  readonly topic: Topic
  readonly channels: TopicChannels
  readonly roles: Roles
  /** It starts when the swarm listens: only then is there a port to announce. */
  readonly session: Promise<Looking>
}

class HearsaySwarm extends Emitter<SwarmEvents> implements Swarm {
  readonly id: PeerId
  readonly connections: Set<Duplex> = new Set()
  readonly #parts: ResolvedNodeOptions
  readonly #stack: Stack
  readonly #joined = new Map<TopicId, Joined>()
  readonly #peers = new Map<Link, Connection>()
  /** Settles when it listens or cannot; `ready` tells which. */
  readonly #listening: Promise<void>
  #listenError: unknown = null
  #closing: Promise<void> | null = null

  constructor(options: SwarmOptions) {
    super((error) => this.#warn(error))
    this.#parts = resolveNodeOptions(options)
    this.id = this.#parts.linkIdentity.id
    this.#stack = new Stack(this.#parts, swarmPool(options), (error) => this.#warn(error))
    this.#stack.pool.on('link', (link) => this.#onLink(link))
    this.#stack.pool.on('unlink', (link) => this.#peers.delete(link))
    this.#stack.pool.on('refused', ({ id, code }) => this.emit('peer-rejected', id, code))
    this.#stack.pool.on('warning', (error) => this.#warn(error))
    this.#listening = this.#stack.listen().catch((error: unknown) => {
      this.#listenError = error
      this.#warn(error)
    })
  }

  get addresses(): readonly Address[] {
    return this.#stack.pool.addresses
  }

  async ready(): Promise<void> {
    await this.#listening
    if (this.#listenError !== null) throw this.#listenError
  }

  join(name: string | Uint8Array, options: SwarmJoinOptions = {}): SwarmSession {
    if (this.#closing) throw new NodeError('ERR_CLOSED', 'the swarm is closed')
    const topic = createTopic(name, { network: this.#parts.network })
    const announce = options.announce ?? false
    const roles = { announce, lookup: announce ? (options.lookup ?? true) : true }
    const before = this.#joined.get(topic.id)
    const session = this.#listening.then(async () => {
      // The stack begins no search before the one that was left has withdrawn its announcement.
      void (await before?.session)?.leave()
      return this.#discover(topic, roles)
    })
    this.#joined.set(topic.id, { topic, channels: before?.channels ?? this.#enter(topic), roles, session })
    return {
      flushed: async () => (await session).flushed(),
      refresh: () => void session.then((started) => started.refresh()),
      leave: () => this.leave(name),
    }
  }

  async leave(name: string | Uint8Array): Promise<void> {
    const { id } = createTopic(name, { network: this.#parts.network })
    const joined = this.#joined.get(id)
    if (!joined) return
    this.#joined.delete(id)
    joined.channels.close()
    for (const connection of this.#peers.values()) connection.unshare(labelOf(joined.topic))
    const left = (await joined.session).leave()
    // Who joined it again meanwhile needs them still.
    if (!this.#joined.has(id)) this.#stack.release(id)
    await left
  }

  status(name: string | Uint8Array): Roles | null {
    return this.#joined.get(createTopic(name, { network: this.#parts.network }).id)?.roles ?? null
  }

  async connect(target: Candidate | Address | string, options: { readonly signal?: AbortSignal } = {}): Promise<Link> {
    const address = typeof target === 'string' ? parseAddress(target) : target
    if ('scheme' in address) return this.#stack.pool.connect(address, options)
    const { peer, addresses } = address
    const [first] = addresses
    if (first) return this.#stack.pool.connect(peer === null ? first : withPeer(first, peer), options)
    if (peer === null) throw new NodeError('ERR_OPTION', 'the candidate has neither a peer nor an address')
    return this.#stack.pool.connect(peer, options)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #enter(topic: Topic): TopicChannels {
    const name = labelOf(topic)
    const handles = new Map<number, Link>()
    const channels = new TopicChannels({
      topic,
      protocol: TOPIC_PROTOCOL,
      crypto: sodiumCrypto(),
      handlers: {
        onUp: (handle, { link }) => {
          handles.set(handle, link)
          this.#stack.onShared(link.remote, topic.id)
          this.#onShared(link, name)
        },
        onDown: (handle) => {
          const link = handles.get(handle)
          handles.delete(handle)
          if (link) this.#peers.get(link)?.unshare(name)
        },
        onFrame: () => {},
        onDrain: () => {},
      },
    })
    for (const link of this.#stack.pool.links.values()) channels.add(link)
    return channels
  }

  #discover(topic: Topic, roles: Roles): Looking {
    const linked = (): number => [...(this.#joined.get(topic.id)?.channels ?? [])].length
    const onCandidate = (candidate: Candidate): void => void this.emit('peer', candidate)
    const session = this.#stack.discover(topic, roles, { linked, onCandidate })
    void session.flushed().then(() => this.emit('updated', labelOf(topic)))
    return session
  }

  #onLink(link: Link): void {
    const actions = {
      ban: (peer: PeerId, reason: string) => this.#stack.pool.ban(peer, { reason }),
      backoff: (peer: PeerId) => this.#stack.pool.backoff(peer),
    }
    this.#peers.set(link, new Connection(link, actions, (error) => this.#warn(error)))
    for (const { channels } of this.#joined.values()) channels.add(link)
  }

  #onShared(link: Link, topic: string): void {
    const connection = this.#peers.get(link)
    const stream = connection?.share(topic)
    if (!connection || !stream) return
    this.connections.add(stream)
    stream.once('close', () => {
      this.connections.delete(stream)
      this.emit('disconnection', stream, connection)
    })
    this.emit('connection', stream, connection)
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#joined.values()].map(async ({ session }) => (await session).leave()))
    for (const stream of this.connections) stream.destroy()
    await this.#stack.close()
  }

  #warn(error: unknown): void {
    this.emit('warning', error instanceof Error ? error : new Error(String(error)))
  }
}

function labelOf(topic: Topic): string {
  return topic.name ?? topic.id
}
