// Two links joined in this process, the reference for what a link promises. This file alone knows how the two sides tell
// each other about channels; what happens within one channel is in channel.ts.
//
// Both sides count the channels of one name: the n-th of one side is the n-th of the other, whether it was opened or
// refused there. So a channel that is closed and opened again while the other side does the same is never mistaken for
// its predecessor. Everything reaches the other side in a microtask of its own, which keeps it in order.

import type { Address } from '../address.js'
import { copyBytes } from '../bytes.js'
import { channelKey, checkChannel } from '../channel-name.js'
import type { ChannelName, ChannelOptions, CloseReason, Link, LinkEvents } from '../contracts/link.js'
import type { Random } from '../contracts/random.js'
import { Emitter, type EventSource } from '../emitter.js'
import { CoreError } from '../errors.js'
import type { PeerId } from '../peer-id.js'
import { systemRandom } from '../random.js'
import { MemoryChannel } from './channel.js'

export interface MemoryLinkOptions {
  /** Who dials: `remote` of the second link. */
  readonly a: PeerId
  /** Who accepts: `remote` of the first link. */
  readonly b: PeerId
  /** What a dialled. @default null */
  readonly address?: Address
  /** Bytes of the largest frame. @default 1 MiB less 64 bytes */
  readonly frameLimit?: number
  /** Bytes that each side of a channel takes before it has read any. @default 262_144 */
  readonly window?: number
  /** Where the handshake hash comes from. @default systemRandom() */
  readonly random?: Random
  /** Carries one thing to the other side; must keep order. A timer makes a slow link. @default queueMicrotask */
  readonly carry?: (arrive: () => void) => void
  /** Where errors of listeners go. @default nowhere */
  readonly report?: (error: unknown) => void
}

/** What both sides of a link agree on. */
export interface MemoryLinkTerms {
  readonly frameLimit: number
  readonly window: number
  readonly handshakeHash: Uint8Array
  readonly carry: (arrive: () => void) => void
  readonly report: (error: unknown) => void
}

/** The channels of one name on one side: how many there have been, and the last one. */
interface Slot {
  count: number
  channel: MemoryChannel | null
}

const FRAME_LIMIT_BYTES = 1024 * 1024 - 64
const WINDOW_BYTES = 256 * 1024
const HANDSHAKE_HASH_BYTES = 32

/** The link as `a` sees it, which dialled, and as `b` sees it. */
export function memoryLinkPair(options: MemoryLinkOptions): readonly [Link, Link] {
  const terms: MemoryLinkTerms = {
    frameLimit: options.frameLimit ?? FRAME_LIMIT_BYTES,
    window: options.window ?? WINDOW_BYTES,
    handshakeHash: (options.random ?? systemRandom()).bytes(HANDSHAKE_HASH_BYTES),
    carry: options.carry ?? queueMicrotask,
    report: options.report ?? (() => {}),
  }
  const first = new MemoryLink(terms, { remote: options.b, initiator: true, address: options.address ?? null })
  const second = new MemoryLink(terms, { remote: options.a, initiator: false, address: null })
  first.join(second)
  second.join(first)
  return [first, second]
}

class MemoryLink implements Link {
  readonly remote: PeerId
  readonly initiator: boolean
  readonly address: Address | null
  readonly handshakeHash: Uint8Array
  readonly #terms: MemoryLinkTerms
  readonly #events: Emitter<LinkEvents>
  /** One entry for each name ever used on this link: the count must outlive the channel. */
  readonly #slots = new Map<string, Slot>()
  #other: MemoryLink | null = null
  #ending: Promise<void> | null = null

  constructor(terms: MemoryLinkTerms, side: Pick<Link, 'remote' | 'initiator' | 'address'>) {
    this.remote = side.remote
    this.initiator = side.initiator
    this.address = side.address
    this.handshakeHash = copyBytes(terms.handshakeHash)
    this.#terms = terms
    this.#events = new Emitter(terms.report)
  }

  on: EventSource<LinkEvents>['on'] = (name, listener) => this.#events.on(name, listener)
  once: EventSource<LinkEvents>['once'] = (name, listener) => this.#events.once(name, listener)
  off: EventSource<LinkEvents>['off'] = (name, listener) => this.#events.off(name, listener)

  join(other: MemoryLink): void {
    this.#other = other
  }

  openChannel(options: ChannelOptions): MemoryChannel {
    if (this.#ending) throw new CoreError('ERR_LINK_CLOSED', 'the link has ended')
    checkChannel(options)
    const slot = this.#slot(options)
    if (slot.channel && !slot.channel.closed) {
      throw new CoreError('ERR_CHANNEL', `${options.protocol} is open already`)
    }
    const number = slot.count++
    const onClose = (): void => this.#tell((other) => other.#onClose(channel))
    const channel = new MemoryChannel(this.#terms, { name: options, number, onClose })
    slot.channel = channel
    const handshake = copyBytes(options.handshake ?? new Uint8Array())
    this.#tell((other) => other.#onOpen(channel, handshake))
    return channel
  }

  close(reason: Omit<CloseReason, 'by'> = { code: 'ERR_CLOSED' }): Promise<void> {
    if (this.#ending) return this.#ending
    // Whether the remote is to be shut out is not its business; told, it would shut us out in turn.
    const { ban, ...told } = reason
    this.#tell((other) => other.#onEnd({ ...told, by: 'remote' }))
    this.#ending = this.#end({ ...reason, by: 'local' })
    return this.#ending
  }

  #onEnd(reason: CloseReason): void {
    this.#ending ??= this.#end(reason)
  }

  /** Nothing is sent or opened any more; the events come in a task of their own, never during `close`. */
  async #end(reason: CloseReason): Promise<void> {
    const channels = [...this.#slots.values()].flatMap((slot) => slot.channel ?? [])
    for (const channel of channels) channel.shut(reason)
    await null
    for (const channel of channels) channel.tellEnd()
    this.#events.emit('close', reason)
    this.#events.clear()
  }

  #onOpen(theirs: MemoryChannel, handshake: Uint8Array): void {
    if (this.#ending) return
    const slot = this.#slot(theirs.name)
    if (slot.count === theirs.number) this.#offer(theirs.name)
    if (slot.count === theirs.number) this.#refuse(theirs, slot)
    // One of that number that is gone has told the remote so.
    else if (slot.channel?.number === theirs.number) slot.channel.pair(theirs, handshake)
  }

  #onClose(theirs: MemoryChannel): void {
    const { channel } = this.#slot(theirs.name)
    if (channel?.number === theirs.number) endByRemote(channel, { code: 'ERR_CLOSED' })
  }

  #offer(name: ChannelName): void {
    this.#events.emit('channel', { protocol: name.protocol, ...(name.id ? { id: copyBytes(name.id) } : {}) })
  }

  #refuse(theirs: MemoryChannel, slot: Slot): void {
    slot.count++
    this.#terms.carry(() => endByRemote(theirs, { code: 'ERR_CHANNEL', message: 'nobody accepts this channel' }))
  }

  #slot(name: ChannelName): Slot {
    const key = channelKey(name)
    const slot = this.#slots.get(key) ?? { count: 0, channel: null }
    this.#slots.set(key, slot)
    return slot
  }

  #tell(what: (other: MemoryLink) => void): void {
    const other = this.#other
    if (other) this.#terms.carry(() => what(other))
  }
}

function endByRemote(channel: MemoryChannel, reason: Omit<CloseReason, 'by'>): void {
  channel.shut({ ...reason, by: 'remote' })
  channel.tellEnd()
}
