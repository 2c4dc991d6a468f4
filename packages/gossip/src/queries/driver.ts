// Queries, answers, direct messages and streams of one room over the links of its peers: this file owns the channels and
// whoever waits for answers; what becomes of a query is the machine's affair.

import {
  type AddressRecord,
  type Channel,
  type Clock,
  type Crypto,
  copyBytes,
  fromPeerId,
  type Identity,
  type Link,
  type PeerId,
  type Random,
  type Timer,
  type Topic,
  TopicChannels,
} from '@hearsay/core'
import { GossipError } from '../errors.js'
import { AnswerQueue, type RawAnswer } from './answer-queue.js'
import { DirectMessages, MAX_DIRECT_BYTES } from './direct.js'
import { encodeQueryFrame, type QueryFrame } from './frames.js'
import { MAX_QUERY_HOPS, MAX_QUERY_MS, type QueryInput, QueryMachine, type QueryOutput } from './machine.js'
import { type Connect, closed, Reach } from './reach.js'
import { Sending } from './sending.js'
import { QUERY_ID_BYTES, signAnswer, signQuery } from './signed.js'
import { answerWhere, checkFreeType, isOwnType, type Located, readWhere, WHERE } from './where.js'

export type { RawAnswer } from './answer-queue.js'

/** A query as it came. */
export interface RawQuery {
  readonly author: PeerId
  readonly type: string
  readonly data: Uint8Array
  /** Links it crossed: direct 1. Unsigned, a hint. */
  readonly hops: number
  /** The peer that handed it over. */
  readonly via: PeerId
  /** Fires when nobody waits for an answer any more. */
  readonly signal: AbortSignal
}

export type RawHandler = (query: RawQuery) => Uint8Array | undefined | Promise<Uint8Array | undefined>

export interface QueryOptions {
  /** Milliseconds to wait for answers, at most 60,000. @default 2_000 */
  readonly wait?: number
  /** Answers to wait for. @default as many as come */
  readonly count?: number
  /** Links to cross, 1 to 32. @default 16 */
  readonly hops?: number
  readonly signal?: AbortSignal
}

export interface QueryHost {
  readonly topic: Topic
  readonly author: Identity
  readonly clock: Clock
  readonly random: Random
  readonly crypto: Crypto
  readonly onQuery: (query: RawQuery) => void
  readonly onDirect: (peer: PeerId, data: Uint8Array) => void
  /** A peer opens a stream: false refuses it. */
  readonly onStream: (peer: PeerId, open: () => Channel) => boolean
  readonly connect: Connect
  /** Where this node can be dialled, for members that look for it; null if nobody is to know. */
  readonly addressRecord: () => AddressRecord | null
  readonly warn: (error: unknown) => void
}

const PROTOCOL = 'hearsay/query/1'
const STREAM_PROTOCOL = 'hearsay/room-stream/1'
const DEFAULT_WAIT_MS = 2_000
const DEFAULT_HOPS = 16
/** Every node within the hops passes it on. */
const MAX_QUERY_BYTES = 65_536

export class Queries {
  readonly #host: QueryHost
  readonly #machine: QueryMachine
  readonly #channels: TopicChannels
  readonly #handlers = new Map<string, RawHandler>()
  readonly #asked = new Map<string, AnswerQueue>()
  readonly #sending: Sending
  readonly #reach: Reach
  readonly #direct: DirectMessages
  #closed = false

