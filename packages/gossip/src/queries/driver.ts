// Queries, answers, direct messages and streams of one room over the links of its peers: this file owns the channels, the
// clock and whoever waits; what becomes of a query is the machine's affair.

import {
  type Channel,
  type Clock,
  type Crypto,
  copyBytes,
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
import { encodeQueryFrame, type QueryFrame } from './frames.js'
import { MAX_QUERY_HOPS, MAX_QUERY_MS, type QueryInput, QueryMachine, type QueryOutput } from './machine.js'
import { checkType, QUERY_ID_BYTES, signAnswer, signQuery } from './signed.js'

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
  /** A link to a peer that has none yet; rejects if none can be made. */
  readonly connect: (peer: PeerId, signal: AbortSignal | undefined) => Promise<unknown>
  readonly warn: (error: unknown) => void
}

const PROTOCOL = 'hearsay/query/1'
const STREAM_PROTOCOL = 'hearsay/room-stream/1'
const DEFAULT_WAIT_MS = 2_000
const DEFAULT_HOPS = 16
/** How long a peer that has just been linked may take to show that it is in the room. */
const ARRIVAL_MS = 5_000
/** Every node within the hops passes it on. */
const MAX_QUERY_BYTES = 65_536
const MAX_DIRECT_BYTES = 1_000_000
/** Direct messages that wait to be taken. */
const MAX_DIRECT = 1_024

