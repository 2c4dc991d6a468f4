// One node of a crowd: its pool's machine and its exchange machine, driven in virtual time.

import {
  type Address,
  type AddressRecord,
  type Candidate,
  type CloseReason,
  decodeAddressRecord,
  type Identity,
  type PeerId,
  printAddress,
  type Random,
  sodiumCrypto,
} from '@hearsay/core'
import {
  createExchangeMachine,
  decodeExchangeFrame,
  type ExchangeInput,
  type ExchangeMachine,
  type ExchangeOutput,
} from '@hearsay/discovery/machine'
import type { MembershipLimits } from '@hearsay/gossip/machine'
import {
  type ConnectionId,
  isCredible,
  type PoolInput,
  type PoolLimits,
  PoolMachine,
  type PoolMachineOptions,
  type PoolOutput,
} from '@hearsay/transport/machine'
import type { Crowd } from '../crowd.js'
import { Membership } from './membership.js'
import type { StreamEnd, Streams } from './streams.js'

export interface Dial {
  readonly at: number
  readonly address: Address
}

export interface MemberOptions {
  readonly crowd: Crowd
  readonly streams: Streams
  readonly identity: Identity
  readonly address: Address
  readonly record: AddressRecord
  readonly random: Random
  readonly limits: PoolLimits
  readonly membership: Partial<MembershipLimits> | null
}

export class CrowdMember {
  readonly identity: Identity
  readonly id: PeerId
  readonly address: Address
  /** What it says of itself. */
  readonly record: AddressRecord
  readonly dials: Dial[] = []
  readonly links: Map<PeerId, StreamEnd> = new Map()
  /** How often membership asked discoveries to look again, and what they do then. */
  refreshes = 0
  onRefresh: (() => void) | null = null
  /** Hears the members channel in place of the machine: for nodes that do not behave. */
  onMemberFrame: ((peer: PeerId, frame: Uint8Array) => void) | null = null
  /** Told of each peer whose link carries the room from now on, or no longer. */
  onCarried: ((peer: PeerId) => void) | null = null
  readonly #carried = new Set<StreamEnd>()
  readonly #options: MemberOptions
  readonly #pool: PoolMachine
  readonly #exchange: ExchangeMachine
  readonly #membership: Membership | null
  readonly #handles = new Map<number, StreamEnd>()
  readonly #timers = new Map<string, number>()
  #exchangeWakeAt: number | null = null
  #timerCount = 0
  #handleCount = 0
  #stopped = false
  #endedBy: CloseReason['by'] = 'local'

