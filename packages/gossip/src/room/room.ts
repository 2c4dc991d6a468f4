// A node's handle on one topic: gossip's bytes as values of the room's encoding, as events and as iterators.

import type { Duplex } from 'node:stream'
import {
  type Address,
  type Clock,
  type CloseReason,
  type Delivery,
  type Drop,
  Emitter,
  type EventSource,
  type Fork,
  type Gap,
  type Gossip,
  type HistoryQuery,
  type Link,
  type PeerId,
  type Receipt,
  systemClock,
  type TopicId,
} from '@hearsay/core'
import { GossipError, toError } from '../errors.js'
import type { QueryOptions } from '../queries/driver.js'
import { checkCount, checkWhenSlow } from './bounds.js'
import { type Encoding, type EncodingOption, type NamedEncodings, resolveEncoding } from './encodings.js'
import { mapped } from './mapped.js'
import { type Message, toMessage } from './message.js'
import {
  type Answer,
  type DirectMessage,
  type Query,
  RoomTalk,
  type TalkEvents,
  type TalkOptions,
} from './room-talk.js'
import { LinkWatch, type Split, SplitWatch } from './split.js'

/** A peer in the room. */
export interface Peer {
  readonly id: PeerId
  readonly address: Address | null
  /** `out` if this node dialled. */
  readonly direction: 'in' | 'out'
}

export type RoomEvents<T> = {
  readonly message: [message: Message<T>]
  readonly peer: [peer: Peer]
  readonly 'peer-leave': [peer: Peer]
  /** The first peer has come. */
  readonly online: []
  /** The last peer has gone. */
  readonly offline: []
  readonly gap: [gap: Gap]
  readonly fork: [fork: Fork]
  readonly drop: [drop: Drop]
  /**
   * At least two peers, and as many as are left of those that were here, went within 30 s without a word: the room may have fallen
   * apart.
   */
  readonly split: [split: Split]
  /** One of those that were lost in a split is back. */
  readonly healed: [split: Split]
  /** Somebody asks; whoever has a handler for its type answers by that. */
  readonly query: [query: Query<T>]
  /** A message for this node alone. */
  readonly 'direct-message': [message: DirectMessage<T>]
  /** A peer has opened a stream to this node: a Node duplex with half-close. Without a listener it is refused. */
  readonly stream: [stream: Duplex, peer: PeerId]
  readonly warning: [error: Error]
}

export interface SubscribeOptions {
  /**
   * When the reader is slow: `drop-oldest` skips what the history let go (told as `drop`), `latest` skips to the newest. `pause`
   * stops taking from peers and loses nothing: what peers who left had sent, and what this node publishes meanwhile, may take 8 MiB
   * more than the history. Only beyond that something has to go, and is told as `drop`. @default 'drop-oldest'
   */
  readonly whenSlow?: NonNullable<HistoryQuery['follow']>
}

export interface ReadyOptions {
  /** How many peers to wait for. @default 1 */
  readonly peers?: number
  readonly signal?: AbortSignal
}

