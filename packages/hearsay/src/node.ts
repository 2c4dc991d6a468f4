// One running instance with one identity: the layers composed. Discovery finds candidates, the pool links to them, gossip
// talks over the links; this file only introduces them to each other.

import {
  type Address,
  type ByteStream,
  type Candidate,
  createTopic,
  Emitter,
  type EventSource,
  isPeerId,
  type Link,
  type PeerId,
  parseAddress,
  printAddress,
  type Topic,
  type TopicId,
} from '@hearsay/core'
import { channelDuplex, secretFromPassphrase } from '@hearsay/core/node'
import type { AddressBook, ExternalPlace } from '@hearsay/discovery'
import { type ConnectOptions, createRoom, type KeptGossip, type NamedEncodings, type Room } from '@hearsay/gossip'
import type { PoolReport } from '@hearsay/transport'
import { NodeError } from './errors.js'
import { gossipOf, type JoinOptions, type NamedJoinOptions } from './join-options.js'
import { type Members, membersOf } from './members.js'
import { checkMembership, type NodeOptions, type ResolvedNodeOptions, resolveNodeOptions } from './options.js'
import { roomDuplex } from './room-duplex.js'
import { SplitSearch } from './split-search.js'
import { Stack } from './stack.js'

export type NodeEvents = {
  readonly link: [link: Link]
  readonly unlink: [link: Link]
  /** Something went wrong that was handled: for logs. */
  readonly warning: [error: Error]
}

export interface AttachOptions {
  /** Exactly one of the two ends is the initiator. */
  readonly initiator: boolean
  /** The peer that must be at the other end. */
  readonly peer?: PeerId
}

/** What a node is doing, for people who ask why. */
export interface NodeReport {
  readonly id: PeerId
  readonly author: PeerId
  readonly addresses: readonly string[]
  readonly topics: readonly { readonly topic: string; readonly peers: readonly PeerId[] }[]
  readonly pool: PoolReport
  /** What the DHT says of this machine; null if it has not said, or is not used. */
  readonly external: ExternalPlace | null
}

/** One running instance with one identity. */
export interface Node extends EventSource<NodeEvents> {
  /** The name that peers know this node by. */
  readonly id: PeerId
  /** The key that signs this node's messages; mostly the same. */
  readonly author: PeerId
  readonly links: ReadonlyMap<PeerId, Link>
  /** Where this node can be dialled; empty until it listens. */
  readonly addresses: readonly Address[]
  /** Peers and addresses that worked. */
  readonly addressBook: AddressBook
  /** Resolves when the node listens; rejects with `ERR_LISTEN` if it cannot. */
  ready(): Promise<void>
  /** Joins a topic: a name, or 32 bytes. Rejects with `ERR_TOPIC`, `ERR_OPTION`, `ERR_JOINED`, `ERR_LISTEN`, `ERR_EPOCH`, `ERR_CLOSED`. */
  join<Name extends keyof NamedEncodings>(
    topic: string | Uint8Array,
    options: NamedJoinOptions<Name>,
  ): Promise<Room<NamedEncodings[Name]>>
  join<T = unknown>(topic: string | Uint8Array, options?: JoinOptions<T>): Promise<Room<T>>
  /** A link to the address, or to a peer that is known; rejects with `ERR_ADDRESS` or the pool's codes. */
  connect(target: Address | PeerId | string, options?: { readonly signal?: AbortSignal }): Promise<Link>
  disconnect(peer: PeerId): Promise<void>
  /** A link over any byte stream, encrypted and authenticated. */
  attach(stream: ByteStream, options: AttachOptions): Promise<Link>
  inspect(): NodeReport
  /** Closes every link quietly, stops listening, announcing and looking; rooms stay joined. For machines that sleep. */
  suspend(): Promise<void>
  /** Listens and looks for others again, and dials whom it was linked with. */
  resume(): Promise<void>
  /** Leaves every room, then frees every socket and timer. Twice is once. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** A node that starts listening at once. Throws `ERR_OPTION` or `ERR_HOST` for options outside their bounds. */
export function createNode(options: NodeOptions = {}): Node {
  return new HearsayNode(resolveNodeOptions(options))
}

interface Joined {
  readonly room: Room<unknown>
  readonly members: Members
}

class HearsayNode extends Emitter<NodeEvents> implements Node {
  readonly id: PeerId
  readonly author: PeerId
  readonly #options: ResolvedNodeOptions
  readonly #stack: Stack
  readonly #rooms = new Map<TopicId, Joined>()
  /** Topics on their way to being rooms. */
  readonly #joining = new Map<TopicId, Promise<Room<unknown>>>()
  readonly #listening: Promise<void>
  #closing: Promise<void> | null = null

