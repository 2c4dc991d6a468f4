// Direct messages: each goes over the channel with its receiver, and is sent when that says that its room has it.

import { copyBytes, type PeerId, type TopicChannels } from '@hearsay/core'
import { GossipError } from '../errors.js'
import { encodeQueryFrame } from './frames.js'
import { aborted, closed, gone, type Reach } from './reach.js'

export const MAX_DIRECT_BYTES = 1_000_000
/** Direct messages that wait to be sent and taken. */
const MAX_DIRECT = 1_024

interface Waiting {
  readonly handle: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export interface DirectOptions {
  readonly channels: TopicChannels
  readonly reach: Reach
  readonly onDirect: (peer: PeerId, data: Uint8Array) => void
}

export class DirectMessages {
  readonly #options: DirectOptions
  readonly #waiting = new Map<number, Waiting>()
  /** How many messages of each channel were handed over and not confirmed yet. */
  readonly #owed = new Map<number, number>()
  #underway = 0
  #count = 0

  constructor(options: DirectOptions) {
    this.#options = options
  }

  /** Resolves when the peer's node has handed it to its room. */
  async send(peer: PeerId, data: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const { reach } = this.#options
    const { handle } = await reach.to(peer, signal)
    if (this.#underway >= MAX_DIRECT) throw new GossipError('ERR_LIMIT', `${MAX_DIRECT} messages wait to be taken`)
    this.#underway++
    try {
      const number = this.#count++ % 2 ** 32
      await reach.transmit(handle, encodeQueryFrame({ type: 'direct', number, data }), signal)
      await this.#taken(number, handle, signal)
    } finally {
      this.#underway--
    }
  }

  /** One came. */
  onMessage(handle: number, number: number, data: Uint8Array): void {
    const open = this.#options.channels.get(handle)
    if (!open) return
    this.#options.onDirect(open.link.remote, copyBytes(data))
    this.#confirm(handle, number)
  }

  /** The peer behind the channel has handed one to its room. */
  onTaken(handle: number, number: number): void {
    const waiting = this.#waiting.get(number)
    if (waiting?.handle === handle) waiting.resolve()
  }

  down(handle: number): void {
    for (const waiting of [...this.#waiting.values()]) {
      if (waiting.handle !== handle) continue
      waiting.reject(new GossipError('ERR_PEER', 'the peer went before it had taken the message'))
    }
  }

  close(): void {
    for (const { reject } of [...this.#waiting.values()]) reject(closed())
  }

  /** One that sends and takes nothing is owed no more words than it may wait for itself. */
  #confirm(handle: number, number: number): void {
    const owed = this.#owed.get(handle) ?? 0
    if (owed >= MAX_DIRECT) return
    this.#owed.set(handle, owed + 1)
    const over = (): void => {
      const left = (this.#owed.get(handle) ?? 1) - 1
      if (left > 0) this.#owed.set(handle, left)
      else this.#owed.delete(handle)
    }
    this.#options.reach.transmit(handle, encodeQueryFrame({ type: 'taken', number }), undefined).then(over, over)
  }

  #taken(number: number, handle: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => settle(() => reject(aborted(signal)))
      const settle = (then: () => void): void => {
        this.#waiting.delete(number)
        signal?.removeEventListener('abort', onAbort)
        then()
      }
      if (signal?.aborted) return reject(aborted(signal))
      // It may have gone since the message was sent.
      if (!this.#options.channels.get(handle)) return reject(gone())
      signal?.addEventListener('abort', onAbort)
      this.#waiting.set(number, {
        handle,
        resolve: () => settle(resolve),
        reject: (error) => settle(() => reject(error)),
      })
    })
  }
}
