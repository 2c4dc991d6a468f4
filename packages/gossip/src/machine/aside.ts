// Records that were fetched for others unasked, and are put aside for a while. That they are old only a neighbour's hello says,
// and it may lie: what an author says just now is soon told of by others as well, and is taken then as if this had not come.

import { MAX_BATCH_MESSAGES } from '@hearsay/core'
import { rangeOf } from '../large/large-records.js'
import { BETWEEN_RATE } from '../repair/errands.js'
import type { Account } from './accounts.js'
import type { Arriving } from './judgement.js'

/** Long beside what is pushed, told of and pulled on its way through a room; who lacks a last word has lacked it for longer. */
export const ASIDE_MS = 1_000
/** As many as are asked for at once; what comes beyond is let go as if it had not come. */
const MAX_ASIDE: number = BETWEEN_RATE.burst * MAX_BATCH_MESSAGES
/** Of the bytes that the log may hold. */
const SHARE = 1 / 4

export class Aside {
  readonly #maxBytes: number
  /** By place and first number; the first one is due first. */
  readonly #arrivings = new Map<string, Arriving>()
  #bytes = 0

  /** @param capacityBytes what the log may hold */
  constructor(capacityBytes: number) {
    this.#maxBytes = capacityBytes * SHARE
  }

  get account(): Account {
    return { entries: this.#arrivings.size, bytes: this.#bytes, maxEntries: MAX_ASIDE, maxBytes: this.#maxBytes }
  }

  /** When `take` is next needed; infinity if never. */
  get deadline(): number {
    const [[, first] = []] = this.#arrivings
    return first ? first.now + ASIDE_MS : Number.POSITIVE_INFINITY
  }

  /** False if there is no room for it. */
  put(arriving: Arriving): boolean {
    const key = keyOf(arriving)
    const bytes = sizeOf(arriving)
    const isOver = this.#arrivings.size >= MAX_ASIDE || this.#bytes + bytes > this.#maxBytes
    if (this.#arrivings.has(key)) return true
    if (isOver) return false
    this.#arrivings.set(key, arriving)
    this.#bytes += bytes
    return true
  }

  /** The next one that was here for long enough. */
  take(now: number): Arriving | undefined {
    const [[key, first] = []] = this.#arrivings
    if (key === undefined || !first || this.deadline > now) return undefined
    this.#arrivings.delete(key)
    this.#bytes -= sizeOf(first)
    return first
  }
}

/** What came in parts stands in the log, which counts it. */
function sizeOf({ pending: { block }, position }: Arriving): number {
  return position === null ? block.byteLength : 0
}

function keyOf({ pending: { record } }: Arriving): string {
  const { source, first } = rangeOf(record)
  return `${source.author} ${source.epoch} ${first}`
}
