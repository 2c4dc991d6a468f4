// One node: the machine that runs now, its epoch, and what waits while it is frozen.

import type { Identity } from '@hearsay/core'
import type { Input, Machine, PeerHandle, Restored } from '@hearsay/gossip/machine'

export class SimulatedNode {
  readonly index: number
  readonly author: Identity
  machine: Machine
  /** How often it was started; 1 is the first. */
  life = 1
  epoch: number
  isCrashed = false
  /** When it wants its timer; what was asked for before is void. */
  wakeAt: number | null = null
  /** How far its wall clock is from the simulation's, in ms. */
  wallOffsetMs = 0
  /** What happened to it since it was stopped (SIGSTOP); null while it runs. */
  inbox: Input[] | null = null
  /** Channels that its machine knows to be open. */
  readonly open: Set<PeerHandle> = new Set()
  /** What its store has, of a room that keeps. */
  kept: Restored[] = []

  #wokenAt = -1
  #wokenTimes = 0

  constructor(index: number, author: Identity, start: { readonly epoch: number; readonly machine: Machine }) {
    this.index = index
    this.author = author
    this.epoch = start.epoch
    this.machine = start.machine
  }

  /** It is woken; answers how often it was before, at this moment. */
  wake(now: number): number {
    this.#wokenTimes = this.#wokenAt === now ? this.#wokenTimes + 1 : 0
    this.#wokenAt = now
    return this.#wokenTimes
  }

  /** True unless it crashed or is frozen. */
  get isAtWork(): boolean {
    return !this.isCrashed && this.inbox === null
  }
}
