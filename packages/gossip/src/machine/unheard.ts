// Which of this node's own messages nobody has confirmed: whoever comes is given them. Of earlier lives too, as far as they were
// restored: no acknowledgement names these, but a neighbour that comes tells how far it has heard them.

import type { PeerId, RecordHeader } from '@hearsay/core'
import type { Head } from '../frames/frames.js'
import { IntervalSet } from '../order/intervals.js'
import type { Source } from './arrivals.js'

/** Ranges of own messages of one life that were confirmed; beyond it the lowest is told again to joiners. */
const MAX_CONFIRMED_RANGES = 1_024

type Place = Pick<RecordHeader, 'author' | 'epoch' | 'firstSeq' | 'count'>

export class UnheardWords {
  readonly #author: PeerId
  /** Of the present life. */
  #epoch: number
  /** What was confirmed, by epoch: this one, and those of which something was restored. */
  readonly #confirmed: Map<number, IntervalSet>

  constructor({ author, epoch }: Source) {
    this.#author = author
    this.#epoch = epoch
    this.#confirmed = new Map([[epoch, new IntervalSet(MAX_CONFIRMED_RANGES, 'forget')]])
  }

  /** A new life begins without a new start: what was not confirmed of the one before stays so. */
  begin(epoch: number): void {
    this.#epoch = epoch
    this.#confirmed.set(epoch, new IntervalSet(MAX_CONFIRMED_RANGES, 'forget'))
  }

  /** A record of an earlier life is here again. */
  restore({ author, epoch, firstSeq, count }: Place, isUnheard: boolean): void {
    if (author !== this.#author) return
    const confirmed = this.#confirmed.get(epoch) ?? new IntervalSet(MAX_CONFIRMED_RANGES, 'forget')
    this.#confirmed.set(epoch, confirmed)
    if (!isUnheard) confirmed.add(firstSeq, firstSeq + count)
  }

  /** A peer has [from, to) of this life. */
  confirm(from: number, to: number): void {
    this.#confirmed.get(this.#epoch)?.add(from, to)
  }

  /**
   * A neighbour told how far it has heard others: answers those of this node's earlier lives, below which all counts as heard. It is all
   * that is told of them, and says too much of who began later, or passed over a gap: what it lacks of these is here for who asks, and no longer
   * given to whoever comes.
   */
  heads(heads: readonly Head[]): readonly Head[] {
    const own = heads.filter(({ author, epoch, next }) => {
      return author === this.#author && epoch !== this.#epoch && next > 0 && this.#confirmed.has(epoch)
    })
    for (const { epoch, next } of own) this.#confirmed.get(epoch)?.add(0, next)
    return own
  }

  /** True if nobody has confirmed all of it, and it is this node's own. */
  isUnheard({ author, epoch, firstSeq, count }: Place): boolean {
    return author === this.#author && this.#confirmed.get(epoch)?.covers(firstSeq, firstSeq + count) === false
  }
}
