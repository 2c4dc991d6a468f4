// What left the history since it was told last, as ranges: one after another mostly follow each other.

import type { Drop, PeerId } from '@hearsay/core'

interface Range {
  readonly author: PeerId
  readonly epoch: number
  readonly from: number
  to: number
}

export class Drops {
  #ranges: Range[] = []

  add(author: PeerId, epoch: number, seq: number): void {
    const last = this.#ranges.at(-1)
    if (last?.to === seq && last.author === author && last.epoch === epoch) last.to++
    else this.#ranges.push({ author, epoch, from: seq, to: seq + 1 })
  }

  /** What is to be told, once. */
  take(): readonly Drop[] {
    if (this.#ranges.length === 0) return []
    const drops = this.#ranges.map((range): Drop => ({ ...range, reason: 'history' }))
    this.#ranges = []
    return drops
  }
}
