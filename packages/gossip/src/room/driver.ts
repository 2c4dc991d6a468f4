// The only file of this package that touches links and the clock: it feeds what happens to the engine's machine, one input
// at a time, and does what the machine says. It never waits for one peer.

import {
  type Clock,
  copyBytes,
  type Delivery,
  type Drop,
  Emitter,
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
  Turns,
} from '@hearsay/core'
import type { Input, Machine, Output, PeerHandle } from '../engine.js'
import { GossipError, toError } from '../errors.js'
import { type GossipOptions, type KeptGossip, resolveGossip, wallOf } from '../gossip-options.js'
import { ROOM_PROTOCOL } from '../protocol.js'
import { Keeper, restoring } from '../store/keeper.js'
import { DeliveryLog, received } from './delivery-log.js'
import { OwnWords } from './own-words.js'
import type { Publishing } from './publishing.js'
import { judgeAll, type Validate } from './validation.js'

/** Gossip about one topic over the links that it is given. Throws `ERR_OPTION` for a limit outside its bound. */
export function createGossip(options: GossipOptions): KeptGossip {
  return new GossipDriver(options)
}

class GossipDriver extends Emitter<GossipEvents> implements KeptGossip {
  readonly topic: Topic
  readonly restored: Promise<void>
  readonly #author: Identity
  readonly #clock: Clock
  readonly #machine: Machine
  readonly #validate: Validate | null
  readonly #stopTicks: () => void
  readonly #keeper: Keeper | null
  /** Links that wait for what the store held; null when that is here. */
  #waiting: Link[] | null = null
  readonly #channels: TopicChannels
  readonly #log: DeliveryLog
  readonly #peers = new Map<PeerId, Link>()
  /** Where each open channel is; two links may lead to one peer for a while. */
  readonly #links = new Map<PeerHandle, Link>()
  readonly #own: OwnWords
  readonly #publishing: Publishing
  readonly #turns = new Turns<Input>((input) => this.#step(input))
  #closing: Promise<void> | null = null
  #closed = false
  /** To be called when the input at work is done. */
  #whenIdle: (() => void) | null = null
  /** True while peers are held back because a reader lags. */
  #pressed = false
  #timer: Timer | null = null