  constructor(options: ResolvedNodeOptions) {
    super((error) => this.#warn(error))
    this.id = options.linkIdentity.id
    this.author = options.identity.id
    this.#options = options
    this.#stack = new Stack(options, { limits: options.limits }, (error) => this.#warn(error))
    const { pool } = this.#stack
    pool.on('link', (link) => {
      for (const { members } of this.#rooms.values()) members.addLink(link)
      this.emit('link', link)
    })
    pool.on('unlink', (link) => this.emit('unlink', link))
    pool.on('warning', (error) => this.emit('warning', error))
    this.#listening = this.#stack.listen()
    // Whoever waits for `ready` or `join` hears of it; nobody else is to crash over it.
    this.#listening.catch(() => {})
  }

  get links(): ReadonlyMap<PeerId, Link> {
    return this.#stack.pool.links
  }

  get addresses(): readonly Address[] {
    return this.#stack.pool.addresses
  }

  get addressBook(): AddressBook {
    return this.#stack.book
  }

  ready(): Promise<void> {
    return this.#listening
  }

  async join(name: string | Uint8Array, given: object = {}): Promise<Room<never>> {
    const options = given as JoinOptions<unknown>
    const topic = await this.#topicOf(name, options.secret)
    if (this.#closing) throw closed()
    if (this.#rooms.has(topic.id) || this.#joining.has(topic.id)) {
      throw new NodeError('ERR_JOINED', `this node is in ${topic.name ?? topic.id} already`)
    }
    const joining = this.#enter(topic, options).finally(() => this.#joining.delete(topic.id))
    this.#joining.set(topic.id, joining)
    return joining as unknown as Promise<Room<never>>
  }

  async connect(target: Address | PeerId | string, options: { readonly signal?: AbortSignal } = {}): Promise<Link> {
    const isKnown = isPeerId(target) || typeof (target as Partial<Address> | null)?.scheme === 'string'
    return this.#stack.pool.connect(isKnown ? (target as Address | PeerId) : parseAddress(String(target)), options)
  }

  disconnect(peer: PeerId): Promise<void> {
    return this.#stack.pool.disconnect(peer)
  }

  attach(stream: ByteStream, { initiator, peer }: AttachOptions): Promise<Link> {
    return this.#stack.pool.attach(stream, { initiator, ...(peer !== undefined && { expected: peer }) })
  }

  inspect(): NodeReport {
    const topics = [...this.#rooms.values()].map(({ room }) => ({ topic: room.topic, peers: [...room.peers.keys()] }))
    const addresses = this.addresses.map((address) => printAddress(address))
    const external = this.#options.dht?.external ?? null
    return { id: this.id, author: this.author, addresses, topics, pool: this.#stack.pool.inspect(), external }
  }

  suspend(): Promise<void> {
    for (const { members } of this.#rooms.values()) members.sleep()
    return this.#stack.suspend()
  }

  async resume(): Promise<void> {
    await this.#stack.resume()
    if (this.#stack.pool.suspended) return
    for (const { members } of this.#rooms.values()) members.wake()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #topicOf(name: string | Uint8Array, secret: Uint8Array | string | undefined): Promise<Topic> {
    const { network } = this.#options
    if (secret === undefined) return createTopic(name, { network })
    const label = typeof name === 'string' ? name : Buffer.from(name).toString('hex')
    const bytes = typeof secret === 'string' ? await secretFromPassphrase(secret, label) : secret
    return createTopic(name, { network, secret: bytes })
  }

  async #enter(topic: Topic, options: JoinOptions<unknown>): Promise<Room<unknown>> {
    await this.#listening
    const epoch = await this.#options.epochs.next()
    if (this.#closing) throw closed()
    const membership = checkMembership(options.membership ?? this.#options.membership)
    const gossip = gossipOf({ topic, epoch }, options, this.#options)
    try {
      const room = this.#open(gossip, membership, options)
      await gossip.restored
      return room
    } catch (error) {
      await gossip.close()
      throw error
    }
  }

  #open(gossip: KeptGossip, membership: 'overlay' | 'given', options: JoinOptions<unknown>): Room<unknown> {
    const { identity: author, clock } = this.#options
    const { topic } = gossip
    const { encoding = 'json' } = options
    gossip.on('peer', (peer) => this.#stack.onShared(peer, topic.id))
    const onClose = async (): Promise<void> => {
      this.#rooms.delete(topic.id)
      search.stop()
      members.close()
      const left = session.leave()
      this.#stack.release(topic.id)
      try {
        await left
      } finally {
        if (options.closeNode && !this.#closing) await this.close()
      }
    }
    const refresh = (): void => session.refresh()
    const connect = (peer: PeerId, wish: ConnectOptions): Promise<Link> =>
      this.#stack.reach(peer, { ...wish, topic: topic.id, refresh })
    const { announce = true, lookup = true } = options
    // Who cannot be dialled, or is not announced, is not told of.
    const addressRecord = announce && this.#options.listen ? this.#stack.addressRecord : () => null
    const { pool } = this.#stack
    const parts = { clock, random: this.#options.random, links: pool, toStream: channelDuplex }
    const talk = { ...parts, author, connect, addressRecord }
    const room = createRoom(gossip, { encoding: encoding as 'json', onClose, clock, talk, toDuplex: roomDuplex })
    // Only now: an encoding that is none was refused before anything is announced.
    const linked = (): number => gossip.peers.size
    const choose = (candidate: Candidate): void => members.offer(candidate)
    const session = this.#stack.discover(topic, { announce, lookup }, { linked, choose })
    const wishes = { announce, lookup, refresh }
    const members = membersOf(gossip, membership, { stack: this.#stack, options: this.#options, ...wishes })
    for (const link of this.links.values()) members.addLink(link)
    const search = new SplitSearch(session, this.#options)
    room.on('split', () => search.start())
    room.on('healed', () => search.stop())
    this.#rooms.set(topic.id, { room, members })
    return room
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#joining.values())
    // One that fails to close must not keep the others, or their sockets, open.
    await Promise.allSettled([...this.#rooms.values()].map(({ room }) => room.close()))
    await this.#stack.close()
    this.clear()
  }

  #warn(error: unknown): void {
    this.emit('warning', error instanceof Error ? error : new Error(String(error)))
  }
}

function closed(): NodeError {
  return new NodeError('ERR_CLOSED', 'the node is closed')
}
