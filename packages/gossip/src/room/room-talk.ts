// What members of a room say to some and not to all: questions and answers, messages and streams between two. Bytes become
// values of the room's encoding here.

import type { Duplex } from 'node:stream'
import {
  type AddressRecord,
  type Channel,
  type Clock,
  type Crypto,
  copyBytes,
  type Identity,
  type Link,
  type PeerId,
  type Random,
  sodiumCrypto,
  systemClock,
  systemRandom,
  type Topic,
} from '@hearsay/core'
import { GossipError } from '../errors.js'
import { Queries, type QueryOptions, type RawAnswer, type RawQuery } from '../queries/driver.js'
import type { Connect } from '../queries/reach.js'
import { checkPeer } from './bounds.js'
import type { Encoding } from './encodings.js'
import { mapped } from './mapped.js'

/** A decoded value, and what it was decoded from. */
interface Decoded<T> {
  /** Null if `undecodable`. */
  readonly data: T
  readonly bytes: Uint8Array
  /** True if the bytes are not of the room's encoding. */
  readonly undecodable: boolean
}

/** A question that reached this node. */
export interface Query<T> extends Decoded<T> {
  readonly author: PeerId
  readonly type: string
  /** Links it crossed: direct 1. Unsigned, a hint. */
  readonly hops: number
  /** The peer that handed it over. */
  readonly via: PeerId
  /** Fires when nobody waits for an answer any more. */
  readonly signal: AbortSignal
}

/** An answer, signed by its author for this question. */
export interface Answer<T> extends Decoded<T> {
  readonly author: PeerId
  /** Links it crossed: direct 1. Unsigned, a hint. */
  readonly hops: number
  readonly via: PeerId
}

/** A message to this node alone, from a peer that proved its key. */
export interface DirectMessage<T> extends Decoded<T> {
  readonly peer: PeerId
  readonly receivedAt: Date
}

/** Links that there are, and those that come. */
export interface LinkSource {
  readonly links: ReadonlyMap<PeerId, Link>
  on(event: 'link', listener: (link: Link) => void): () => void
}

/** What it takes to talk to some of a room. */
export interface TalkOptions {
  /** Signs questions and answers. */
  readonly author: Identity
  readonly connect: Connect
  /** Where this node can be dialled, for members that look for it to talk to it. @default nobody is told */
  readonly addressRecord?: () => AddressRecord | null
  /** Every link of the node, such as its pool: members are talked to over any. @default those of the room's gossip */
  readonly links?: LinkSource
  /** A channel as a Node stream, such as `channelDuplex` of `@hearsay/core/node`. */
  readonly toStream: (channel: Channel) => Duplex
  readonly clock?: Clock
  readonly random?: Random
  readonly crypto?: Crypto
}

export interface TalkEvents {
  readonly query: (query: Query<unknown>) => void
  readonly direct: (message: DirectMessage<unknown>) => void
  /** False if nobody would take it. */
  readonly stream: (peer: PeerId, open: () => Duplex) => boolean
  readonly warn: (error: unknown) => void
}

/** Streams of a room that are not over, beyond which peers open none. */
const MAX_STREAMS = 256
/** The last places are for peers that have few: nobody keeps others out by opening many. */
const MAX_STREAMS_OF_MANY = 192
const FEW = 8

export class RoomTalk {
  readonly #encoding: Encoding<unknown>
  readonly #options: TalkOptions
  readonly #queries: Queries
  /** Whose each is. */
  readonly #streams = new Map<Duplex, PeerId>()
  readonly #stop: () => void
  #closed = false

  constructor(
    topic: Topic,
    encoding: Encoding<unknown>,
    { options, events }: { options: TalkOptions; events: TalkEvents },
  ) {
    const {
      author,
      connect,
      addressRecord = () => null,
      toStream,
      clock = systemClock(),
      random = systemRandom(),
      crypto = sodiumCrypto(),
    } = options
    this.#encoding = encoding
    this.#options = options
    this.#queries = new Queries({
      topic,
      author,
      clock,
      random,
      crypto,
      connect,
      addressRecord,
      onQuery: (query) => events.query(this.#toQuery(query)),
      onDirect: (peer, data) => events.direct({ peer, receivedAt: new Date(clock.wall()), ...this.#decoded(data) }),
      onStream: (peer, open) =>
        this.#hasPlaceFor(peer) && events.stream(peer, () => this.#keep(toStream(open()), peer)),
      warn: events.warn,
    })
    for (const link of options.links?.links.values() ?? []) this.addLink(link)
    this.#stop = options.links?.on('link', (link) => this.addLink(link)) ?? (() => {})
  }

  addLink(link: Link): void {
    this.#queries.addLink(link)
  }

  query(type: string, data: unknown, options: QueryOptions | undefined): AsyncIterableIterator<Answer<unknown>> {
    const answers = this.#queries.query(type, this.#encode(data), options)
    const toAnswer = ({ author, hops, via, data: bytes }: RawAnswer): Answer<unknown> => {
      return { author, hops, via, ...this.#decoded(bytes) }
    }
    return mapped(answers, toAnswer)
  }

  answer(type: string, handler: (query: Query<unknown>) => unknown): () => void {
    if (typeof handler !== 'function') throw new GossipError('ERR_OPTION', `the handler of ${type} is no function`)
    return this.#queries.answer(type, async (query) => {
      const answer = await handler(this.#toQuery(query))
      return answer === undefined ? undefined : this.#encode(answer)
    })
  }

  send(peer: PeerId, data: unknown, signal: AbortSignal | undefined): Promise<void> {
    checkPeer(peer)
    return this.#queries.send(peer, this.#encode(data), signal)
  }

  async openStream(peer: PeerId, signal: AbortSignal | undefined): Promise<Duplex> {
    checkPeer(peer)
    const channel = await this.#queries.openChannel(peer, signal)
    if (!this.#closed) return this.#keep(this.#options.toStream(channel), peer)
    channel.close()
    throw new GossipError('ERR_CLOSED', 'the room is closed')
  }

  close(): void {
    this.#closed = true
    this.#stop()
    this.#queries.close()
    for (const stream of this.#streams.keys()) stream.destroy()
  }

  #hasPlaceFor(peer: PeerId): boolean {
    const { size } = this.#streams
    if (size < MAX_STREAMS_OF_MANY) return true
    return size < MAX_STREAMS && [...this.#streams.values()].filter((one) => one === peer).length < FEW
  }

  #keep(stream: Duplex, peer: PeerId): Duplex {
    this.#streams.set(stream, peer)
    stream.once('close', () => this.#streams.delete(stream))
    return stream
  }

  #encode(data: unknown): Uint8Array {
    return data === undefined ? new Uint8Array() : this.#encoding.encode(data)
  }

  #toQuery({ data: bytes, ...query }: RawQuery): Query<unknown> {
    return { ...query, ...this.#decoded(bytes) }
  }

  /** No bytes at all are what the encoding makes of them, such as an empty text, and else nothing. */
  #decoded(written: Uint8Array): Decoded<unknown> {
    const bytes = copyBytes(written)
    try {
      return { data: this.#encoding.decode(bytes), bytes, undecodable: false }
    } catch {
      return bytes.byteLength === 0
        ? { data: undefined, bytes, undecodable: false }
        : { data: null, bytes, undecodable: true }
    }
  }
}
