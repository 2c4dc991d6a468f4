// Reaching one peer of the room: its open channel, over a link that is made if there is none, and room on it for a frame.

import type { Clock, Link, PeerId, TopicChannels } from '@hearsay/core'
import { GossipError } from '../errors.js'
import type { Located } from './where.js'

/** How long a peer that has just been linked may take to show that it is in the room. */
const ARRIVAL_MS = 5_000

export interface ConnectOptions {
  /** Fires when the link is not wanted any more, also because the room closes. */
  readonly signal: AbortSignal
  /** Asks the room where the peer can be dialled, for `wait` ms: what the peer says of itself, as often as somebody answers. */
  readonly ask: (options: { readonly wait: number; readonly signal: AbortSignal }) => AsyncIterable<Located>
}

/** A link to a peer that has none yet; rejects if none can be made. */
export type Connect = (peer: PeerId, options: ConnectOptions) => Promise<unknown>

export interface ReachOptions {
  readonly channels: TopicChannels
  readonly clock: Clock
  readonly connect: Connect
  readonly ask: (
    peer: PeerId,
    options: { readonly wait: number; readonly signal: AbortSignal },
  ) => AsyncIterable<Located>
}

/** An open channel, by its handle, and the link that it goes over. */
export interface Reached {
  readonly handle: number
  readonly link: Link
}

export class Reach {
  readonly #options: ReachOptions
  /** Called when a channel opens, ends or can take more. */
  readonly #wakers = new Set<() => void>()
  /** Links that are being made. */
  readonly #connecting = new Set<AbortController>()
  #closed = false

  constructor(options: ReachOptions) {
    this.#options = options
  }

  /** The open channel with the peer. Rejects with `ERR_PEER`, `ERR_ABORTED`, `ERR_CLOSED` and what `connect` says. */
  async to(peer: PeerId, signal: AbortSignal | undefined): Promise<Reached> {
    const known = this.#channelTo(peer)
    if (known) return known
    if (this.#closed) throw closed()
    await this.#connect(peer, signal)
    const found = await this.#when(() => this.#channelTo(peer), { ms: ARRIVAL_MS, signal })
    if (found) return found
    throw new GossipError('ERR_PEER', `${peer} is linked, but not in this room`)
  }

  /** Resolves when the channel has taken the frame, which may be when it can take more. Rejects as `to` does. */
  async transmit(handle: number, frame: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const { channels } = this.#options
    // No listener for each frame: the channel's end wakes whoever waits.
    const send = (): 'sent' | 'gone' | null => {
      const open = channels.get(handle)
      if (!open) return 'gone'
      return open.channel.send(frame) ? 'sent' : null
    }
    if ((await this.#when(send, { ms: null, signal })) === 'gone') throw gone()
  }

  /** Something has changed: whoever waits looks again. */
  wake(): void {
    for (const wake of [...this.#wakers]) wake()
  }

  close(): void {
    this.#closed = true
    for (const over of this.#connecting) over.abort()
    this.wake()
  }

  async #connect(peer: PeerId, signal: AbortSignal | undefined): Promise<void> {
    const { connect, ask } = this.#options
    const over = new AbortController()
    const onAbort = (): void => over.abort(signal?.reason)
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort)
    this.#connecting.add(over)
    try {
      await connect(peer, { signal: over.signal, ask: (options) => ask(peer, options) })
    } catch (error) {
      throw this.#closed ? closed() : error
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#connecting.delete(over)
    }
  }

  #channelTo(peer: PeerId): Reached | null {
    for (const { handle, link } of this.#options.channels.entries()) {
      if (link.remote === peer) return { handle, link }
    }
    return null
  }

  /** What `look` finds, now or when a channel opens or drains; null in vain. */
  #when<Found>(
    look: () => Found | null,
    { ms, signal }: { readonly ms: number | null; readonly signal: AbortSignal | undefined },
  ): Promise<Found | null> {
    const first = look()
    if (first !== null) return Promise.resolve(first)
    return new Promise((resolve, reject) => {
      const timer = ms === null ? null : this.#options.clock.setTimer(ms, () => settle(() => resolve(null)))
      const wake = (): void => {
        const found = look()
        if (found !== null) settle(() => resolve(found))
        else if (this.#closed) settle(() => reject(closed()))
      }
      const onAbort = (): void => settle(() => reject(aborted(signal)))
      const settle = (then: () => void): void => {
        timer?.cancel()
        this.#wakers.delete(wake)
        signal?.removeEventListener('abort', onAbort)
        then()
      }
      if (signal?.aborted) return onAbort()
      signal?.addEventListener('abort', onAbort)
      this.#wakers.add(wake)
    })
  }
}

export function gone(): GossipError {
  return new GossipError('ERR_PEER', 'the peer has left the room')
}

export function closed(): GossipError {
  return new GossipError('ERR_CLOSED', 'the room is closed')
}

export function aborted(signal: AbortSignal | undefined): GossipError {
  return new GossipError('ERR_ABORTED', 'it was aborted', { cause: signal?.reason })
}
