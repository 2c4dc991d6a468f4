// The way of one message through the room: who had it from whom, when.

import type { PeerId } from '@hearsay/core'
import type { Happening } from '../network.js'

/** One node's delivery. */
export interface Step {
  readonly node: number
  /** Who handed it over; the number of a node. */
  readonly from: number
  /** Ms since it was published. */
  readonly ms: number
  /** Links it had crossed, as it says itself. */
  readonly hops: number
}

/** The way of one message. */
export interface Propagation {
  readonly author: number
  readonly seq: number
  /** In order of time. */
  readonly steps: readonly Step[]
}

/** Follows the message of that number of one author, in its first epoch. */
export class Tracker {
  readonly #author: number
  readonly #seq: number
  readonly #nodeOf: (id: PeerId) => number
  readonly #steps: Step[] = []
  #publishedAt: number | null = null
  #said = 0

  constructor(what: { author: number; seq: number; nodeOf: (id: PeerId) => number }) {
    this.#author = what.author
    this.#seq = what.seq
    this.#nodeOf = what.nodeOf
  }

  note(happening: Happening, at: number): void {
    if (happening.type === 'published' && happening.node === this.#author) {
      if (this.#said++ === this.#seq) this.#publishedAt = at
    }
    if (happening.type !== 'delivered' || this.#publishedAt === null) return
    const { author, seq, via, hops } = happening.delivery
    if (seq !== this.#seq || this.#nodeOf(author) !== this.#author) return
    const from = via === null ? this.#author : this.#nodeOf(via)
    this.#steps.push({ node: happening.node, from, ms: at - this.#publishedAt, hops })
  }

  get propagation(): Propagation {
    return { author: this.#author, seq: this.#seq, steps: this.#steps }
  }
}
