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
import type { Since } from '../since.js'
import { Keeper } from '../store/keeper.js'
import { pastOf } from '../store/past.js'
import { published, received } from './deliveries.js'
import { DeliveryLog } from './delivery-log.js'
import { Drops } from './drops.js'
import { Flow } from './flow.js'
import { OwnWords } from './own-words.js'
import { weightOf } from './pacing.js'
import { Peers } from './peers.js'
import type { Publishing } from './publishing.js'
import { Validation } from './validation.js'

/** Neighbours whose channels are opened anew come back sooner, or are gone. */
const RETURN_MS = 1_000

/** Gossip about one topic over the links that it is given. Throws `ERR_OPTION` for a limit outside its bound. */
export function createGossip(options: GossipOptions): KeptGossip {
  return new GossipDriver(options)
}

class GossipDriver extends Emitter<GossipEvents> implements KeptGossip {
  readonly topic: Topic
  readonly restored: Promise<void>
  readonly #clock: Clock
  readonly #machine: Machine
  readonly #validation: Validation | null
  /** Null of an engine that has no rounds. */
  readonly #stopTicks: (() => void) | null
  readonly #keeper: Keeper | null
  /** Links that wait for what the store held, or for a new epoch; null when that is here. */
  #waiting: Link[] | null = null
  readonly #channels: TopicChannels
  readonly #log: DeliveryLog
  readonly #peers = new Peers()
  readonly #own: OwnWords
  readonly #publishing: Publishing
  readonly #turns = new Turns<Input>((input) => this.#step(input))
  #closing: Promise<void> | null = null
  #closed = false
  /** To be called when the input at work is done. */
  #whenIdle: (() => void) | null = null
  readonly #flow = new Flow({
    isBusy: () => this.#turns.running,
    take: (peer, frame) => this.#handle({ type: 'frame', peer, frame }),
    setFlowing: (flowing) => this.#setFlowing(flowing),
  })
  readonly #drops = new Drops((drop) => this.emit('drop', drop))
  #timer: Timer | null = null

  constructor(options: GossipOptions) {
    super((error) => this.emit('warning', toError(error)))
    const { topic, author, epoch, epochs, store, clock = systemClock(), crypto = sodiumCrypto() } = options
    const { engine, limits, members, ...wishes } = resolveGossip(options)
    this.topic = topic
    this.#clock = clock
    const context = { topic, author, epoch, crypto, limits, ...wishes, ...(members && { members }) }
    this.#machine = engine.createMachine(context)
    this.#stopTicks = engine.onTick?.(() => this.#handle({ type: 'tick' })) ?? null
    const bounds = { messages: limits.capacity, bytes: limits.capacityBytes }
    const onPressure = (pressed: boolean): void => this.#flow.press(pressed)
    this.#log = new DeliveryLog(bounds, onPressure, (...of) => this.#drops.add(...of))
    const warn = (error: unknown): unknown => this.emit('warning', toError(error))
    const { validate } = options
    this.#validation = validate ? new Validation({ validate, clock, warn }) : null
    this.#keeper = store ? new Keeper({ store, author: author.id, bounds, wall: () => this.#wall(), warn }) : null
    this.#own = new OwnWords({
      ...{ author, epoch, source: epochs ?? null, clock, limits, members, warn },
      hasPeers: () => this.#peers.all.size > 0 && engine.isByHand !== true,
      sign: (payloads) => this.#handle({ type: 'publish', payloads, wall: this.#wall() }),
      begin: (next) => this.#begin(next),
    })
    this.#publishing = this.#own.publishing
    this.#channels = new TopicChannels({
      ...{ topic, protocol: ROOM_PROTOCOL, crypto },
      handlers: {
        onUp: (peer, open) => this.#onUp(peer, open),
        onDown: (peer) => this.#onDown(peer),
        onFrame: (peer, frame) => this.#onFrame(peer, frame),
        onDrain: (peer) => this.#refill(peer),
      },
    })
    this.restored = this.#keeper ? this.#restore(this.#keeper, wishes.since) : Promise.resolve()
  }

  get peers(): ReadonlyMap<PeerId, Link> {
    return this.#peers.all
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
      if (this.#closing) throw new GossipError('ERR_CLOSED', 'the room is closed')
      return this.#own.publish(payload, options.signal)
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
  async #restore(keeper: Keeper, since: Since): Promise<void> {
    this.#waiting = []
    const kept = await keeper.load()
    const [now, wall] = [this.#clock.now(), this.#wall()]
    const past = pastOf(kept, { author: this.#own.author, since, now, wall })
    if (past) this.#handle(past)
    this.#addWaiting()
  }

  #addWaiting(): void {
    const links = this.#waiting ?? []
    this.#waiting = null
    for (const link of links) this.addLink(link)
  }

  #end(): Promise<void> {
    this.#flow.end()
    this.#publishing.end()
    // What waits for a round would be heard by nobody.
    if (this.#stopTicks) this.#handle({ type: 'tick' })
    const ended = new Promise<void>((resolve) => {
      this.#whenIdle = () => {
        this.#finish()
        resolve()
      }
    })
    // A listener may call this: what its input brought is first to be acknowledged.
    if (!this.#turns.running) this.#rest()
    return ended
  }

  #finish(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#stopTicks?.()
    this.#channels.close()
    this.#validation?.close()
    this.#own.close()
    this.#log.close()
    this.#peers.clear()
  }

  #wall(): number {
    return wallOf(this.#clock)
  }

  #onUp(peer: PeerHandle, { link, channel }: OpenTopicChannel): void {
    const isNew = this.#peers.up(peer, link)
    if (!this.#flow.isFlowing) channel.setFlowing(false)
    this.#publishing.up(peer)
    this.#handle({ type: 'peer-up', peer, remote: link.remote, window: channel.window })
    if (isNew) this.emit('peer', link.remote, link)
  }

  #onDown(peer: PeerHandle): void {
    const remote = this.#peers.down(peer)
    this.#publishing.down(peer)
    if (this.#closed || remote === undefined) return
    this.#flow.down(peer)
    this.#handle({ type: 'peer-down', peer })
    if (this.#peers.left(remote)) this.emit('peer-leave', remote)
    this.#publishing.settle()
  }

  /** One that must wait its turn outlives its listener. What brings messages waits for a reader that must lose nothing. */
  #onFrame(peer: PeerHandle, frame: Uint8Array): void {
    if (this.#flow.mustWait(frame)) this.#flow.hold(peer, copyBytes(frame))
    else this.#handle({ type: 'frame', peer, frame: this.#turns.running ? copyBytes(frame) : frame })
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
    this.#drops.tell()
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
    this.#flow.relieve()
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
        return this.#validation?.judge(output.deliveries, (verdict) => {
          this.#handle({ type: 'verdict', ticket: output.ticket, verdict })
        })
      case 'keep':
        return this.#keeper?.keep(output.record, this.#wall())
      case 'recall':
        return this.#log.append(output.delivery, 'kept')
      case 'late':
        return this.#log.append(received(output.delivery, this.#wall()), 'late')
      case 'published':
        return this.#onPublished(output, cause)
      case 'pushed':
        return this.#own.pushed(output)
      case 'confirmed':
        if (this.#own.confirmed(output)) this.#keeper?.confirmed(this.#own.epoch, output.from, output.to)
        return
      case 'heard':
        this.#keeper?.confirmed(output.epoch, output.from, output.to)
        return this.#own.heard(output)
      case 'misbehaved':
        return this.#onMisbehaved(output)
      case 'wake':
        return this.#wake(output.at)
      case 'shown':
        return void this.emit('shown', output.remote, output.author)
      case 'gap':
        return void this.emit('gap', output.gap)
      case 'fork':
        this.emit('fork', output.fork)
        return this.#own.forked(output.fork, output.at)
      case 'twin':
        return this.#own.met(output.epoch)
      case 'drop':
        return this.#onDrop(output.drop, output.isUnheard === true)
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

  /** What was delivered can be read until it leaves the log of deliveries, which tells it. */
  #onDrop(drop: Drop, isUnheard: boolean): void {
    this.#own.dropped(drop)
    if (drop.reason !== 'history' || isUnheard) this.emit('drop', drop)
  }

  #deliver(delivery: Delivery): void {
    this.#log.append(delivery, 'heard')
    this.emit('delivery', delivery)
  }

  /**
   * Neighbours know us by the epoch that we said hello with: every channel is opened anew. What they sent before is theirs still, so
   * they go before the machine hears of it. Resolves when one is back.
   */
  async #begin(epoch: number): Promise<void> {
    if (this.#closing) return
    const { handles } = this.#peers
    // Who hears that they go may add links, remove them, or close the room.
    this.#waiting = [...this.#channels.links]
    for (const peer of handles) this.#onDown(peer)
    for (const link of this.#channels.links) this.#channels.remove(link)
    this.#own.begin(epoch)
    this.#handle({ type: 'epoch', epoch })
    const isBack = handles.length === 0 || this.#closing ? null : this.#peers.someone(this.#clock, RETURN_MS)
    this.#addWaiting()
    await isBack
  }

  /** Own messages go into the history, not to the listeners: the author does not hear itself. */
  #onPublished({ from, to, payloads }: Extract<Output, { type: 'published' }>, cause: Input): void {
    if (cause.type !== 'publish') return
    const { author, epoch } = this.#own
    for (const delivery of published(payloads, { author, epoch, from, time: cause.wall }))
      this.#log.append(delivery, 'kept')
    this.#own.signed({ from, to }, weightOf(payloads))
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

  #setFlowing(flowing: boolean): void {
    for (const { channel } of this.#channels) channel.setFlowing(flowing)
    this.#handle({ type: 'flow', flowing })
  }
}
