// One side of a channel: frames in order, and the two byte windows. It sends while the remote's window is above 0, and
// checks that the remote does the same with ours. It knows neither the link's state nor the wire.

import type { Channel, ChannelEvents, ChannelName, ChannelOptions, CloseReason } from '../contracts/link.js'
import { Emitter, type EventSource } from '../emitter.js'
import { CoreError } from '../errors.js'
import type { Multiplexer, Opening, Session } from './multiplexer.js'
import { FRAME_OVERHEAD_BYTES, type MuxLimits } from './options.js'
import { malformed } from './wire.js'

/** What a channel needs of its link. */
export interface ChannelHost {
  readonly mux: Multiplexer
  readonly limits: MuxLimits
  /** Where errors of listeners go. */
  readonly report: (error: unknown) => void
  /** So many bytes of a frame went out. */
  readonly onSent: (bytes: number) => void
  /** The remote broke a rule. */
  readonly onViolation: (error: Error) => void
  /** The channel's name is free again. */
  readonly onClosed: (channel: MuxChannel) => void
}

export class MuxChannel implements Channel {
  readonly protocol: string
  readonly id: Uint8Array | null
  readonly name: ChannelName
  readonly #host: ChannelHost
  readonly #events: Emitter<ChannelEvents>
  readonly #session: Session
  /** What the remote takes; a frame may bring it below 0. */
  #credit = 0
  /** What the remote may still send; a frame may bring it below 0. */
  #granted: number
  #flowing = true
  #open = false
  #closed = false
  /** Why it ended, while its listeners do not know. */
  #untold: CloseReason | null = null

  constructor(host: ChannelHost, options: ChannelOptions) {
    const { protocol, id, handshake = new Uint8Array() } = options
    this.protocol = protocol
    this.id = id && id.byteLength > 0 ? Uint8Array.from(id) : null
    this.#host = host
    this.#events = new Emitter(host.report)
    this.#granted = host.limits.windowBytes
    this.name = this.id ? { protocol, id: this.id } : { protocol }
    const session = host.mux.open(
      this.name,
      { window: this.#granted, handshake },
      {
        onOpen: (opening) => this.#onOpen(opening),
        onFrame: (frame) => this.#onFrame(frame),
        onCredit: (bytes) => this.#onCredit(bytes),
        onClose: () => this.#onRemoteClose(),
        onDrain: () => this.#grant(),
      },
    )
    if (!session) throw new CoreError('ERR_CHANNEL', `${protocol} is open already`)
    this.#session = session
  }

  on: EventSource<ChannelEvents>['on'] = (name, listener) => this.#events.on(name, listener)
  once: EventSource<ChannelEvents>['once'] = (name, listener) => this.#events.once(name, listener)
  off: EventSource<ChannelEvents>['off'] = (name, listener) => this.#events.off(name, listener)

  get window(): number {
    return this.#open && !this.#closed ? Math.max(0, this.#credit) : 0
  }

  send(frame: Uint8Array): boolean {
    const limit = this.#host.limits.maxMessageBytes - FRAME_OVERHEAD_BYTES
    if (frame.byteLength > limit) throw new CoreError('ERR_FRAME_SIZE', `a frame has at most ${limit} bytes`)
    if (this.window === 0) return false
    this.#credit -= cost(frame)
    this.#session.sendFrame(frame)
    this.#host.onSent(frame.byteLength)
    return true
  }

  setFlowing(flowing: boolean): void {
    this.#flowing = flowing
    this.#grant()
  }

  close(): void {
    if (this.#closed) return
    this.#session.close()
    this.shut({ code: 'ERR_CLOSED', by: 'local' })
    queueMicrotask(() => this.tellEnd())
  }

  /** Nothing is sent or heard any more; `tellEnd` tells the listeners. */
  shut(reason: CloseReason): void {
    if (this.#closed) return
    this.#closed = true
    this.#untold = reason
    this.#host.onClosed(this)
  }

  tellEnd(): void {
    const reason = this.#untold
    if (!reason) return
    this.#untold = null
    this.#events.emit('close', reason)
    this.#events.clear()
  }

  #onOpen(opening: Opening): void {
    if (this.#closed) return
    this.#open = true
    this.#credit = opening.window
    this.#events.emit('open', opening.handshake)
  }

  #onFrame(frame: Uint8Array): void {
    if (this.#closed) return
    if (this.#granted <= 0) return this.#host.onViolation(malformed(`a frame on ${this.protocol} beyond its window`))
    this.#granted -= cost(frame)
    this.#events.emit('frame', frame)
    this.#grant()
  }

  #onCredit(bytes: number): void {
    if (this.#closed) return
    const usedUp = this.#credit <= 0
    this.#credit += bytes
    if (this.#credit > Number.MAX_SAFE_INTEGER) {
      return this.#host.onViolation(malformed(`more window on ${this.protocol} than can be counted`))
    }
    if (usedUp && this.#credit > 0) this.#events.emit('drain')
  }

  /** In steps of half a window, so that a credit costs little; not into a full stream, whose drain calls again. */
  #grant(): void {
    const { mux, limits } = this.#host
    const used = limits.windowBytes - this.#granted
    if (!this.#flowing || this.#closed || used < limits.windowBytes / 2 || !mux.drained) return
    this.#granted = limits.windowBytes
    this.#session.sendCredit(used)
  }

  #onRemoteClose(): void {
    this.shut(
      this.#open
        ? { code: 'ERR_CLOSED', by: 'remote' }
        : { code: 'ERR_CHANNEL', message: 'nobody accepts this channel', by: 'remote' },
    )
    this.tellEnd()
  }
}

/** An empty frame is not free, or it could be sent without end. */
function cost(frame: Uint8Array): number {
  return Math.max(1, frame.byteLength)
}