  constructor(options: GossipOptions) {
    super((error) => this.emit('warning', toError(error)))
    const { topic, author, epoch, epochs, store, clock = systemClock(), crypto = sodiumCrypto() } = options
    const { engine, limits, members, ...wishes } = resolveGossip(options)
    this.topic = topic
    this.#author = author
    this.#clock = clock
    this.#validate = options.validate ?? null
    const context = { topic, author, epoch, crypto, limits, ...wishes, ...(members && { members }) }
    this.#machine = engine.createMachine(context)
    this.#stopTicks = engine.onTick?.(() => this.#handle({ type: 'tick' })) ?? (() => {})
    const { capacity: messages, capacityBytes: bytes } = limits
    this.#log = new DeliveryLog({ messages, bytes }, (pressed) => this.#setPressed(pressed))
    const warn = (error: Error): unknown => this.emit('warning', error)
    this.#keeper = store ? new Keeper({ store, bounds: { messages, bytes }, warn }) : null
    this.#own = new OwnWords({
      ...{ author, epoch, source: epochs ?? null, clock, limits, members, hasPeers: () => this.#peers.size > 0, warn },
      sign: (payloads) => this.#handle({ type: 'publish', payloads, wall: this.#wall() }),
      begin: (next) => this.#begin(next),
    })
    this.#publishing = this.#own.publishing
    this.#channels = new TopicChannels({
      topic,
      protocol: ROOM_PROTOCOL,
      crypto,
      handlers: {
        onUp: (peer, open) => this.#onUp(peer, open),
        onDown: (peer) => this.#onDown(peer),
        // One that must wait its turn outlives its listener.
        onFrame: (peer, frame) =>
          this.#handle({ type: 'frame', peer, frame: this.#turns.running ? copyBytes(frame) : frame }),
        onDrain: (peer) => this.#refill(peer),
      },
    })
    this.restored = this.#keeper ? this.#restore(this.#keeper) : Promise.resolve()
  }

  get peers(): ReadonlyMap<PeerId, Link> {
    return this.#peers
  }

  addLink(link: Link): void {
    if (this.#closing) return
    if (this.#waiting) this.#waiting.push(link)
    else this.#channels.add(link)
  }

  removeLink(link: Link): void {
    this.#waiting = this.#waiting?.filter((one) => one !== link) ?? null
    this.#channels.remove(link)
  }

  /** Not an async function: of messages there are hundreds of thousands a second, and each promise costs. */
  publish(payload: Uint8Array, options: { readonly signal?: AbortSignal } = {}): Promise<Receipt> {
    if (this.#waiting) return this.restored.then(() => this.publish(payload, options))
    try {
      const { signal } = options
      if (this.#closing) throw new GossipError('ERR_CLOSED', 'the room is closed')
      if (signal?.aborted) throw new GossipError('ERR_ABORTED', 'publish was aborted', { cause: signal.reason })
      return this.#publishing.publish(payload, signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  history(query: HistoryQuery = {}): AsyncIterable<Delivery> {
    return { [Symbol.asyncIterator]: () => this.#log.read(query) }
  }

  close(): Promise<void> {
    this.#closing ??= this.#end().then(() => this.#keeper?.close())
    return this.#closing
  }

  /** What was kept becomes history; what came since it was kept is asked for. */
  async #restore(keeper: Keeper): Promise<void> {
    this.#waiting = []
    const kept = await keeper.load()
    if (kept.length > 0) this.#handle(restoring(kept, { now: this.#clock.now(), wall: this.#wall() }))
    const links = this.#waiting
    this.#waiting = null
    for (const link of links) this.addLink(link)
  }

  #end(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#whenIdle = () => {
        this.#finish()
        resolve()
      }
    })
    this.#publishing.end()
    // A listener may call this: what its input brought is first to be acknowledged.
    if (!this.#turns.running) this.#rest()
    return ended
  }

  #finish(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#stopTicks()
    this.#channels.close()
    this.#publishing.close()
    this.#log.close()
    this.#peers.clear()
  }

  #wall(): number {
    return wallOf(this.#clock)
  }

  #onUp(peer: PeerHandle, { link, channel }: OpenTopicChannel): void {
    const isNew = !this.#peers.has(link.remote)
    this.#links.set(peer, link)
    if (isNew) this.#peers.set(link.remote, link)
    if (this.#pressed) channel.setFlowing(false)
    this.#publishing.up(peer)
    this.#handle({ type: 'peer-up', peer, remote: link.remote, window: channel.window })
    if (isNew) this.emit('peer', link.remote, link)
  }

  /** A peer stays while another link leads to it. */
  #onDown(peer: PeerHandle): void {
    const remote = this.#links.get(peer)?.remote
    this.#links.delete(peer)
    this.#publishing.down(peer)
    if (this.#closed || remote === undefined) return
    this.#handle({ type: 'peer-down', peer })
    const other = [...this.#links.values()].find((link) => link.remote === remote)
    if (other) this.#peers.set(remote, other)
    else {
      this.#peers.delete(remote)
      this.emit('peer-leave', remote)
    }
    this.#publishing.settle()
  }

  #refill(peer: PeerHandle): void {
    if (this.#windowOf(peer) > 0) this.#handle({ type: 'window', peer, bytes: this.#windowOf(peer) })
  }

  #windowOf(peer: PeerHandle): number {
    return this.#channels.get(peer)?.channel.window ?? 0
  }

  #handle(input: Input): void {
    this.#turns.take(input)
    if (!this.#turns.running) this.#rest()
  }

  #step(input: Input): void {
    if (this.#closed) return
    // What was sent since a window was told has used it up.
    const current = input.type === 'window' ? { ...input, bytes: this.#windowOf(input.peer) } : input
    for (const output of this.#react(current)) this.#do(output, current)
    this.#publishing.settle()
  }

  /** Signing is the one thing that may fail here, and then for the caller of `publish` to hear. */
  #react(input: Input): readonly Output[] {
    if (input.type !== 'publish') return this.#machine.handle(input, this.#clock.now())
    try {
      return this.#machine.handle(input, this.#clock.now())
    } catch (error) {
      this.#publishing.unsignable(input.payloads.length, toError(error))
      return []
    }
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
        return this.#deliver(received(output.delivery, this.#wall()))
      case 'judge':
        return this.#judge(output)
      case 'keep':
        return this.#keeper?.keep(output.record, this.#wall())
      case 'recall':
        return this.#log.append(output.delivery, true)
      case 'published':
        return this.#onPublished(output, cause)
      case 'pushed':
        return this.#own.pushed(output)
      case 'confirmed':
        return this.#own.confirmed(output)
      case 'misbehaved':
        return this.#onMisbehaved(output)
      case 'wake':
        return this.#wake(output.at)
      case 'shown':
        this.emit('shown', output.remote, output.author)
        return
      case 'gap':
        this.emit('gap', output.gap)
        return
      case 'fork':
        this.emit('fork', output.fork)
        return this.#own.heard(output.fork)
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
    this.#own.dropped(drop)
    this.emit('drop', drop)
  }

  #judge({ ticket, deliveries }: Extract<Output, { type: 'judge' }>): void {
    if (!this.#validate) return
    judgeAll(deliveries, {
      validate: this.#validate,
      settle: (verdict) => this.#handle({ type: 'verdict', ticket, verdict }),
      warn: (error) => this.emit('warning', toError(error)),
    })
  }

  #deliver(delivery: Delivery): void {
    this.#log.append(delivery, false)
    this.emit('delivery', delivery)
    this.#own.heard(delivery)
  }

  /** Neighbours know us by the epoch that we said hello with: every channel is opened anew. */
  #begin(epoch: number): void {
    if (this.#closing) return
    const links = this.#channels.links
    for (const link of links) this.#channels.remove(link)
    this.#own.begin(epoch)
    this.#handle({ type: 'epoch', epoch })
    for (const link of links) this.#channels.add(link)
  }

  /** Own messages go into the history, not to the listeners: the author does not hear itself. */
  #onPublished({ from, to, payloads }: Extract<Output, { type: 'published' }>, cause: Input): void {
    if (cause.type !== 'publish') return
    const { wall: time } = cause
    const [author, epoch] = [this.#author.id, this.#own.epoch]
    for (const [index, payload] of payloads.entries()) {
      const seq = from + index
      this.#log.append({ author, epoch, seq, time, receivedAt: time, hops: 0, via: null, payload }, true)
    }
    const signed = payloads.reduce((sum, payload) => sum + payload.byteLength, 0)
    this.#own.signed({ from, to }, signed)
    this.emit('published')
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
    this.#handle({ type: 'flow', flowing: !pressed })
  }
}
