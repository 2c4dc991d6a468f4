// The only file of this package that touches links and the clock: it feeds what happens to the engine's machine, one input
// at a time, and does what the machine says. It never waits for one peer.

import {
  type Clock,
  type Crypto,
  copyBytes,
  type Delivery,
  type Drop,
  Emitter,
  type Gossip,
  type GossipEvents,
  type HistoryQuery,
  type Identity,
  type Link,
  type OpenTopicChannel,
  type PeerId,
  type Receipt,
  sodiumCrypto,
  systemClock,
  type Timer,
  type Topic,
  TopicChannels,
} from '@hearsay/core'
import { Acknowledgements } from './acknowledgements.js'
import { DeliveryLog } from './delivery-log.js'
import type { Engine, Input, Machine, Output, PeerHandle } from './engine.js'
import { GossipError } from './errors.js'
import { type GossipLimits, resolveLimits } from './options.js'
import { Outbox } from './outbox.js'
import { ROOM_PROTOCOL } from './protocol.js'
import { checkSince, type Since } from './since.js'
import { trees } from './trees.js'

/** The last millisecond that a Date can hold (ECMA-262, 21.4.1.1), and a record. */
const MAX_TIME_MS = 8.64e15

export interface GossipOptions {
  readonly topic: Topic
  /** Signs what is published here. */
  readonly author: Identity
  /** An epoch that this author has never used: take it from an `EpochSource`. */
  readonly epoch: number
  /** @default trees() */
  readonly engine?: Engine
  /** Beside those of the engine. */
  readonly limits?: Partial<GossipLimits>
  /** What of before it came this node asks for. @default 'live' */
  readonly since?: Since
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
  /** Where each open channel is; two links may lead to one peer for a while. */
  readonly #links = new Map<PeerHandle, Link>()
  readonly #outbox: Outbox
  readonly #acknowledgements = new Acknowledgements()
  readonly #inputs: Input[] = []
  #running = false
  #closing: Promise<void> | null = null
  #closed = false
  /** To be called when the input at work is done. */
  #whenIdle: (() => void) | null = null
  /** True while a tick is not signed to its end. */
  #behind = false
  /** True while peers are held back because a reader lags. */
  #pressed = false
  #timer: Timer | null = null

