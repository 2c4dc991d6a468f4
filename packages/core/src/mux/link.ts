// One multiplexed link over a message stream: hello first, then channels, then one end. This file decides what a message
// means for the link as a whole; the guard parses, channels keep their windows, liveness watches the remote.
//
//   new ── greet ──▶ greeting ── remote's hello ──▶ ready ──▶ ended      (any state ends; nothing leaves `ended`)

import type { Address } from '../address.js'
import { sameBytes } from '../bytes.js'
import { channelKey, checkChannel } from '../channel-name.js'
import type { Clock } from '../contracts/clock.js'
import type { Channel, ChannelName, ChannelOptions, CloseReason, Link, LinkEvents } from '../contracts/link.js'
import { Emitter, type EventSource } from '../emitter.js'
import { CoreError, hasCode } from '../errors.js'
import type { PeerId } from '../peer-id.js'
import { type ChannelHost, MuxChannel } from './channel.js'
import { type Control, type Greeting, type Hello, LINK_PROTOCOL, mismatch } from './control.js'
import { ControlChannel } from './control-channel.js'
import { GuardedStream } from './guard.js'
import { Liveness } from './liveness.js'
import type { MessageStream } from './message-stream.js'
import { Multiplexer } from './multiplexer.js'
import { type MuxLimits, resolveMuxLimits } from './options.js'
import type { Incoming } from './parse.js'
import { malformed } from './wire.js'

export interface MuxLinkOptions {
  /** Whom the stream is known to lead to. */
  readonly remote: PeerId
  /** True on the side that dialled. */
  readonly initiator: boolean
  readonly address: Address | null
  /** 32 bytes or more, equal on both sides, different on every link. */
  readonly handshakeHash: Uint8Array
  readonly clock: Clock
  readonly limits?: Partial<MuxLimits>
  /** Where errors of listeners go. @default nowhere */
  readonly report?: (error: unknown) => void
}

/** A link that can also say how far its remote is. */
export interface MuxLink extends Link {
  /** The round trip in milliseconds that was measured last; null before. */
  readonly rtt: number | null
  /** The feature bits of the remote's hello; 0 before. */
  readonly features: number
  /** The extra bytes of the remote's hello; null before, or if there were none. */
  readonly remoteExtra: Uint8Array | null
  /** Measures the round trip in milliseconds; rejects with `ERR_TIMEOUT` or `ERR_LINK_CLOSED`. */
  ping(timeoutMs: number): Promise<number>
  /**
   * Says hello, once; resolves when the remote has said it too, and until then there are no channels. Rejects with
   * `ERR_HANDSHAKE` if the remote is of another version or network or ends the link; the 'close' event then says why.
   */
  greet(hello: Hello): Promise<void>
}

/** The id that the remote gives its link channel, as it is its first. */
const CONTROL_ID = 1
/** Refusals that may wait in a full stream: with more the remote asks without ever reading. */
const MAX_UNREAD_REFUSALS = 1_024
/** Turns of the microtask queue that pass before more is told: enough for a few nested awaits. */
const GRACE_TURNS = 32

/** A link over `stream`, which must be private and lead to `remote`. Nothing is sent or read before `greet` or `close`. */
export function muxLink(stream: MessageStream, options: MuxLinkOptions): MuxLink {
  return new MultiplexedLink(stream, options)
}

class MultiplexedLink implements MuxLink {
  readonly remote: PeerId
  readonly initiator: boolean
  readonly address: Address | null
  readonly handshakeHash: Uint8Array
  readonly #clock: Clock
  readonly #limits: MuxLimits
  readonly #events: Emitter<LinkEvents>
  readonly #host: ChannelHost
  readonly #guard: GuardedStream
  readonly #mux: Multiplexer
  readonly #control: ControlChannel
  readonly #liveness: Liveness
  readonly #channels = new Map<string, MuxChannel>()
  readonly #closed: Promise<void>
  #resolveClosed: () => void = () => {}
  #settleGreeting: (error: CoreError | null) => void = () => {}
  #phase: 'new' | 'greeting' | 'ready' | 'ended' = 'new'
  #network: Uint8Array | null = null
  #remoteGreeted = false
  #unreadRefusals = 0
  features = 0
  remoteExtra: Uint8Array | null = null

