// Membership over real links: this file owns the members channels and the clock, hands links to the room's gossip and takes
// them back as the machine says, and decides nothing.

import {
  type AddressRecord,
  type Candidate,
  type ChannelHandle,
  type ChannelName,
  type Clock,
  type CloseReason,
  type Connector,
  type Crypto,
  channelId,
  copyBytes,
  type Gossip,
  type Link,
  type PeerId,
  type Random,
  sodiumCrypto,
  systemClock,
  systemRandom,
  type Timer,
  TopicChannels,
  Turns,
} from '@hearsay/core'
import { ROOM_PROTOCOL } from '../protocol.js'
import type { MembershipInput, MembershipOutput } from './contract.js'
import { MembershipMachine } from './machine.js'
import { type MembershipLimits, resolveMembership } from './options.js'

/** The channel of a topic's membership; the number changes with its frames. */
const PROTOCOL = 'hearsay/members/1'
/** Goodbyes of links that are not needed, or not now: they say nothing of whether the peer is in the room. */
const PARTED: ReadonlySet<string> = new Set(['ERR_UNWANTED', 'ERR_DUPLICATE', 'ERR_SUSPENDED'])

/** The machine is told of one peer at most so often: a fast room must not cost more for it. */
const BROUGHT_MS = 250

export interface MembershipDriverOptions {
  /** This node's link key. */
  readonly self: PeerId
  /** Whose links these are: those of neighbours are added to it, the others taken away. */
  readonly gossip: Gossip
  /** Makes links. */
  readonly connector: Pick<Connector, 'want' | 'release'>
  /** The linked peer's own record, if it may be told to others, such as the pool's `referralOf`. */
  readonly recordOf: (peer: PeerId) => AddressRecord | null
  /** Asks discoveries to look again. */
  readonly refresh: () => void
  /** Others are looked for. @default true */
  readonly lookup?: boolean
  /** Others may be told of this node. @default true */
  readonly tellable?: boolean
  /** @default 5 to 12 neighbours, 8 at best */
  readonly limits?: Partial<MembershipLimits>
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default systemRandom() */
  readonly random?: Random
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
}

/** Decides with whom a room talks, of all who could be linked. */
export interface Membership {
  /** A link that may lead to a member, now or later. A link may be given twice. */
  addLink(link: Link): void
  /** Somebody whom a discovery has found. */
  offer(candidate: Candidate): void
  /** Nobody is asked or dialled, and no timer runs, until it wakes. */
  sleep(): void
  wake(): void
  /** Says goodbye on each channel and frees the timer; links stay. Twice is once. */
  close(): void
}

/** Membership of the room whose gossip this is. Throws `ERR_OPTION` for limits outside their bounds. */
export function createMembership(options: MembershipDriverOptions): Membership {
  return new MembershipDriver(options)
}

class MembershipDriver implements Membership {
  readonly #options: MembershipDriverOptions
  readonly #clock: Clock
  readonly #machine: MembershipMachine
  readonly #channels: TopicChannels
  /** Links that were added; a member's has its members channel open. */
  readonly #links = new Map<Link, { isMember: boolean; stop: () => void }>()
  /** Neighbours without a members channel. */
  readonly #given = new Map<PeerId, Link>()
  /** When the machine was last told that a peer of the room brought something. */
  readonly #broughtAt = new Map<PeerId, number>()
  readonly #stops: readonly (() => void)[]
  readonly #turns = new Turns<MembershipInput>((input) => this.#step(input))
  #closed = false
  #timer: Timer | null = null

