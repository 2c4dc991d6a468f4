// Whose records are followed: one sequence for each (author, epoch), within bounds that a crowd of invented authors or
// epochs cannot push.

import type { PeerId } from '@hearsay/core'
import { type Head, MAX_HEADS } from './frames.js'
import { Sequence } from './sequence.js'

/** Authors whose messages a room takes. */
export type Members = ReadonlySet<PeerId>

interface Author {
  /** Ascending by epoch once sorted; insertion order otherwise does not matter. */
  readonly epochs: Map<number, Sequence>
  /** Epochs up to here were forgotten and are not heard again. */
  floor: number
}

export class Authors {
  readonly #authors = new Map<PeerId, Author>()
  /** The most recently active ones, the last one last: what `heads` needs, without a look at all the others. */
  readonly #recent = new Set<PeerId>()
  readonly #bounds: { readonly maxEpochs: number; readonly maxEpochsPerAuthor: number }
  readonly #members: Members | null
  #size = 0

  /** @param members the only authors that are followed; null: everybody */
  constructor(bounds: { readonly maxEpochs: number; readonly maxEpochsPerAuthor: number }, members: Members | null) {
    this.#bounds = bounds
    this.#members = members
  }

  isMember(author: PeerId): boolean {
    return this.#members === null || this.#members.has(author)
  }

  find(author: PeerId, epoch: number): Sequence | undefined {
    return this.#authors.get(author)?.epochs.get(epoch)
  }

  /** True if a sequence for this place exists or may be begun. */
  admits(author: PeerId, epoch: number): boolean {
    if (!this.isMember(author)) return false
    const known = this.#authors.get(author)
    if (known?.epochs.has(epoch)) return true
    if (known && epoch <= known.floor) return false
    return (
      this.#size < this.#bounds.maxEpochs ||
      (known !== undefined && known.epochs.size >= this.#bounds.maxEpochsPerAuthor)
    )
  }

  /** The sequence of a place that is admitted, begun if need be. */
  open(author: PeerId, epoch: number): Sequence {
    const known = this.#authors.get(author) ?? { epochs: new Map<number, Sequence>(), floor: -1 }
    this.#authors.set(author, known)
    const found = known.epochs.get(epoch)
    if (found) return found
    const sequence = new Sequence()
    known.epochs.set(epoch, sequence)
    this.#size++
    if (known.epochs.size > this.#bounds.maxEpochsPerAuthor) this.#forgetLowest(known)
    return sequence
  }

  /** Marks the place as just active, so that `heads` tells it first. */
  touch(author: PeerId): void {
    this.#recent.delete(author)
    this.#recent.add(author)
    const [oldest] = this.#recent
    if (this.#recent.size > MAX_HEADS && oldest !== undefined) this.#recent.delete(oldest)
  }

  /** Up to `MAX_HEADS` heads, of the most recently active authors first. */
  heads(): Head[] {
    const heads: Head[] = []
    for (const author of [...this.#recent].reverse()) {
      for (const [epoch, { next }] of this.#authors.get(author)?.epochs ?? []) {
        if (heads.length === MAX_HEADS) return heads
        if (next !== null) heads.push({ author, epoch, next })
      }
    }
    return heads
  }

  #forgetLowest(author: Author): void {
    author.floor = Math.min(...author.epochs.keys())
    author.epochs.delete(author.floor)
    this.#size--
  }
}