  constructor(stream: MessageStream, options: MuxLinkOptions) {
    const { report = () => {}, clock } = options
    this.remote = options.remote
    this.initiator = options.initiator
    this.address = options.address
    this.handshakeHash = Uint8Array.from(options.handshakeHash)
    this.#clock = clock
    this.#limits = resolveMuxLimits(options.limits)
    this.#events = new Emitter(report)
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    this.#guard = new GuardedStream(stream, this.#limits, {
      onMessage: (message) => this.#onMessage(message),
      onViolation: (error) => this.#fail(error),
      onEnd: () => this.#onLost(null),
      onClose: (error) => this.#onStreamClose(error),
    })
    this.#mux = new Multiplexer(this.#guard)
    this.#control = new ControlChannel(this.#mux, {
      onGreeting: (greeting) => this.#onGreeting(greeting),
      onControl: (control) => this.#onControl(control),
      onRefused: () => this.#fail(mismatch('the remote does not know this protocol')),
    })
    this.#liveness = new Liveness({
      clock,
      intervalMs: this.#limits.pingIntervalMs,
      sendPing: (nonce) => this.#control.ping(nonce),
      onDead: () => this.#onDead(),
    })
    this.#host = {
      mux: this.#mux,
      limits: this.#limits,
      report,
      onSent: (bytes) => this.#liveness.sent(bytes),
      onViolation: (error) => this.#fail(error),
      onClosed: (channel) => this.#forget(channel),
    }
  }

  on: EventSource<LinkEvents>['on'] = (name, listener) => this.#events.on(name, listener)
  once: EventSource<LinkEvents>['once'] = (name, listener) => this.#events.once(name, listener)
  off: EventSource<LinkEvents>['off'] = (name, listener) => this.#events.off(name, listener)

  get rtt(): number | null {
    return this.#liveness.rtt
  }

  ping(timeoutMs: number): Promise<number> {
    return this.#liveness.ping(timeoutMs)
  }

  greet(hello: Hello): Promise<void> {
    if (this.#phase !== 'new') return Promise.reject(ended(this.#phase))
    this.#phase = 'greeting'
    this.#network = Uint8Array.from(hello.network)
    const greeted = new Promise<void>((resolve, reject) => {
      this.#settleGreeting = (error) => (error ? reject(error) : resolve())
    })
    this.#control.hello(hello)
    this.#guard.release()
    return greeted
  }

  openChannel(options: ChannelOptions): Channel {
    if (this.#phase === 'ended') throw ended('ended')
    checkChannel(options)
    const key = channelKey(options)
    if (this.#phase !== 'ready') throw new CoreError('ERR_CHANNEL', 'no channel opens before the hello')
    if (this.#channels.has(key)) throw new CoreError('ERR_CHANNEL', `${options.protocol} is open already`)
    if (this.#mux.ids >= this.#limits.maxChannels) {
      throw new CoreError('ERR_CHANNEL', `${this.#limits.maxChannels} channels are open or wait for an answer`)
    }
    const channel = new MuxChannel(this.#host, options)
    this.#channels.set(key, channel)
    return channel
  }

  close(reason: Omit<CloseReason, 'by'> = { code: 'ERR_CLOSED' }): Promise<void> {
    this.#end({ ...reason, by: 'local' })
    return this.#closed
  }

  #onMessage(message: Incoming): void {
    this.#liveness.heard()
    if (!this.#remoteGreeted) return this.#expectGreeting(message)
    if (message.type === 'reject') return this.#checkReject(message.id)
    if (message.id === CONTROL_ID) return checkControl(message)
    if (this.#phase !== 'ready') throw malformed('a channel before the hello')
    if (message.type === 'open') this.#offer(message.name)
  }

  #expectGreeting(message: Incoming): void {
    const isLinkChannel = message.type === 'open' && message.name.protocol === LINK_PROTOCOL && !message.name.id
    // A remote that refuses our link channel speaks no protocol of ours, which is no crime.
    if (message.type === 'reject') throw mismatch('the remote does not know this protocol')
    if (!isLinkChannel || message.id !== CONTROL_ID) throw malformed('something before the hello')
    this.#remoteGreeted = true
  }

  #checkReject(id: number): void {
    if (id === CONTROL_ID) throw malformed('the link channel refused after the hello')
  }

  /** protomux refuses what is not open here after this; what answers an open of ours is no offer. */
  #offer(name: ChannelName): void {
    if (this.#channels.has(channelKey(name)) || this.#mux.awaits(name)) return
    this.#events.emit('channel', name)
    if (this.#channels.has(channelKey(name))) return void this.#grace()
    this.#unreadRefusals = this.#mux.drained ? 0 : this.#unreadRefusals + 1
    if (this.#unreadRefusals > MAX_UNREAD_REFUSALS) throw malformed('channels are opened and no answer is read')
  }

  #onGreeting(greeting: Greeting): void {
    if (greeting.type === 'goodbye') return this.#onGoodbye(greeting)
    if (this.#network === null || !sameBytes(greeting.network, this.#network))
      throw mismatch('the remote belongs to another network')
    if (this.#phase !== 'greeting') return
    this.#phase = 'ready'
    this.features = greeting.features
    this.remoteExtra = greeting.extra ?? null
    this.#settleGreeting(null)
    this.#liveness.start()
    void this.#grace()
  }

  /** Lets whoever awaits the link, or the offer of a channel, add listeners before anything else comes. */
  async #grace(): Promise<void> {
    this.#guard.hold()
    for (let turn = 0; turn < GRACE_TURNS; turn++) await null
    if (this.#phase === 'ready') this.#guard.release()
  }

  #onControl(control: Control): void {
    if (control.type === 'goodbye') this.#onGoodbye(control)
    else if (control.type === 'ping') this.#control.pong(control.nonce)
    else this.#liveness.onPong(control.nonce)
  }

  #onGoodbye({ code, message, extra }: Pick<CloseReason, 'code' | 'message' | 'extra'>): void {
    this.#end({ code, ...(message !== undefined && { message }), ...(extra && { extra }), by: 'remote' })
  }

  #onDead(): void {
    this.#end({ code: 'ERR_LINK_TIMEOUT', message: 'the remote does not answer', by: 'failure' })
    this.#guard.abort()
  }

  /** The stream ended without a goodbye. */
  #onLost(error: Error | null): void {
    const message = error ? `the stream failed: ${error.message}` : 'the stream ended without a goodbye'
    const code = hasCode(error, 'ERR_FRAME_SIZE', 'ERR_PROTOCOL', 'ERR_TIMEOUT') ? error.code : 'ERR_LINK_LOST'
    this.#end({ code, message, by: 'failure' })
  }

  #onStreamClose(error: Error | null): void {
    this.#onLost(error)
    this.#resolveClosed()
  }

  #fail(error: Error): void {
    const code = hasCode(error, 'ERR_FRAME_SIZE', 'ERR_HANDSHAKE') ? error.code : 'ERR_PROTOCOL'
    this.#end({ code, message: error.message, by: 'failure' })
  }

  /** The one way out. Listeners hear of it in a task of its own, never during a call of theirs. */
  #end(reason: CloseReason): void {
    if (this.#phase === 'ended') return
    if (reason.by !== 'remote' && reason.code !== 'ERR_LINK_LOST') this.#control.goodbye(reason)
    this.#phase = 'ended'
    this.#liveness.stop()
    const channels = [...this.#channels.values()]
    for (const channel of channels) channel.shut(reason)
    this.#guard.finish()
    this.#linger()
    this.#settleGreeting(refused(reason))
    queueMicrotask(() => {
      for (const channel of channels) channel.tellEnd()
      this.#events.emit('close', reason)
      this.#events.clear()
    })
  }

  /** A remote that does not read cannot keep the stream open. */
  #linger(): void {
    const timer = this.#clock.setTimer(this.#limits.lingerMs, () => this.#guard.abort())
    void this.#closed.then(() => timer.cancel())
  }

  #forget(channel: MuxChannel): void {
    const key = channelKey(channel.name)
    if (this.#channels.get(key) === channel) this.#channels.delete(key)
  }
}

function checkControl(message: Incoming): void {
  if (message.type !== 'frame') throw malformed(`the link channel knows no ${message.type}`)
}

function refused({ code, message, by }: CloseReason): CoreError {
  const whose = by === 'remote' ? 'the remote ended the link' : 'the link ended'
  return new CoreError('ERR_HANDSHAKE', `${whose} before it was ready: ${code}${message ? ` (${message})` : ''}`)
}

function ended(phase: string): CoreError {
  const why = phase === 'ended' ? 'the link has ended' : 'the link has been greeted already'
  return new CoreError('ERR_LINK_CLOSED', why)
}