  constructor(options: MembershipDriverOptions) {
    const { self, gossip, random = systemRandom(), crypto = sodiumCrypto(), clock = systemClock() } = options
    const { lookup = true, tellable = true, recordOf, limits } = options
    this.#options = options
    this.#clock = clock
    this.#machine = new MembershipMachine({
      self,
      random,
      crypto,
      lookup,
      tellable,
      recordOf,
      isLinked: (peer) => [...this.#links.keys()].some(({ remote }) => remote === peer),
      limits: resolveMembership(limits),
    })
    this.#channels = new TopicChannels({
      topic: gossip.topic,
      protocol: PROTOCOL,
      crypto,
      handlers: {
        onUp: (handle, { link }) => this.#onUp(handle, link),
        onDown: (handle) => this.#feed({ type: 'down', handle }),
        // One that must wait its turn outlives its listener.
        onFrame: (handle, frame) =>
          this.#feed({ type: 'frame', handle, frame: this.#turns.running ? copyBytes(frame) : frame }),
        onDrain: () => {},
        onRefused: (link) => this.#onRefused(link),
      },
    })
    this.#stops = [
      gossip.on('peer', (peer, link) => this.#onGossipPeer(peer, link)),
      gossip.on('peer-leave', (peer) => this.#onGossipLeave(peer)),
      gossip.on('delivery', ({ via }) => this.#onDelivery(via)),
      gossip.on('shown', (peer, author) => this.#feed({ type: 'shown', remote: peer, author })),
      gossip.once('published', () => this.#feed({ type: 'spoke' })),
    ]
  }

  addLink(link: Link): void {
    if (this.#closed || this.#links.has(link)) return
    const stops = [
      link.on('close', (reason) => this.#onClose(link, reason)),
      link.on('channel', (name) => this.#onChannel(link, name)),
    ]
    const stop = (): void => {
      for (const each of stops) each()
    }
    this.#links.set(link, { isMember: false, stop })
    this.#channels.add(link)
  }

  offer(candidate: Candidate): void {
    this.#feed({ type: 'candidate', candidate })
  }

  sleep(): void {
    this.#feed({ type: 'sleep' })
  }

  wake(): void {
    this.#feed({ type: 'wake' })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const stop of this.#stops) stop()
    for (const { stop } of this.#links.values()) stop()
    this.#timer?.cancel()
    this.#timer = null
    this.#channels.close()
    this.#links.clear()
  }

  #onUp(handle: ChannelHandle, link: Link): void {
    const state = this.#links.get(link)
    if (state) state.isMember = true
    // Until now it was taken for one without a members channel; from now on it is a neighbour when both say so.
    this.#options.gossip.removeLink(link)
    const { remote, initiator, address } = link
    this.#feed({ type: 'up', handle, remote, initiator, address })
  }

  /** One that opens the room's channel before it has proved to be a member in our way never will: it is taken as it is. */
  #onChannel(link: Link, { protocol, id }: ChannelName): void {
    if (protocol !== ROOM_PROTOCOL || !id || this.#links.get(link)?.isMember) return
    const { gossip, crypto } = this.#options
    if (String(id) === String(channelId(gossip.topic, link.handshakeHash, crypto))) gossip.addLink(link)
  }

  /** The remote has no members channel, or no longer: it may be in the room all the same, in a way of its own. */
  #onRefused(link: Link): void {
    const state = this.#links.get(link)
    if (this.#closed || !state) return
    const wasMember = state.isMember
    state.isMember = false
    // When a link ends its channels end first: only one that lives on says that its remote has left the room.
    queueMicrotask(() => {
      if (this.#closed || this.#links.get(link) !== state || state.isMember) return
      if (wasMember) this.#feed({ type: 'gone', remote: link.remote, why: 'left' })
      this.#options.gossip.addLink(link)
    })
  }

  #onClose(link: Link, { by, code }: CloseReason): void {
    this.#links.get(link)?.stop()
    if (!this.#links.delete(link)) return
    const why = by === 'failure' ? 'lost' : PARTED.has(code) ? 'parted' : 'left'
    this.#feed({ type: 'gone', remote: link.remote, why })
  }

  #onGossipPeer(peer: PeerId, link: Link): void {
    const state = this.#links.get(link)
    if (!state || state.isMember) return
    this.#given.set(peer, link)
    const { initiator, address } = link
    this.#feed({ type: 'given', remote: peer, isUp: true, initiator, address })
  }

  /** A message comes through whoever was the first to bring it. */
  #onDelivery(via: PeerId | null): void {
    if (via === null || !this.#options.gossip.peers.has(via)) return
    const now = this.#clock.now()
    if (now < (this.#broughtAt.get(via) ?? Number.NEGATIVE_INFINITY) + BROUGHT_MS) return
    this.#broughtAt.set(via, now)
    this.#feed({ type: 'brought', remote: via })
  }

  #onGossipLeave(peer: PeerId): void {
    this.#broughtAt.delete(peer)
    const link = this.#given.get(peer)
    if (!link) return
    this.#given.delete(peer)
    this.#feed({ type: 'given', remote: peer, isUp: false, initiator: link.initiator, address: link.address })
  }

  #feed(input: MembershipInput): void {
    this.#turns.take(input)
  }

  #step(input: MembershipInput): void {
    if (this.#closed) return
    for (const output of this.#machine.handle(input, this.#clock.now())) this.#obey(output)
  }

  #obey(output: MembershipOutput): void {
    const { gossip, connector, refresh } = this.#options
    switch (output.type) {
      case 'send':
        return void this.#channels.get(output.handle)?.channel.send(output.frame)
      case 'want':
        return connector.want(output.candidate, { topic: gossip.topic.id, priority: output.priority })
      case 'release':
        return connector.release(output.peer, gossip.topic.id)
      case 'activate':
        return this.#withLink(output.handle, (link) => gossip.addLink(link))
      case 'deactivate':
        return this.#withLink(output.handle, (link) => gossip.removeLink(link))
      case 'refuse': {
        const link = this.#given.get(output.peer)
        return link && gossip.removeLink(link)
      }
      case 'refresh':
        return refresh()
      case 'misbehaved':
        return this.#withLink(output.handle, (link) => {
          void link.close({ code: output.code, message: output.message })
        })
      case 'wakeAt':
        return this.#setTimer(output.at)
    }
  }

  #withLink(handle: ChannelHandle, act: (link: Link) => void): void {
    const open = this.#channels.get(handle)
    if (open) act(open.link)
  }

  #setTimer(at: number | null): void {
    this.#timer?.cancel()
    this.#timer =
      at === null || this.#closed
        ? null
        : this.#clock.setTimer(at - this.#clock.now(), () => this.#feed({ type: 'timer' }))
  }
}