interface Waiting {
  readonly handle: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class Queries {
  readonly #host: QueryHost
  readonly #machine: QueryMachine
  readonly #channels: TopicChannels
  readonly #handlers = new Map<string, RawHandler>()
  readonly #asked = new Map<string, AnswerQueue>()
  readonly #direct = new Map<number, Waiting>()
  /** How many messages of each channel were handed over and not confirmed yet. */
  readonly #owed = new Map<number, number>()
  /** Called when a channel opens or can take more. */
  readonly #wakers = new Set<() => void>()
  #count = 0
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
          this.#feed({ type: 'up', peer, remote: link.remote })
          this.#wake()
        },
        onDown: (peer) => this.#onDown(peer),
        onFrame: (peer, frame) => this.#feed({ type: 'frame', peer, frame: copyBytes(frame) }),
        onDrain: () => this.#wake(),
      },
    })
  }

  addLink(link: Link): void {
    if (!this.#closed) this.#channels.add(link)
  }

  /** Asks everybody within its hops; ends when it has enough answers, in time, or rejects when the signal fires. */
  query(type: string, data: Uint8Array, options: QueryOptions = {}): AsyncIterableIterator<RawAnswer> {
    const { wait = DEFAULT_WAIT_MS, count = Number.POSITIVE_INFINITY, hops = DEFAULT_HOPS, signal } = options
    checkBound('wait', wait, MAX_QUERY_MS)
    checkBound('hops', hops, MAX_QUERY_HOPS)
    checkBound('count', count, Number.POSITIVE_INFINITY)
    checkSize(data, MAX_QUERY_BYTES)
    if (this.#closed) throw closed()
    const id = this.#host.random.bytes(QUERY_ID_BYTES)
    const query = signQuery({ id, type: checkType(type), data }, this.#host)
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
    checkType(type)
    if (this.#handlers.has(type)) throw new GossipError('ERR_OPTION', `there is a handler for ${type} already`)
    this.#handlers.set(type, handler)
    return () => {
      if (this.#handlers.get(type) === handler) this.#handlers.delete(type)
    }
  }

  /** Resolves when the peer's node has handed it to its room. */
  async send(peer: PeerId, data: Uint8Array, signal?: AbortSignal): Promise<void> {
    checkSize(data, MAX_DIRECT_BYTES)
    const { handle, channel } = await this.#reach(peer, signal)
    if (this.#direct.size >= MAX_DIRECT) throw new GossipError('ERR_LIMIT', `${MAX_DIRECT} messages wait to be taken`)
    const number = this.#count++ % 2 ** 32
    await this.#transmit(channel, encodeQueryFrame({ type: 'direct', number, data }), signal)
    await this.#taken(number, handle, signal)
  }

  /** A channel to the peer alone; it opens when the peer takes it, and closes when it does not. */
  async openChannel(peer: PeerId, signal?: AbortSignal): Promise<Channel> {
    const { channel, link } = await this.#reach(peer, signal)
    const id = this.#host.random.bytes(QUERY_ID_BYTES)
    await this.#transmit(channel, encodeQueryFrame({ type: 'stream', id }), signal)
    return link.openChannel({ protocol: STREAM_PROTOCOL, id })
  }

  close(): void {
    this.#closed = true
    for (const queue of [...this.#asked.values()]) queue.end()
    for (const { reject } of this.#direct.values()) reject(closed())
    this.#direct.clear()
    this.#channels.close()
    this.#wake()
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
        // One that does not keep up misses queries: they are worth nothing later.
        return void this.#channels.get(output.peer)?.channel.send(output.frame)
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
      this.#host.onQuery(query)
      const answer = await this.#handlers.get(type)?.(query)
      if (answer === undefined || over.signal.aborted || this.#closed) return
      checkSize(answer, MAX_QUERY_BYTES)
      this.#feed({ type: 'answer', id, answer: signAnswer({ id, data: answer }, this.#host) })
    } catch (error) {
      this.#host.warn(error)
    } finally {
      timer.cancel()
    }
  }

  #onDirect(handle: number, frame: QueryFrame): void {
    const open = this.#channels.get(handle)
    if (!open) return
    if (frame.type === 'taken') return this.#onTaken(handle, frame.number)
    if (frame.type === 'direct') {
      this.#host.onDirect(open.link.remote, copyBytes(frame.data))
      this.#confirm(handle, open.channel, frame.number)
    }
    if (frame.type === 'stream') {
      const id = copyBytes(frame.id)
      this.#host.onStream(open.link.remote, () => open.link.openChannel({ protocol: STREAM_PROTOCOL, id }))
    }
  }

  /** One that sends and takes nothing is owed no more words than it may wait for itself. */
  #confirm(handle: number, channel: Channel, number: number): void {
    const owed = this.#owed.get(handle) ?? 0
    if (owed >= MAX_DIRECT) return
    this.#owed.set(handle, owed + 1)
    const over = (): void => {
      const left = (this.#owed.get(handle) ?? 1) - 1
      if (left > 0) this.#owed.set(handle, left)
      else this.#owed.delete(handle)
    }
    this.#transmit(channel, encodeQueryFrame({ type: 'taken', number }), undefined).then(over, over)
  }

  #onTaken(handle: number, number: number): void {
    const waiting = this.#direct.get(number)
    if (waiting?.handle !== handle) return
    this.#direct.delete(number)
    waiting.resolve()
  }

  #onDown(handle: number): void {
    this.#feed({ type: 'down', peer: handle })
    for (const [number, waiting] of this.#direct) {
      if (waiting.handle !== handle) continue
      this.#direct.delete(number)
      waiting.reject(new GossipError('ERR_PEER', 'the peer went before it had taken the message'))
    }
    this.#wake()
  }

  #taken(number: number, handle: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => settle(() => reject(aborted(signal)))
      const settle = (then: () => void): void => {
        this.#direct.delete(number)
        signal?.removeEventListener('abort', onAbort)
        then()
      }
      if (signal?.aborted) return reject(aborted(signal))
      // It may have gone since the message was sent.
      if (!this.#channels.get(handle)) return reject(new GossipError('ERR_PEER', 'the peer has left the room'))
      signal?.addEventListener('abort', onAbort)
      this.#direct.set(number, {
        handle,
        resolve: () => settle(resolve),
        reject: (error) => settle(() => reject(error)),
      })
    })
  }

  /** The open channel with the peer, over a link that is made if there is none. */
  async #reach(peer: PeerId, signal: AbortSignal | undefined) {
    const known = this.#channelTo(peer)
    if (known) return known
    if (this.#closed) throw closed()
    await this.#host.connect(peer, signal)
    const found = await this.#when(() => this.#channelTo(peer), { ms: ARRIVAL_MS, signal })
    if (found) return found
    throw new GossipError('ERR_PEER', `${peer} is linked, but not in this room`)
  }

  #channelTo(peer: PeerId): { readonly handle: number; readonly channel: Channel; readonly link: Link } | null {
    for (const { handle, channel, link } of this.#channels.entries()) {
      if (link.remote === peer) return { handle, channel, link }
    }
    return null
  }

  async #transmit(channel: Channel, frame: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    let isOver = false
    const stop = channel.on('close', () => {
      isOver = true
      this.#wake()
    })
    const sent = await this.#when(() => (isOver || channel.send(frame) ? true : null), { ms: null, signal })
    stop()
    if (!sent || isOver) throw new GossipError('ERR_PEER', 'the peer has left the room')
  }

  /** What `look` finds, now or when a channel opens or drains; null in vain. */
  #when<Found>(
    look: () => Found | null,
    { ms, signal }: { readonly ms: number | null; readonly signal: AbortSignal | undefined },
  ): Promise<Found | null> {
    const first = look()
    if (first !== null) return Promise.resolve(first)
    return new Promise((resolve, reject) => {
      const timer = ms === null ? null : this.#host.clock.setTimer(ms, () => settle(() => resolve(null)))
      const wake = (): void => {
        const found = look()
        if (found !== null) settle(() => resolve(found))
        else if (this.#closed) settle(() => reject(closed()))
      }
      const onAbort = (): void => settle(() => reject(aborted(signal)))
      const settle = (then: () => void): void => {
        timer?.cancel()
        this.#wakers.delete(wake)
        signal?.removeEventListener('abort', onAbort)
        then()
      }
      if (signal?.aborted) return onAbort()
      signal?.addEventListener('abort', onAbort)
      this.#wakers.add(wake)
    })
  }

  #wake(): void {
    for (const wake of [...this.#wakers]) wake()
  }
}

function checkBound(name: string, value: number, most: number): void {
  if (value > 0 && value <= most) return
  throw new GossipError('ERR_OPTION', `${name} is ${value}; it must be above 0 and at most ${most}`)
}

function checkSize(data: Uint8Array, most: number): void {
  if (data.byteLength <= most) return
  throw new GossipError('ERR_MESSAGE_SIZE', `${data.byteLength} bytes; ${most} may be sent so`)
}

function closed(): GossipError {
  return new GossipError('ERR_CLOSED', 'the room is closed')
}

function aborted(signal: AbortSignal | undefined): GossipError {
  return new GossipError('ERR_ABORTED', 'it was aborted', { cause: signal?.reason })
}