  constructor(host: QueryHost) {
    this.#host = host
    this.#machine = new QueryMachine(host)
    this.#channels = new TopicChannels({
      topic: host.topic,
      protocol: PROTOCOL,
      crypto: host.crypto,
      handlers: {
        onUp: (peer, { link }) => {
          this.#sending.up(peer)
          this.#feed({ type: 'up', peer, remote: link.remote })
          this.#reach.wake()
        },
        onDown: (peer) => this.#onDown(peer),
        onFrame: (peer, frame) => this.#feed({ type: 'frame', peer, frame: copyBytes(frame) }),
        onDrain: (peer) => {
          this.#sending.flush(peer)
          this.#reach.wake()
        },
      },
    })
    const { clock, connect, onDirect, warn } = host
    this.#sending = new Sending({ channels: this.#channels, clock, warn })
    const ask = (peer: PeerId, options: QueryOptions): AsyncIterable<Located> => this.#locate(peer, options)
    this.#reach = new Reach({ channels: this.#channels, clock, connect, ask })
    this.#direct = new DirectMessages({ channels: this.#channels, reach: this.#reach, onDirect })
  }

  addLink(link: Link): void {
    if (!this.#closed) this.#channels.add(link)
  }

  /** Asks everybody within its hops; ends when it has enough answers, in time, or rejects when the signal fires. */
  query(type: string, data: Uint8Array, options: QueryOptions = {}): AsyncIterableIterator<RawAnswer> {
    return this.#ask(checkFreeType(type), data, options)
  }

  #ask(type: string, data: Uint8Array, options: QueryOptions): AnswerQueue {
    const { wait = DEFAULT_WAIT_MS, count = Number.POSITIVE_INFINITY, hops = DEFAULT_HOPS, signal } = options
    checkBound('wait', wait, MAX_QUERY_MS)
    checkBound('hops', hops, MAX_QUERY_HOPS)
    checkBound('count', count, Number.POSITIVE_INFINITY)
    checkWhole('hops', hops)
    if (count !== Number.POSITIVE_INFINITY) checkWhole('count', count)
    checkSize(data, MAX_QUERY_BYTES)
    if (this.#closed) throw closed()
    const id = this.#host.random.bytes(QUERY_ID_BYTES)
    const query = signQuery({ id, type, data }, this.#host)
    const key = String(id)
    const end = (): void => {
      timer.cancel()
      this.#asked.delete(key)
      this.#feed({ type: 'forget', id })
    }
    const queue = new AnswerQueue({ count, signal, onEnd: end })
    const timer: Timer = this.#host.clock.setTimer(wait, () => queue.end())
    if (queue.ended) end()
    else {
      this.#asked.set(key, queue)
      this.#feed({ type: 'ask', query, hops, ms: Math.ceil(wait) })
    }
    return queue
  }

  /** Answers queries of this type from now on; calling what it returns ends that. Throws `ERR_OPTION` for a type that has a handler. */
  answer(type: string, handler: RawHandler): () => void {
    checkFreeType(type)
    if (this.#handlers.has(type)) throw new GossipError('ERR_OPTION', `there is a handler for ${type} already`)
    this.#handlers.set(type, handler)
    return () => {
      if (this.#handlers.get(type) === handler) this.#handlers.delete(type)
    }
  }

  /** Resolves when the peer's node has handed it to its room. */
  async send(peer: PeerId, data: Uint8Array, signal?: AbortSignal): Promise<void> {
    checkSize(data, MAX_DIRECT_BYTES)
    await this.#direct.send(peer, data, signal)
  }

  /** A channel to the peer alone; it opens when the peer takes it, and closes when it does not. */
  async openChannel(peer: PeerId, signal?: AbortSignal): Promise<Channel> {
    const { handle, link } = await this.#reach.to(peer, signal)
    const id = this.#host.random.bytes(QUERY_ID_BYTES)
    await this.#reach.transmit(handle, encodeQueryFrame({ type: 'stream', id }), signal)
    return link.openChannel({ protocol: STREAM_PROTOCOL, id })
  }

  close(): void {
    this.#closed = true
    for (const queue of [...this.#asked.values()]) queue.end()
    this.#direct.close()
    // Before the channels, whose end would be taken for that of their peers.
    this.#reach.close()
    this.#sending.close()
    this.#channels.close()
  }

  #feed(input: QueryInput): void {
    for (const output of this.#machine.handle(input, this.#host.clock.now())) {
      try {
        this.#do(output)
      } catch (error) {
        this.#host.warn(error)
      }
    }
  }

  #do(output: QueryOutput): void {
    switch (output.type) {
      case 'send':
        return this.#sending.send(output)
      case 'query':
        return void this.#onQuery(output)
      case 'answered': {
        const { author, data, hops, via } = output
        return this.#asked.get(String(output.id))?.add({ author, data, hops, via })
      }
      case 'direct':
        return this.#onDirect(output.peer, output.frame)
      case 'misbehaved':
        return void this.#channels.get(output.peer)?.link.close({ code: output.code, ban: output.ban })
    }
  }

  async #onQuery({
    id,
    author,
    kind: type,
    data,
    hops,
    via,
    ms,
  }: Extract<QueryOutput, { type: 'query' }>): Promise<void> {
    const over = new AbortController()
    const timer = this.#host.clock.setTimer(ms, () => over.abort())
    const query: RawQuery = { author, type, data, hops, via, signal: over.signal }
    try {
      const answer = await this.#answerTo(query)
      if (answer === undefined || over.signal.aborted || this.#closed) return
      checkSize(answer, MAX_QUERY_BYTES)
      this.#feed({ type: 'answer', id, answer: signAnswer({ id, data: answer }, this.#host) })
    } catch (error) {
      this.#host.warn(error)
    } finally {
      timer.cancel()
    }
  }

  async #answerTo(query: RawQuery): Promise<Uint8Array | undefined> {
    const { type, data } = query
    if (isOwnType(type)) return type === WHERE ? answerWhere(data, this.#host.addressRecord()) : undefined
    this.#host.onQuery(query)
    return this.#handlers.get(type)?.(query)
  }

  async *#locate(peer: PeerId, options: QueryOptions): AsyncGenerator<Located> {
    for await (const answer of this.#ask(WHERE, fromPeerId(peer), options)) {
      const located = readWhere(answer, peer, this.#host.crypto)
      if (located) yield located
    }
  }

  #onDirect(handle: number, frame: QueryFrame): void {
    if (frame.type === 'taken') return this.#direct.onTaken(handle, frame.number)
    if (frame.type === 'direct') return this.#direct.onMessage(handle, frame.number, frame.data)
    const open = this.#channels.get(handle)
    if (!open || frame.type !== 'stream') return
    const id = copyBytes(frame.id)
    this.#host.onStream(open.link.remote, () => open.link.openChannel({ protocol: STREAM_PROTOCOL, id }))
  }

  #onDown(handle: number): void {
    this.#feed({ type: 'down', peer: handle })
    this.#sending.down(handle)
    this.#direct.down(handle)
    this.#reach.wake()
  }
}

function checkBound(name: string, value: number, most: number): void {
  if (typeof value === 'number' && value > 0 && value <= most) return
  throw new GossipError('ERR_OPTION', `${name} is ${value}; it must be above 0 and at most ${most}`)
}

function checkWhole(name: string, value: number): void {
  if (!Number.isInteger(value)) throw new GossipError('ERR_OPTION', `${name} is ${value}; it must be a whole number`)
}

function checkSize(data: Uint8Array, most: number): void {
  if (data.byteLength <= most) return
  throw new GossipError('ERR_MESSAGE_SIZE', `${data.byteLength} bytes; ${most} may be sent so`)
}
