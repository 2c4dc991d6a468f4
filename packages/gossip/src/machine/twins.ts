// Somebody else who signs with this node's key in its epoch. What neighbours claim of that is no proof: they are asked once to show
// it. A valid record that this node never said is one.

import { MAX_BATCH_MESSAGES, type RecordHead } from '@hearsay/core'
import type { Output } from '../engine.js'
import type { Interval } from '../order/intervals.js'
import type { PlacedRange } from '../serving/notices.js'
import type { Neighbour } from './neighbour.js'
import type { Publisher } from './publisher.js'

export interface TwinsParts {
  readonly publisher: Publisher
  readonly emit: (output: Output) => void
  readonly ask: (neighbour: Neighbour, range: PlacedRange, now: number) => void
}

export class Twins {
  readonly #parts: TwinsParts

  constructor(parts: TwinsParts) {
    this.#parts = parts
  }

  /** The neighbour says that this node has said [from, to): answers as much of it as it has, or null. */
  claimed(neighbour: Neighbour, [from, to]: Interval, now: number): Interval | null {
    const { publisher, ask } = this.#parts
    const { place: source, nextSeq } = publisher
    const first = Math.max(from, nextSeq)
    if (to > first && neighbour.mayBeDoubted())
      ask(neighbour, { source, first, count: Math.min(to - first, MAX_BATCH_MESSAGES) }, now)
    const end = Math.min(to, nextSeq)
    return from < end ? [from, end] : null
  }

  /** A valid record came from elsewhere, and is new here. */
  heard({ header }: RecordHead): void {
    const { publisher, emit } = this.#parts
    if (publisher.signs(header)) emit({ type: 'twin', epoch: header.epoch })
  }
}