/** A node's handle on one topic. Iterating yields others' messages, from what is retained since `join` on. */
export interface Room<T> extends EventSource<RoomEvents<T>>, AsyncIterable<Message<T>> {
  /** The topic's name as it was given, or its id if it was given as bytes. */
  readonly topic: string
  readonly id: TopicId
  readonly peers: ReadonlyMap<PeerId, Peer>
  /** Signs and spreads one value; rejects with `ERR_ENCODING`, `ERR_MESSAGE_SIZE`, `ERR_ABORTED` or `ERR_CLOSED`. */
  publish(data: T, options?: { readonly signal?: AbortSignal }): Promise<Receipt>
  /** Resolves when so many peers are in the room; rejects with `ERR_ABORTED`, `ERR_OPTION` or `ERR_CLOSED`. */
  ready(options?: ReadyOptions): Promise<void>
  /** Retained messages, own ones too, per author in order. */
  history(query?: Omit<HistoryQuery, 'follow'>): AsyncIterable<Message<T>>
  /** Like iterating the room, with a choice for slow readers. Throws `ERR_OPTION`. */
  subscribe(options?: SubscribeOptions): AsyncIterable<Message<T>>
  /**
   * Asks everybody within `hops` links; yields one answer of each who has one, and ends after `wait` ms (2,000), or with
   * `count` answers. Rejects with `ERR_ABORTED`; throws `ERR_OPTION`, `ERR_ENCODING`, `ERR_MESSAGE_SIZE`, `ERR_CLOSED`.
   */
  query(type: string, data?: T, options?: QueryOptions): AsyncIterableIterator<Answer<T>>
  /** Answers questions of this type by what the handler returns; undefined is no answer. Calling what it returns ends that. */
  answer(type: string, handler: (query: Query<T>) => T | undefined | Promise<T | undefined>): () => void
  /**
   * To one peer alone, over a link that is made if there is none; resolves when its node has handed it to its room. Rejects with
   * `ERR_PEER`, `ERR_LIMIT`, `ERR_ABORTED`, `ERR_CLOSED` and what making the link says, such as `ERR_DIAL`.
   */
  send(peer: PeerId, data: T, options?: { readonly signal?: AbortSignal }): Promise<void>
  /** A Node duplex to one peer alone, with half-close; it errors if the peer does not take it. */
  openStream(peer: PeerId, options?: { readonly signal?: AbortSignal }): Promise<Duplex>
  /**
   * The room as a Node duplex in object mode: what is written is published, others' messages are read; null, which would end
   * a stream, as its bytes. A slow reader holds peers back; ending or destroying it leaves the room open, and closing the
   * room ends it. Throws `ERR_CLOSED`.
   */
  duplex(): Duplex
  /** Leaves the topic. Twice is once. */
  close(): Promise<void>
  leave(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface RoomOptions<T> {
  /** @default 'json' */
  readonly encoding?: keyof NamedEncodings | EncodingOption<T>
  /** @default systemClock() */
  readonly clock?: Clock
  /** For `query`, `answer`, `send` and `openStream`, which otherwise throw `ERR_OPTION`. */
  readonly talk?: TalkOptions
  /** Makes the room a stream, for `duplex`, which otherwise throws `ERR_OPTION`. */
  readonly toDuplex?: (room: Room<unknown>) => Duplex
  /** Called once when the room closes, after its gossip has; `close` waits for it. */
  readonly onClose?: () => Promise<void>
}

/** A room over gossip. Closing the room closes the gossip. */
export function createRoom<Name extends keyof NamedEncodings>(
  gossip: Gossip,
  options: Omit<RoomOptions<never>, 'encoding'> & { readonly encoding: Name },
): Room<NamedEncodings[Name]>
export function createRoom<T = unknown>(gossip: Gossip, options?: RoomOptions<T>): Room<T>
export function createRoom<T>(gossip: Gossip, options: RoomOptions<T> = {}): Room<T> {
  return new GossipRoom(gossip, options as RoomOptions<unknown>) as unknown as Room<T>
}

class GossipRoom extends Emitter<RoomEvents<unknown>> implements Room<unknown> {
  readonly topic: string
  readonly id: TopicId
  readonly #gossip: Gossip
  readonly #encoding: Encoding<unknown>
  readonly #onClose: () => Promise<void>
  readonly #talk: RoomTalk | null
  readonly #toDuplex: RoomOptions<unknown>['toDuplex']
  readonly #peers = new Map<PeerId, Peer>()
  readonly #clock: Clock
  readonly #splits = new SplitWatch()
  readonly #links = new LinkWatch((id, reason) => this.#onLinkEnd(id, reason))
  #closing: Promise<void> | null = null

  constructor(gossip: Gossip, options: RoomOptions<unknown>) {
    super((error) => this.emit('warning', toError(error)))
    this.topic = gossip.topic.name ?? gossip.topic.id
    this.id = gossip.topic.id
    this.#gossip = gossip
    this.#encoding = resolveEncoding(options.encoding ?? 'json')
    this.#onClose = options.onClose ?? (() => Promise.resolve())
    this.#clock = options.clock ?? systemClock()
    this.#toDuplex = options.toDuplex
    this.#talk = options.talk ? this.#createTalk(options.talk) : null
    for (const [id, link] of gossip.peers) this.#onPeer(id, link)
    gossip.on('peer', (id, link) => this.#onPeer(id, link))
    gossip.on('peer-leave', (id) => this.#onPeerLeave(id))
    gossip.on('delivery', (delivery) => {
      if (this.isHeard('message')) this.emit('message', toMessage(delivery, this.#encoding))
    })
    for (const name of ['gap', 'fork', 'drop', 'warning'] as const) {
      gossip.on(name, (...args) => this.emit(name, ...(args as [never])))
    }
  }

  get peers(): ReadonlyMap<PeerId, Peer> {
    return this.#peers
  }

  /** Not an async function, which would make three promises more of each message. */
  publish(data: unknown, options: { readonly signal?: AbortSignal } = {}): Promise<Receipt> {
    try {
      return this.#gossip.publish(this.#encoding.encode(data), options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async ready(options: ReadyOptions = {}): Promise<void> {
    const { peers = 1, signal } = options
    checkCount('peers', peers)
    if (this.#closing) throw closed()
    if (this.#peers.size >= peers) return
    if (signal?.aborted) throw aborted(signal)
    return new Promise((resolve, reject) => {
      const stops = [
        this.on('peer', () => {
          if (this.#peers.size >= peers) settle(resolve)
        }),
        this.#onClosing(() => settle(() => reject(closed()))),
      ]
      const onAbort = (): void => settle(() => reject(aborted(signal)))
      const settle = (run: () => void): void => {
        for (const stop of stops) stop()
        signal?.removeEventListener('abort', onAbort)
        run()
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  history(query: Omit<HistoryQuery, 'follow'> = {}): AsyncIterable<Message<unknown>> {
    return this.#messages(query)
  }

  subscribe(options: SubscribeOptions = {}): AsyncIterable<Message<unknown>> {
    return this.#messages({ follow: checkWhenSlow(options.whenSlow ?? 'drop-oldest') })
  }

  query(type: string, data?: unknown, options?: QueryOptions): AsyncIterableIterator<Answer<unknown>> {
    return this.#talking.query(type, data, options)
  }

  answer(type: string, handler: (query: Query<unknown>) => unknown): () => void {
    return this.#talking.answer(type, handler)
  }

  async send(peer: PeerId, data: unknown, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#talking.send(peer, data, signal)
  }

  async openStream(peer: PeerId, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Duplex> {
    return this.#talking.openStream(peer, signal)
  }

  duplex(): Duplex {
    if (this.#closing) throw closed()
    if (!this.#toDuplex) throw new GossipError('ERR_OPTION', 'this room was made without `toDuplex`')
    return this.#toDuplex(this)
  }

  [Symbol.asyncIterator](): AsyncIterator<Message<unknown>> {
    return this.subscribe()[Symbol.asyncIterator]()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  leave(): Promise<void> {
    return this.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  readonly #closers = new Set<() => void>()

  #onClosing(run: () => void): () => void {
    this.#closers.add(run)
    return () => this.#closers.delete(run)
  }

  async #close(): Promise<void> {
    for (const run of [...this.#closers]) run()
    this.#talk?.close()
    await this.#gossip.close()
    await this.#onClose()
    this.#peers.clear()
    this.clear()
  }

  #onPeer(id: PeerId, link: Link): void {
    const peer: Peer = { id, address: link.address, direction: link.initiator ? 'out' : 'in' }
    this.#peers.set(id, peer)
    this.#talk?.addLink(link)
    this.#links.watch(id, link)
    this.emit('peer', peer)
    if (this.#peers.size === 1) this.emit('online')
    if (this.#splits.onBack(id)) this.emit('healed', { lost: this.#splits.lost })
  }

  get #talking(): RoomTalk {
    if (this.#closing) throw closed()
    if (this.#talk) return this.#talk
    throw new GossipError('ERR_OPTION', 'this room was made without `talk`')
  }

  #createTalk(options: TalkOptions): RoomTalk {
    const events: TalkEvents = {
      query: (query) => this.emit('query', query),
      direct: (message) => this.emit('direct-message', message),
      stream: (peer, open) => {
        if (!this.isHeard('stream')) return false
        this.emit('stream', open(), peer)
        return true
      },
      warn: (error) => this.emit('warning', toError(error)),
    }
    return new RoomTalk(this.#gossip.topic, this.#encoding, { options, events })
  }

  /** Later than the end of the topic's channel, which the same failure brings. */
  #onLinkEnd(id: PeerId, { by }: CloseReason): void {
    if (this.#closing) return
    const other = this.#gossip.peers.get(id)
    if (other) return this.#links.watch(id, other)
    if (by !== 'failure') return
    if (this.#splits.onLost(id, this.#peers.size, this.#clock.now())) this.emit('split', { lost: this.#splits.lost })
  }

  #onPeerLeave(id: PeerId): void {
    const peer = this.#peers.get(id)
    if (!peer) return
    this.#peers.delete(id)
    this.#links.leave(id)
    this.emit('peer-leave', peer)
    if (this.#peers.size === 0) this.emit('offline')
  }

  #messages(query: HistoryQuery): AsyncIterable<Message<unknown>> {
    const deliveries = this.#gossip.history(query)
    const read = (delivery: Delivery): Message<unknown> => toMessage(delivery, this.#encoding)
    return { [Symbol.asyncIterator]: () => mapped(deliveries[Symbol.asyncIterator](), read) }
  }
}

function closed(): GossipError {
  return new GossipError('ERR_CLOSED', 'the room is closed')
}

function aborted(signal: AbortSignal | undefined): GossipError {
  return new GossipError('ERR_ABORTED', 'no peer joined the topic in time', { cause: signal?.reason })
}
