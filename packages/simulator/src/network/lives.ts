// The lives of nodes: each begins with a machine of its own in an epoch of its own, and may know what a store has kept.

import type { Identity } from '@hearsay/core'
import { type Input, type Machine, resolveLimits } from '@hearsay/gossip/machine'
import { SimulatedNode } from './node.js'
import type { NetworkOptions } from './options.js'

/** What came while the last record was written is asked for too, as the driver of a room does. */
const OVERLAP_MS = 10_000

/** What `Date` can hold, and a record (ECMA-262, 21.4.1.1). */
const MAX_WALL_MS = 8.64e15

export class Lives {
  readonly nodes: readonly SimulatedNode[]
  readonly #options: NetworkOptions

  constructor(options: NetworkOptions) {
    this.#options = options
    this.nodes = options.identities.map((author, index) => {
      const epoch = this.#epochOf(index, 1)
      return new SimulatedNode(index, author, { epoch, machine: this.#machineOf(author, index, epoch) })
    })
  }

  /** The node's next life begins; answers what its machine is to hear first, if anything. */
  begin(node: SimulatedNode, store: 'lost' | 'kept', now: number): Input | null {
    node.life++
    node.epoch = this.#epochOf(node.index, node.life)
    node.machine = this.#machineOf(node.author, node.index, node.epoch)
    node.wakeAt = null
    node.inbox = null
    node.isCrashed = false
    node.open.clear()
    if (store === 'lost') node.kept = []
    const last = node.kept.at(-1)
    if (!last) return null
    return { type: 'restore', records: [...node.kept], since: { age: Math.ceil(now - last.at) + OVERLAP_MS } }
  }

  /** What the node's clock shows, as far as a date can tell. */
  wallOf({ wallOffsetMs }: SimulatedNode, now: number): number {
    const wall = (this.#options.wallMs ?? 0) + now + wallOffsetMs
    return Math.floor(Math.min(Math.max(wall, 0), MAX_WALL_MS))
  }

  #machineOf(author: Identity, node: number, epoch: number): Machine {
    const { topic, crypto, engine, room } = this.#options
    const own = typeof engine === 'function' ? engine(node) : engine
    return own.createMachine({ topic, author, epoch, crypto, limits: resolveLimits(own.limits), ...room })
  }

  #epochOf(node: number, life: number): number {
    return this.#options.epoch?.(node, life) ?? life
  }
}
