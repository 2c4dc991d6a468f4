// Peer exchange: members of a topic tell each other whom else they are linked to. This file drives the machines in
// `exchange/machine.ts`, one for each topic: it owns the links, the channels and the clock, and decides nothing about the
// protocol.

import {
  type AddressRecord,
  type Candidate,
  type Clock,
  type Crypto,
  copyBytes,
  type Discovery,
  type DiscoveryJoin,
  type DiscoverySession,
  type Link,
  type Logger,
  type PeerId,
  type Random,
  sodiumCrypto,
  systemClock,
  systemRandom,
  type Timer,
  type Topic,
  TopicChannels,
  type TopicId,
  Turns,
} from '@hearsay/core'
import { closedError } from './errors.js'
import type { ExchangeInput, ExchangeMachine, ExchangeOutput } from './exchange/contract.js'
import { createExchangeMachine } from './exchange/machine.js'
import { createSession, type SessionControl } from './session.js'

export interface PeerExchangeOptions {
  /**
   * The own record of a linked peer if it may be told to others, such as the pool's `referralOf`: what the peer said on its
   * link, never hearsay. Null: it is not told.
   */
  readonly recordOf: (peer: PeerId) => AddressRecord | null
  /** Told of each record that a peer told, beside the candidate: for an address book. */
  readonly onHeard?: (heard: {
    readonly record: AddressRecord
    readonly referrer: PeerId
    readonly topic: TopicId
  }) => void
  /** Linked peers from which on a topic asks for no more. @default 8 */
  readonly target?: number
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default systemRandom() */
  readonly random?: Random
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
  readonly logger?: Logger
}

/** A discovery that finds peers by asking those that are linked. */
export interface PeerExchange extends Discovery {
  /** Exchanges peers over this link, in each topic that both sides join, now or later. A link may be given twice. */
  addLink(link: Link): void
}

const NAME = 'exchange'
/** The channel of a topic's exchange; the number changes with its frames. */
const PROTOCOL = 'hearsay/exchange/1'

/**
 * Peer exchange over the links that it is given. Its candidates name the peer, its own signed addresses, and as `referrer`
 * who told of it. Who joins with `announce: false` is not told of, with `lookup: false` asks nobody.
 *
 * @example const exchange = peerExchange({ recordOf: (peer) => pool.referralOf(peer) }); pool.on('link', exchange.addLink)
 */
export function peerExchange(options: PeerExchangeOptions): PeerExchange {
  const links = new Set<Link>()
  const rooms = new Map<TopicId, Room>()
  let closed = false

  function join(topic: Topic, wish: DiscoveryJoin): DiscoverySession {
    if (closed) throw closedError(NAME)
    const room = rooms.get(topic.id) ?? new Room(topic, wish, options)
    const isNew = !rooms.has(topic.id)
    rooms.set(topic.id, room)
    const control: SessionControl = createSession({
      refresh: () => wish.lookup && room.refresh(),
      leave: async () => {
        if (room.leave(control) === 0 && rooms.get(topic.id) === room) rooms.delete(topic.id)
      },
    })
    room.enter(control, wish)
    if (isNew) for (const link of links) room.addLink(link)
    control.flush()
    return control.session
  }

  return {
    name: NAME,
    capabilities: { identifies: true, local: true },
    join,
    addLink(link) {
      if (closed || links.has(link)) return
      links.add(link)
      link.once('close', () => links.delete(link))
      for (const room of rooms.values()) room.addLink(link)
    },
    async close() {
      closed = true
      links.clear()
      const controls = [...rooms.values()].flatMap((room) => room.controls)
      await Promise.all(controls.map(({ session }) => session.leave()))
    },
  }
}

/** One topic: its channels, its machine, and the sessions that joined it. */
class Room {
  readonly #topic: Topic
  readonly #options: PeerExchangeOptions
  readonly #clock: Clock
  readonly #machine: ExchangeMachine
  readonly #channels: TopicChannels
  readonly #sessions = new Map<SessionControl, DiscoveryJoin>()
  readonly #turns = new Turns<ExchangeInput>((input) => this.#step(input))
  #ended = false
  #timer: Timer | null = null

