// One side of a channel on a memory link: frames in order, a byte window granted by the receiver, one end. It finds its
// other side through the link and then speaks to it directly.

import { copyBytes } from '../bytes.js'
import type { Channel, ChannelEvents, ChannelName, CloseReason } from '../contracts/link.js'
import { Emitter, type EventSource } from '../emitter.js'
import { CoreError } from '../errors.js'
import type { MemoryLinkTerms } from './link.js'

/** Where a channel stands on its link. */
export interface MemoryChannelPlace {
  readonly name: ChannelName
  /** Counts the channels of this name on this side of the link. */
  readonly number: number
  /** Tells the other side, which may not have been found yet. */
  readonly onClose: () => void
}

export class MemoryChannel implements Channel {
  readonly protocol: string
  readonly id: Uint8Array | null
  readonly name: ChannelName
  readonly number: number
  readonly #onClose: () => void
  readonly #terms: MemoryLinkTerms
  readonly #events: Emitter<ChannelEvents>
  #theirs: MemoryChannel | null = null
  #credit = 0
  #flowing = true
  /** Read while the flow was stopped; granted when it goes on. */
  #withheld = 0
  #closed = false
  /** Why it ended, while its listeners do not know. */
  #untold: CloseReason | null = null

  constructor(terms: MemoryLinkTerms, channel: MemoryChannelPlace) {
    const { protocol, id } = channel.name
    this.protocol = protocol
    this.id = id && id.byteLength > 0 ? copyBytes(id) : null
    this.name = this.id ? { protocol, id: this.id } : { protocol }
    this.number = channel.number
    this.#onClose = channel.onClose
    this.#terms = terms
    this.#events = new Emitter(terms.report)
  }

  on: EventSource<ChannelEvents>['on'] = (name, listener) => this.#events.on(name, listener)
  once: EventSource<ChannelEvents>['once'] = (name, listener) => this.#events.once(name, listener)
  off: EventSource<ChannelEvents>['off'] = (name, listener) => this.#events.off(name, listener)

  get closed(): boolean {
    return this.#closed
  }

  get window(): number {
    return this.#closed ? 0 : Math.max(0, this.#credit)
  }

  send(frame: Uint8Array): boolean {
    if (frame.byteLength > this.#terms.frameLimit) {
      throw new CoreError('ERR_FRAME_SIZE', `a frame has at most ${this.#terms.frameLimit} bytes`)
    }
    if (this.window === 0) return false
    this.#credit -= frame.byteLength
    const copy = copyBytes(frame)
    this.#tell((theirs) => theirs.#onFrame(copy))
    return true
  }

  setFlowing(flowing: boolean): void {
    this.#flowing = flowing
    if (flowing) this.#grant(0)
  }

  close(): void {
    if (this.#closed) return
    this.#onClose()
    this.shut({ code: 'ERR_CLOSED', by: 'local' })
    queueMicrotask(() => this.tellEnd())
  }

  /** The other side has opened this channel too. */
  pair(theirs: MemoryChannel, handshake: Uint8Array): void {
    if (this.#closed) return
    this.#theirs = theirs
    this.#credit = this.#terms.window
    this.#events.emit('open', handshake)
  }

  /** Ends this side; `tellEnd` tells its listeners. */
  shut(reason: CloseReason): void {
    if (this.#closed) return
    this.#closed = true
    this.#untold = reason
  }

  tellEnd(): void {
    const reason = this.#untold
    if (!reason) return
    this.#untold = null
    this.#events.emit('close', reason)
    this.#events.clear()
  }

  #onFrame(frame: Uint8Array): void {
    if (this.#closed) return
    this.#events.emit('frame', frame)
    const bytes = frame.byteLength
    // Whoever kept the frame without copying it finds out at once, not under load.
    frame.fill(0)
    this.#grant(bytes)
  }

  #grant(bytes: number): void {
    this.#withheld += bytes
    if (!this.#flowing || this.#withheld === 0) return
    const granted = this.#withheld
    this.#withheld = 0
    this.#tell((theirs) => theirs.#onGrant(granted))
  }

  #onGrant(bytes: number): void {
    if (this.#closed) return
    const usedUp = this.#credit <= 0
    this.#credit += bytes
    if (usedUp && this.#credit > 0) this.#events.emit('drain')
  }

  #tell(what: (theirs: MemoryChannel) => void): void {
    const theirs = this.#theirs
    if (theirs && !this.#closed) this.#terms.carry(() => what(theirs))
  }
}
