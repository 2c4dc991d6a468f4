// What is known of one neighbour on the topic's channel: what it follows, how far it has been served, and how much it takes.

import type { PeerId } from '@hearsay/core'
import type { PeerHandle } from './engine.js'
import type { Frame } from './frames.js'

type Introduction = Extract<Frame, { type: 'hello' }>

export class Neighbour {
  readonly handle: PeerHandle
  readonly remote: PeerId
  /** Bytes that may be sent now; may go below 0 by one frame. */
  window: number
  /** The next position of the arrival log to look at. */
  cursor: number
  /** Arrivals from here on came after the channel opened: live. */
  readonly liveFrom: number
  /** What arrived here after that is live for it: it was in the room already, whoever it was linked to. */
  liveSince: number = Number.POSITIVE_INFINITY
  /** Whose own records this neighbour signs; null until its hello. */
  author: PeerId | null = null
  epoch = 0
  /** The range of its own messages that it was told we have. */
  acknowledged: readonly [number, number] = [0, 0]
  /** True after `blocked` was told and until the window is above 0. */
  blocked = false
  readonly #heads = new Map<string, number>()

  constructor(start: { handle: PeerHandle; remote: PeerId; window: number; oldest: number; next: number }) {
    this.handle = start.handle
    this.remote = start.remote
    this.window = start.window
    this.cursor = start.oldest
    this.liveFrom = start.next
  }

  /** The remote has introduced itself. */
  introduce({ author, epoch, presentMs, heads }: Introduction, now: number): void {
    this.author = author
    this.epoch = epoch
    this.liveSince = now - presentMs
    for (const head of heads) this.#heads.set(`${head.author} ${head.epoch}`, head.next)
  }

  get introduced(): boolean {
    return this.author !== null
  }

  /** Where its deliveries of this place ended when it introduced itself; undefined if it did not follow it. */
  headOf(author: PeerId, epoch: number): number | undefined {
    return this.#heads.get(`${author} ${epoch}`)
  }

  signs(author: PeerId, epoch: number): boolean {
    return this.author === author && this.epoch === epoch
  }
}