  constructor(topic: Topic, { identity }: DiscoveryJoin, options: PeerExchangeOptions) {
    const { crypto = sodiumCrypto(), random = systemRandom(), clock = systemClock(), recordOf, target } = options
    this.#topic = topic
    this.#options = options
    this.#clock = clock
    this.#machine = createExchangeMachine({
      self: identity.id,
      random,
      crypto,
      recordOf,
      linked: () => Math.max(0, ...[...this.#sessions.values()].map(({ linked }) => linked())),
      ...(target !== undefined && { target }),
    })
    this.#channels = new TopicChannels({
      topic,
      protocol: PROTOCOL,
      crypto,
      handlers: {
        onUp: (handle, { link }) => this.#handle({ type: 'up', handle, remote: link.remote }),
        onDown: (handle) => this.#handle({ type: 'down', handle }),
        // One that must wait its turn outlives its listener.
        onFrame: (handle, frame) =>
          this.#handle({ type: 'frame', handle, frame: this.#turns.running ? copyBytes(frame) : frame }),
        onDrain: () => {},
      },
    })
  }

  get controls(): readonly SessionControl[] {
    return [...this.#sessions.keys()]
  }

  enter(control: SessionControl, wish: DiscoveryJoin): void {
    this.#sessions.set(control, wish)
    this.#tellWish()
  }

  /** How many sessions are left; with the last one the channels close. */
  leave(control: SessionControl): number {
    this.#sessions.delete(control)
    if (this.#sessions.size > 0) this.#tellWish()
    else this.#end()
    return this.#sessions.size
  }

  addLink(link: Link): void {
    this.#channels.add(link)
  }

  refresh(): void {
    this.#handle({ type: 'refresh' })
  }

  #end(): void {
    this.#ended = true
    this.#timer?.cancel()
    this.#timer = null
    this.#channels.close()
  }

  #tellWish(): void {
    const wishes = [...this.#sessions.values()]
    const wish = { lookup: wishes.some(({ lookup }) => lookup), tellable: wishes.some(({ announce }) => announce) }
    this.#handle({ type: 'wish', wish })
  }

  #handle(input: ExchangeInput): void {
    this.#turns.take(input)
  }

  #step(input: ExchangeInput): void {
    if (this.#ended) return
    for (const output of this.#machine.handle(input, this.#clock.now())) this.#obey(output)
  }

  #obey(output: ExchangeOutput): void {
    switch (output.type) {
      case 'send':
        // Without a window it is lost: whoever takes nothing is told nothing.
        return void this.#channels.get(output.handle)?.channel.send(output.frame)
      case 'candidate':
        return this.#tell(output)
      case 'misbehaved':
        return this.#onMisbehaved(output)
      case 'wake':
        return this.#wakeAt(output.at)
    }
  }

  #tell({ peer, addresses, record, referrer }: Extract<ExchangeOutput, { type: 'candidate' }>): void {
    const candidate: Candidate = { peer, addresses, source: NAME, referrer }
    for (const [control, { lookup }] of this.#sessions) if (lookup) control.offer(candidate)
    this.#options.onHeard?.({ record, referrer, topic: this.#topic.id })
  }

  #onMisbehaved({ handle, code, message, end }: Extract<ExchangeOutput, { type: 'misbehaved' }>): void {
    const open = this.#channels.get(handle)
    if (!open) return
    const fields = { peer: open.link.remote, code, end }
    this.#options.logger?.({ level: 'warn', scope: 'discovery/exchange', message, fields })
    if (end === 'channel') open.channel.close()
    else void open.link.close({ code, message })
  }

  #wakeAt(at: number): void {
    this.#timer?.cancel()
    this.#timer = this.#ended
      ? null
      : this.#clock.setTimer(at - this.#clock.now(), () => this.#handle({ type: 'wake' }))
  }
}
