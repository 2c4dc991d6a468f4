// What left the history since it was told last, as ranges: one after another mostly follow each other.

import type { Drop, PeerId } from '@hearsay/core'

interface Range {
  readonly author: PeerId
  readonly epoch: number
  readonly from: number
  to: number
}

export class Drops {
  readonly #emit: (drop: Drop) => void
  #ranges: Range[] = []

  constructor(emit: (drop: Drop) => void) {
    this.#emit = emit
  }

  /** Told by `tell`, or in a moment: whoever lets go of something is to be done with it first. */
  add(author: PeerId, epoch: number, seq: number): void {
    const last = this.#ranges.at(-1)
    if (!last) queueMicrotask(() => this.tell())
    if (last?.to === seq && last.author === author && last.epoch === epoch) last.to++
    else this.#ranges.push({ author, epoch, from: seq, to: seq + 1 })
  }

  tell(): void {
    for (const range of this.#ranges.splice(0)) this.#emit({ ...range, reason: 'history' })
  }
}