  constructor(options: MemberOptions) {
    const { identity, address, random, limits } = options
    this.#options = options
    this.identity = identity
    this.id = identity.id
    this.address = address
    this.record = options.record
    const ownHosts = new Set([address.host, '127.0.0.1'])
    const pool: PoolMachineOptions = {
      self: this.id,
      limits,
      random,
      canDial: (scheme) => scheme === 'tcp',
      isCredible: (each, teller) => isCredible(each, { teller, ownHosts }),
    }
    const { target, crypto, createPool } = options.crowd.options
    this.#pool = createPool?.(pool) ?? new PoolMachine(pool)
    this.#exchange = createExchangeMachine({
      self: this.id,
      random,
      recordOf: (peer) => this.#pool.referralOf(peer),
      linked: () => this.neighbours.length,
      ...(target !== undefined && { target }),
      ...(crypto && { crypto }),
    })
    const { membership } = options
    this.#membership = membership ? this.#createMembership(membership) : null
    this.#exchangeInput({ type: 'wish', wish: { lookup: true, tellable: true } })
  }

  /** With whom it shares the topic. */
  get neighbours(): readonly PeerId[] {
    return this.#membership?.neighbours ?? [...this.links.keys()]
  }

  /** The latency of the link with this peer that carries the room, one way; null if none does. */
  carries(peer: PeerId): number | null {
    const end = this.links.get(peer)
    return end && this.#carried.has(end) ? end.latencyMs : null
  }

  /** How far each neighbour is, as far as it was measured, in milliseconds there and back. */
  get distances(): readonly number[] {
    return this.#membership?.distances ?? []
  }

  /** Whom its membership holds, and how many others it remembers; null without one. */
  get view(): Pick<Membership, 'active' | 'passive'> | null {
    return this.#membership
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** A discovery has found somebody. */
  find(candidate: Candidate): void {
    if (this.#stopped) return
    if (this.#membership) return this.#membership.feed({ type: 'candidate', candidate })
    this.#want(candidate, 0)
  }

  feed(input: PoolInput): void {
    if (this.#stopped) return
    this.#endedBy = input.type === 'ended' ? input.reason.by : this.#endedBy
    for (const output of this.#pool.handle(input, this.#options.crowd.now)) this.#do(output)
  }

  /** Everything that a stranger can send on the exchange channel of a link: for nodes that do not behave. */
  say(peer: PeerId, frame: Uint8Array): void {
    const end = this.links.get(peer)
    if (end) this.#options.streams.travel(end, (other) => other.member.hear(other, frame))
  }

  /** The same on the members channel. */
  sayMember(peer: PeerId, frame: Uint8Array): void {
    const end = this.links.get(peer)
    if (end) this.#options.streams.travel(end, (other) => other.member.hearMember(other, frame))
  }

  /** A frame of the members channel came. */
  hearMember(end: StreamEnd, frame: Uint8Array): void {
    const peer = end.other?.member.id
    if (this.onMemberFrame && peer) return this.onMemberFrame(peer, frame)
    for (const [handle, each] of this.#handles) {
      if (each === end) return this.#membership?.feed({ type: 'frame', handle, frame })
    }
  }

  /** A frame of the exchange channel came. */
  hear(end: StreamEnd, frame: Uint8Array): void {
    for (const [handle, each] of this.#handles) {
      if (each === end) return this.#exchangeInput({ type: 'frame', handle, frame })
    }
  }

  stop(): void {
    this.#stopped = true
    this.#timers.clear()
  }

  #do(output: PoolOutput): void {
    const { streams, crowd } = this.#options
    if (output.type === 'dial') {
      this.dials.push({ at: crowd.now, address: output.address })
      return streams.dial(this, output)
    }
    if (output.type === 'timer') return this.#setTimer(output.timer, output.ms)
    if (output.type === 'stop') return void this.#timers.delete(output.timer)
    if (!('connection' in output)) return
    const end = streams.end(this, output.connection)
    if (end) this.#onStream(output, end)
    else if (output.type === 'unlink') this.#onUnlink(output)
  }

  #onStream(output: Extract<PoolOutput, { readonly connection: ConnectionId }>, end: StreamEnd): void {
    const { streams } = this.#options
    switch (output.type) {
      case 'greet':
        return streams.greet(end)
      case 'drop':
        return streams.close(end, null)
      case 'close':
        return streams.close(end, output.code, output.tries)
      case 'ping':
        return streams.ping(end, output.timeoutMs)
      case 'link':
        return this.#onLink(output.peer, end)
      case 'unlink':
        return this.#onUnlink(output)
    }
  }

  #onLink(peer: PeerId, end: StreamEnd): void {
    this.links.set(peer, end)
    const handle = this.#handleCount++
    this.#handles.set(handle, end)
    // The topic's channel opens when both sides have heard of the link.
    this.#options.crowd.after(2 * end.latencyMs, () => {
      if (this.#handles.get(handle) !== end) return
      this.#exchangeInput({ type: 'up', handle, remote: peer })
      this.#membership?.feed({ type: 'up', handle, remote: peer, initiator: end.initiator, address: end.from })
    })
  }

  #onUnlink({ peer }: { readonly peer: PeerId }): void {
    const end = this.links.get(peer)
    this.links.delete(peer)
    for (const [handle, each] of this.#handles) {
      if (each !== end) continue
      this.#handles.delete(handle)
      if (end) this.#carry(end, false)
      this.#exchangeInput({ type: 'down', handle })
      this.#membership?.feed({ type: 'down', handle })
      const why = this.#endedBy === 'failure' ? 'lost' : 'parted'
      this.#membership?.feed({ type: 'gone', remote: peer, why })
    }
  }

  /** The room has something from this peer that nobody brought before. */
  brought(peer: PeerId): void {
    if (!this.#stopped) this.#membership?.feed({ type: 'brought', remote: peer })
  }

  /** This peer has handed over a record of this author that it has from others. */
  shown(peer: PeerId, author: PeerId): void {
    if (!this.#stopped) this.#membership?.feed({ type: 'shown', remote: peer, author })
  }

  /** It has said something in the room. */
  spoke(): void {
    if (!this.#stopped) this.#membership?.feed({ type: 'spoke' })
  }

  #carry(end: StreamEnd, isCarried: boolean): void {
    const peer = end.other?.member.id
    if (isCarried) this.#carried.add(end)
    else this.#carried.delete(end)
    if (peer) this.onCarried?.(peer)
  }

  #createMembership(limits: Partial<MembershipLimits>): Membership {
    const { crowd, streams, random } = this.#options
    return new Membership({
      self: this.id,
      random,
      limits,
      ...(crowd.options.crypto && { crypto: crowd.options.crypto }),
      create: crowd.options.createMembership,
      now: () => crowd.now,
      after: (ms, run) => crowd.after(ms, run),
      recordOf: (peer) => this.#pool.referralOf(peer),
      want: (candidate, priority) => this.#want(candidate, priority),
      release: (peer) => this.feed({ type: 'release', peer, topic: crowd.topic }),
      refresh: () => this.#onRefresh(),
      send: (handle, frame) => {
        const end = this.#handles.get(handle)
        if (end) streams.travel(end, (other) => other.member.hearMember(other, frame))
      },
      carry: (handle, isCarried) => {
        const end = this.#handles.get(handle)
        if (end) this.#carry(end, isCarried)
      },
      end: (handle, code) => {
        const end = this.#handles.get(handle)
        if (!end) return
        streams.close(end, code)
        this.feed({ type: 'ended', connection: end.id, reason: { code, by: 'local' } })
      },
    })
  }

  #want(target: Candidate, priority: number): void {
    const { referrer } = target
    const teller = (referrer && this.links.get(referrer)?.from) ?? null
    this.feed({ type: 'want', target, topic: this.#options.crowd.topic, priority, teller })
  }

  #onRefresh(): void {
    this.refreshes++
    this.#exchangeInput({ type: 'refresh' })
    this.onRefresh?.()
  }

  #exchangeInput(input: ExchangeInput): void {
    if (this.#stopped) return
    for (const output of this.#exchange.handle(input, this.#options.crowd.now)) this.#doExchange(output)
  }

  #doExchange(output: ExchangeOutput): void {
    const { streams } = this.#options
    if (output.type === 'wake') return this.#wakeExchangeAt(output.at)
    if (output.type === 'candidate') {
      const { peer, addresses, referrer } = output
      return this.find({ peer, addresses, source: 'exchange', referrer })
    }
    const end = this.#handles.get(output.handle)
    if (!end) return
    if (output.type === 'misbehaved') {
      streams.close(end, output.code)
      return this.feed({ type: 'ended', connection: end.id, reason: { code: output.code, by: 'local' } })
    }
    this.#tellWhatIsTold(output.frame)
    streams.travel(end, (other) => other.member.hear(other, output.frame))
  }

  #tellWhatIsTold(bytes: Uint8Array): void {
    const { onTold } = this.#options.crowd.options
    if (!onTold) return
    const frame = decodeExchangeFrame(bytes)
    const records = frame.type === 'tell' ? frame.records : frame.type === 'news' ? [frame.record] : []
    for (const record of records) onTold({ by: this, record: decodeAddressRecord(record, sodiumCrypto()) })
  }

  #wakeExchangeAt(at: number): void {
    this.#exchangeWakeAt = at
    const { crowd } = this.#options
    crowd.after(Math.max(0, at - crowd.now), () => {
      if (this.#exchangeWakeAt === at) this.#exchangeInput({ type: 'wake' })
    })
  }

  #setTimer(timer: Extract<PoolOutput, { type: 'timer' }>['timer'], ms: number): void {
    const number = this.#timerCount++
    this.#timers.set(timer, number)
    this.#options.crowd.after(ms, () => {
      if (this.#timers.get(timer) !== number) return
      this.#timers.delete(timer)
      this.feed({ type: 'timer', timer })
    })
  }

  toString(): string {
    return printAddress(this.address)
  }
}
