// The only file of this package that touches links and the clock: it feeds what happens to the engine's machine, one input
// at a time, and does what the machine says. It never waits for one peer.

import {
  type Clock,
  type Crypto,
  copyBytes,
  type Delivery,
  Emitter,
  type Gossip,
  type GossipEvents,
  type HistoryQuery,
  type Identity,
  type Link,
  type PeerId,
  type Receipt,
  sodiumCrypto,
  systemClock,
  type Timer,
  type Topic,
} from '@hearsay/core'
import { Acknowledgements } from './acknowledgements.js'
import { DeliveryLog } from './delivery-log.js'
import type { Engine, Input, Machine, Output, PeerHandle } from './engine.js'
import { GossipError } from './errors.js'
import { flood } from './flood.js'
import { type GossipLimits, resolveLimits } from './options.js'
import { Outbox, type Publication } from './outbox.js'
import { TopicChannels } from './topic-channels.js'

export interface GossipOptions {
  readonly topic: Topic
  /** Signs what is published here. */
  readonly author: Identity
  /** An epoch that this author has never used: take it from an `EpochSource`. */
  readonly epoch: number
  /** @default flood() */
  readonly engine?: Engine
  /** Beside those of the engine. */
  readonly limits?: Partial<GossipLimits>
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
}

/** Gossip about one topic over the links that it is given. Throws `ERR_OPTION` for a limit outside its bound. */
export function createGossip(options: GossipOptions): Gossip {
  return new GossipDriver(options)
}

class GossipDriver extends Emitter<GossipEvents> implements Gossip {
  readonly topic: Topic
  readonly #author: Identity
  readonly #epoch: number
  readonly #clock: Clock
  readonly #limits: GossipLimits
  readonly #machine: Machine
  readonly #channels: TopicChannels
  readonly #log: DeliveryLog
  readonly #peers = new Map<PeerId, Link>()
  readonly #outbox = new Outbox()
  readonly #acknowledgements = new Acknowledgements()
  readonly #inputs: Input[] = []
  #running = false
  #closed = false
  #timer: Timer | null = null