  constructor(options: GossipOptions) {
    super((error) => this.emit('warning', toError(error)))
    const { topic, author, epoch, engine = trees(), clock = systemClock(), crypto = sodiumCrypto() } = options
    this.topic = topic
    this.#author = author
    this.#epoch = epoch
    this.#clock = clock
    this.#limits = resolveLimits({ ...engine.limits, ...options.limits })
    const since = checkSince(options.since === undefined ? 'live' : options.since)
    this.#machine = engine.createMachine({ topic, author, epoch, crypto, limits: this.#limits, since })
    const { capacity: messages, capacityBytes: bytes } = this.#limits
    this.#log = new DeliveryLog({ messages, bytes }, (pressed) => this.#setPressed(pressed))
    // Half the history: what is signed and waits for a peer must not push itself out of it.
    this.#outbox = new Outbox({ messages: messages / 2, bytes: bytes / 2 })
    this.#channels = new TopicChannels({
      topic,
      protocol: ROOM_PROTOCOL,
      crypto,
      handlers: {
        onUp: (peer, open) => this.#onUp(peer, open),
        onDown: (peer) => this.#onDown(peer),
        // One that must wait its turn outlives its listener.
        onFrame: (peer, frame) =>
          this.#handle({ type: 'frame', peer, frame: this.#running ? copyBytes(frame) : frame }),
        onDrain: (peer) => this.#refill(peer),
      },
    })
  }

  get peers(): ReadonlyMap<PeerId, Link> {
    return this.#peers
  }

  addLink(link: Link): void {
    if (!this.#closing) this.#channels.add(link)
  }

  removeLink(link: Link): void {
    this.#channels.remove(link)
  }

  async publish(payload: Uint8Array, options: { readonly signal?: AbortSignal } = {}): Promise<Receipt> {
    const { signal } = options
    if (this.#closing) throw new GossipError('ERR_CLOSED', 'the room is closed')
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
    // Everything that is published in one tick is signed together.
    const onFirst = (): void => queueMicrotask(() => this.#flush())
    const { seq, peers } = await this.#outbox.enter(copyBytes(payload), { onFirst, signal })
    return this.#receipt(seq, peers)
  }

  history(query: HistoryQuery = {}): AsyncIterable<Delivery> {
    return { [Symbol.asyncIterator]: () => this.#log.read(query) }
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#whenIdle = () => {
        this.#finish()
        resolve()
      }
    })
    this.#flush()
    // A listener may call this: what its input brought is first to be acknowledged.
    if (!this.#running) this.#rest()
    return this.#closing
  }

  #finish(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#channels.close()
    this.#outbox.close()
    this.#acknowledgements.close()
    this.#log.close()
    this.#peers.clear()
  }

  #flush(): void {
    if (this.#closed) return
    const payloads = this.#outbox.take(this.#peers.size > 0 && !this.#closing)
    this.#behind = this.#outbox.hasUnsigned
    if (payloads.length > 0) this.#handle({ type: 'publish', payloads, wall: this.#wall() })
  }

  /** What a record's time may be, whatever the clock says. */
  #wall(): number {
    return Math.floor(Math.min(Math.max(this.#clock.wall(), 0), MAX_TIME_MS)) || 0
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

  #onUp(peer: PeerHandle, { link, channel }: OpenTopicChannel): void {
    const isNew = !this.#peers.has(link.remote)
    this.#links.set(peer, link)
    if (isNew) this.#peers.set(link.remote, link)
    if (this.#pressed) channel.setFlowing(false)
    this.#handle({ type: 'peer-up', peer, remote: link.remote, window: channel.window })
    if (isNew) this.emit('peer', link.remote, link)
  }

  /** A peer stays while another link leads to it. */
  #onDown(peer: PeerHandle): void {
    const remote = this.#links.get(peer)?.remote
    this.#links.delete(peer)
    if (this.#closed || remote === undefined) return
    this.#handle({ type: 'peer-down', peer })
    const other = [...this.#links.values()].find((link) => link.remote === remote)
    if (other) this.#peers.set(remote, other)
    else {
      this.#peers.delete(remote)
      this.emit('peer-leave', remote)
    }
    this.#settle()
  }

  #refill(peer: PeerHandle): void {
    if (this.#windowOf(peer) > 0) this.#handle({ type: 'window', peer, bytes: this.#windowOf(peer) })
  }

  #windowOf(peer: PeerHandle): number {
    return this.#channels.get(peer)?.channel.window ?? 0
  }

  /** Feeds the machine; what happens while its outputs are carried out waits its turn. */
  #handle(input: Input): void {
    this.#inputs.push(input)
    if (this.#running) return
    this.#running = true
    try {
      for (let next = this.#inputs.shift(); next; next = this.#inputs.shift()) this.#step(next)
    } finally {
      this.#running = false
    }
    this.#rest()
  }

  #step(input: Input): void {
    if (this.#closed) return
    // What was sent since a window was told has used it up.
    const current = input.type === 'window' ? { ...input, bytes: this.#windowOf(input.peer) } : input
    for (const output of this.#react(current)) this.#do(output, current)
    this.#settle()
  }

  /** Signing is the one thing that may fail here, and then for the caller of `publish` to hear. */
  #react(input: Input): readonly Output[] {
    if (input.type !== 'publish') return this.#machine.handle(input, this.#clock.now())
    try {
      return this.#machine.handle(input, this.#clock.now())
    } catch (error) {
      this.#outbox.unsignable(input.payloads.length, toError(error))
      return []
    }
  }

  #settle(): void {
    this.#outbox.settle(this.#peers.size === 0)
    if (this.#behind) this.#flush()
  }

  #rest(): void {
    const run = this.#whenIdle
    this.#whenIdle = null
    run?.()
  }

  #do(output: Output, cause: Input): void {
    switch (output.type) {
      case 'send':
        return this.#send(output.peer, output.frame)
      case 'blocked':
        return this.#refill(output.peer)
      case 'deliver':
        return this.#deliver({ ...output.delivery, receivedAt: this.#wall() })
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
        return this.#onDrop(output.drop)
    }
  }

  /** A frame that one link does not carry is that peer's loss alone: it will see a gap. */
  #send(peer: PeerHandle, frame: Uint8Array): void {
    try {
      this.#channels.get(peer)?.channel.send(frame)
    } catch (error) {
      this.emit('warning', toError(error))
    }
  }

  #onDrop(drop: Drop): void {
    if (drop.author === this.#author.id && drop.epoch === this.#epoch) this.#outbox.dropped(drop.from, drop.to)
    this.emit('drop', drop)
  }

  #deliver(delivery: Delivery): void {
    this.#log.append(delivery, false)
    this.emit('delivery', delivery)
  }

  /** Own messages go into the history, not to the listeners: the author does not hear itself. */
  #onPublished({ from, to }: Extract<Output, { type: 'published' }>, cause: Input): void {
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
    this.#outbox.signed(from, to)
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

  #setPressed(pressed: boolean): void {
    this.#pressed = pressed
    for (const { channel } of this.#channels) channel.setFlowing(!pressed)
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
