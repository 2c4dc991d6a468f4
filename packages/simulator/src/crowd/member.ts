// One node of a crowd: its pool's machine and its exchange machine, driven in virtual time.

import {
  type Address,
  type AddressRecord,
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
import {
  type ConnectionId,
  isCredible,
  type PoolInput,
  type PoolLimits,
  PoolMachine,
  type PoolOutput,
} from '@hearsay/transport/machine'
import type { Crowd } from '../crowd.js'
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
}

export class CrowdMember {
  readonly identity: Identity
  readonly id: PeerId
  readonly address: Address
  /** What it says of itself. */
  readonly record: AddressRecord
  readonly dials: Dial[] = []
  readonly links: Map<PeerId, StreamEnd> = new Map()
  readonly #options: MemberOptions
  readonly #pool: PoolMachine
  readonly #exchange: ExchangeMachine
  readonly #handles = new Map<number, StreamEnd>()
  readonly #timers = new Map<string, number>()
  #exchangeWakeAt: number | null = null
  #timerCount = 0
  #handleCount = 0
  #stopped = false

  constructor(options: MemberOptions) {
    const { identity, address, random, limits } = options
    this.#options = options
    this.identity = identity
    this.id = identity.id
    this.address = address
    this.record = options.record
    const ownHosts = new Set([address.host, '127.0.0.1'])
    this.#pool = new PoolMachine({
      self: this.id,
      limits,
      random,
      canDial: (scheme) => scheme === 'tcp',
      isCredible: (each, teller) => isCredible(each, { teller, ownHosts }),
    })
    const { target } = options.crowd.options
    this.#exchange = createExchangeMachine({
      self: this.id,
      random,
      recordOf: (peer) => this.#pool.referralOf(peer),
      linked: () => this.links.size,
      ...(target !== undefined && { target }),
    })
    this.#exchangeInput({ type: 'wish', wish: { lookup: true, tellable: true } })
  }

  feed(input: PoolInput): void {
    if (this.#stopped) return
    for (const output of this.#pool.handle(input, this.#options.crowd.now)) this.#do(output)
  }

  /** Everything that a stranger can send on the exchange channel of a link: for nodes that do not behave. */
  say(peer: PeerId, frame: Uint8Array): void {
    const end = this.links.get(peer)
    if (end) this.#options.streams.travel(end, (other) => other.member.hear(other, frame))
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
      if (this.#handles.get(handle) === end) this.#exchangeInput({ type: 'up', handle, remote: peer })
    })
  }

  #onUnlink({ peer }: { readonly peer: PeerId }): void {
    const end = this.links.get(peer)
    this.links.delete(peer)
    for (const [handle, each] of this.#handles) {
      if (each !== end) continue
      this.#handles.delete(handle)
      this.#exchangeInput({ type: 'down', handle })
    }
  }

  #exchangeInput(input: ExchangeInput): void {
    if (this.#stopped) return
    for (const output of this.#exchange.handle(input, this.#options.crowd.now)) this.#doExchange(output)
  }

  #doExchange(output: ExchangeOutput): void {
    const { crowd, streams } = this.#options
    if (output.type === 'wake') return this.#wakeExchangeAt(output.at)
    if (output.type === 'candidate') {
      const { peer, addresses, referrer } = output
      const teller = this.links.get(referrer)?.from ?? null
      return this.feed({
        type: 'want',
        target: { peer, addresses, source: 'exchange', referrer },
        topic: crowd.topic,
        priority: 0,
        teller,
      })
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