  constructor(options: GossipOptions) {
    super((error) => this.emit('warning', error instanceof Error ? error : new Error(String(error))))
    const { topic, author, epoch, engine = flood(), clock = systemClock(), crypto = sodiumCrypto() } = options
    this.topic = topic
    this.#author = author
    this.#epoch = epoch
    this.#clock = clock
    this.#limits = resolveLimits({ ...engine.limits, ...options.limits })
    this.#machine = engine.createMachine({ topic, author, epoch, crypto, limits: this.#limits })
    const { capacity: messages, capacityBytes: bytes } = this.#limits
    this.#log = new DeliveryLog({ messages, bytes }, (pressed) => this.#setFlowing(!pressed))
    this.#channels = new TopicChannels(topic, crypto, {
      onUp: (peer, { link, channel }) => this.#onUp(peer, link, channel.window),
      onDown: (peer) => this.#onDown(peer),
      onFrame: (peer, frame) => this.#handle({ type: 'frame', peer, frame }),
      onDrain: (peer) => this.#refill(peer),
    })
  }

  get peers(): ReadonlyMap<PeerId, Link> {
    return this.#peers
  }

  addLink(link: Link): void {
    if (!this.#closed) this.#channels.add(link)
  }

  async publish(payload: Uint8Array, options: { readonly signal?: AbortSignal } = {}): Promise<Receipt> {
    const { signal } = options
    if (this.#closed) throw new GossipError('ERR_CLOSED', 'the room is closed')
    if (signal?.aborted) throw new GossipError('ERR_ABORTED', 'publish was aborted', { cause: signal.reason })
    if (payload.byteLength > this.#limits.maxMessageBytes) {
      throw new GossipError(
        'ERR_MESSAGE_SIZE',
        `a message of ${payload.byteLength} bytes; the limit is ${this.#limits.maxMessageBytes}`,
        {
          remedy: 'Split it, or send a reference to it.',
        },
      )
    }
    return new Promise((resolve, reject) => this.#collect(copyBytes(payload), { resolve, reject, signal }))
  }

  history(query: HistoryQuery = {}): AsyncIterable<Delivery> {
    return { [Symbol.asyncIterator]: () => this.#log.read(query) }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#flush()
    this.#closed = true
    this.#timer?.cancel()
    this.#channels.close()
    this.#outbox.close()
    this.#acknowledgements.close()
    this.#log.close()
    this.#peers.clear()
  }

  /** Everything that is published in one tick is signed together. */
  #collect(
    payload: Uint8Array,
    call: { resolve: (receipt: Receipt) => void; reject: (error: Error) => void; signal: AbortSignal | undefined },
  ): void {
    const { signal } = call
    const publication: Publication = {
      payload,
      seq: null,
      peers: 0,
      settle: (seq, peers) => {
        signal?.removeEventListener('abort', onAbort)
        call.resolve(this.#receipt(seq, peers))
      },
      fail: (error) => {
        signal?.removeEventListener('abort', onAbort)
        call.reject(error)
      },
    }
    // Once signed it is on its way and cannot be taken back; then aborting only ends the wait.
    const onAbort = (): void => {
      if (this.#outbox.withdraw(publication)) {
        publication.fail(new GossipError('ERR_ABORTED', 'publish was aborted', { cause: signal?.reason }))
      } else this.#outbox.settleNow(publication)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    if (this.#outbox.add(publication)) queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    const payloads = this.#outbox.takeTick()
    if (this.#closed || payloads.length === 0) return
    const wall = this.#clock.wall()
    this.#handle({ type: 'publish', payloads, wall })
  }

  #receipt(seq: number, peers: number): Receipt {
    return {
      author: this.#author.id,
      epoch: this.#epoch,
      seq,
      peers,
      confirmed: (count = 1, { signal } = {}) => this.#acknowledgements.wait(seq, count, signal),
    }
  }

  #onUp(peer: PeerHandle, link: Link, window: number): void {
    this.#peers.set(link.remote, link)
    this.#handle({ type: 'peer-up', peer, remote: link.remote, window })
    this.emit('peer', link.remote, link)
  }

  #onDown(peer: PeerHandle): void {
    this.#handle({ type: 'peer-down', peer })
    const remotes = new Set([...this.#channels].map(({ link }) => link.remote))
    for (const remote of [...this.#peers.keys()]) {
      if (remotes.has(remote)) continue
      this.#peers.delete(remote)
      this.emit('peer-leave', remote)
    }
    this.#outbox.settle(this.#peers.size === 0)
  }

  #refill(peer: PeerHandle): void {
    const window = this.#channels.get(peer)?.channel.window ?? 0
    if (window > 0) this.#handle({ type: 'window', peer, bytes: window })
  }

  /** Feeds the machine; what happens while its outputs are carried out waits its turn. */
  #handle(input: Input): void {
    this.#inputs.push(input)
    if (this.#running) return
    this.#running = true
    for (let next = this.#inputs.shift(); next; next = this.#inputs.shift()) {
      if (this.#closed) break
      for (const output of this.#machine.handle(next, this.#clock.now())) this.#do(output, next)
      this.#outbox.settle(this.#peers.size === 0)
    }
    this.#running = false
  }

  #do(output: Output, cause: Input): void {
    switch (output.type) {
      case 'send':
        this.#channels.get(output.peer)?.channel.send(output.frame)
        return
      case 'blocked':
        return this.#refill(output.peer)
      case 'deliver':
        return this.#deliver({ ...output.delivery, receivedAt: this.#clock.wall() })
      case 'published':
        return this.#onPublished(output, cause)
      case 'pushed':
        return this.#outbox.pushed(output.from, output.to)
      case 'confirmed':
        return this.#acknowledgements.add(output.remote, output.from, output.to)
      case 'misbehaved':
        return this.#onMisbehaved(output)
      case 'wake':
        return this.#wake(output.at)
      case 'gap':
        this.emit('gap', output.gap)
        return
      case 'fork':
        this.emit('fork', output.fork)
        return
      case 'drop':
        this.emit('drop', output.drop)
        return
    }
  }

  #deliver(delivery: Delivery): void {
    this.#log.append(delivery, false)
    this.emit('delivery', delivery)
  }

  /** Own messages go into the history, not to the listeners: the author does not hear itself. */
  #onPublished({ from }: Extract<Output, { type: 'published' }>, cause: Input): void {
    if (cause.type !== 'publish') return
    const place = {
      author: this.#author.id,
      epoch: this.#epoch,
      time: cause.wall,
      receivedAt: cause.wall,
      hops: 0,
      via: null,
    }
    for (const [index, payload] of cause.payloads.entries())
      this.#log.append({ ...place, seq: from + index, payload }, true)
    this.#outbox.signed(from)
  }

  #onMisbehaved({ peer, code, message, ban }: Extract<Output, { type: 'misbehaved' }>): void {
    const open = this.#channels.get(peer)
    this.emit('warning', new GossipError(code, `${open?.link.remote ?? 'a peer'} sent ${message}`))
    void open?.link.close({ code, message, ban })
  }

  #wake(at: number | null): void {
    this.#timer?.cancel()
    this.#timer =
      at === null ? null : this.#clock.setTimer(at - this.#clock.now(), () => this.#handle({ type: 'timer' }))
  }

  #setFlowing(flowing: boolean): void {
    for (const { channel } of this.#channels) channel.setFlowing(flowing)
  }
}
