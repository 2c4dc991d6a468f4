// A stand-in for the pool and the membership of a node: it notices when a neighbour has gone silent, as a link's liveness
// does, and dials others when it has too few links. Whom it finds it finds by chance.

import type { Random } from '@hearsay/core'
import type { SimulatedNetwork } from '../network.js'
import { pick } from '../overlay.js'
import { SILENCE_MS } from '../silence.js'

/** How long a node takes to find another neighbour. */
export const RELINK_MS = [500, 1_500] as const
/** Every so often a node looks for strangers, so that parts that were apart find each other. */
export const STRANGERS_MS = 30_000
/** Dials that fail before a node waits a while. */
const MAX_TRIES = 16

export class Membership {
  readonly #network: SimulatedNetwork
  readonly #random: Random
  readonly #nodes: readonly number[]
  readonly #least: number
  readonly #isDialling = new Set<number>()
  #endsAt = Number.POSITIVE_INFINITY

  /** @param least links that a node is content with */
  constructor(parts: { network: SimulatedNetwork; random: Random; nodes: number; least: number }) {
    this.#network = parts.network
    this.#random = parts.random
    this.#nodes = Array.from({ length: parts.nodes }, (_, node) => node)
    this.#least = Math.min(parts.least, parts.nodes - 1)
  }

  /** Nobody dials any more from then on, so that a run comes to rest. */
  endAt(time: number): void {
    this.#endsAt = time
  }

  /** Something may be wrong with the links of this node: those that are dead will be noticed. */
  suspect(node: number): void {
    for (const other of this.#network.linkedTo(node)) this.suspectLink(node, other)
  }

  suspectLink(a: number, b: number): void {
    if (this.#network.canTalk(a, b)) return
    const [from, to] = SILENCE_MS
    this.#network.at(this.#network.now + from + this.#random.below(to - from), () => {
      if (this.#network.canTalk(a, b)) return
      this.#network.disconnect(a, b)
      this.seek(a)
      this.seek(b)
    })
  }

  /** Cuts the link at once, as a process that ends does, and both look for others. */
  part(a: number, b: number): void {
    this.#network.disconnect(a, b)
    this.seek(a)
    this.seek(b)
  }

  /** Dials after a while until the node has links enough. */
  seek(node: number): void {
    if (this.#isDialling.has(node)) return
    this.#isDialling.add(node)
    const [from, to] = RELINK_MS
    this.#network.at(this.#network.now + from + this.#random.below(to - from), () => {
      this.#isDialling.delete(node)
      this.#dial(node)
    })
  }

  /** Links the node to somebody it is not linked with, if anybody answers. */
  meetStranger(node: number): void {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (this.#network.connect(node, pick(this.#nodes, this.#random))) return
    }
  }

  #dial(node: number): void {
    if (this.#network.now > this.#endsAt || !this.#network.nodes[node]?.isAtWork) return
    for (let tries = 0; tries < MAX_TRIES && this.#isShort(node); tries++) {
      this.#network.connect(node, pick(this.#nodes, this.#random))
    }
    if (this.#isShort(node)) this.seek(node)
  }

  #isShort(node: number): boolean {
    return this.#network.linkedTo(node).length < this.#least
  }
}
