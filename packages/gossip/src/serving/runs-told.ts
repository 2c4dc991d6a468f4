// Records that one neighbour is to be told of in bulk: those that follow each other become one run.

import type { RecordHead } from '@hearsay/core'
import type { Arrival, Source } from '../machine/arrivals.js'

/** Records of one place without a hole between them, up to `end`. */
export interface RunTold {
  readonly source: Source
  readonly first: number
  end: number
  last: RecordHead
}

export class RunsTold {
  #runs: RunTold[] = []
  /** The latest of each place. */
  readonly #open = new Map<Source, RunTold>()

  get size(): number {
    return this.#runs.length
  }

  get sources(): readonly Source[] {
    return [...this.#open.keys()]
  }

  /** True if it follows the latest of its place, so that it takes no run of its own. */
  isFollowing({ source, record }: Arrival): boolean {
    return this.#open.get(source)?.end === record.header.firstSeq
  }

  add({ source, record, end }: Arrival): void {
    const { firstSeq: first } = record.header
    const run = this.#open.get(source)
    if (run?.end === first) {
      run.end = end
      run.last = record
      return
    }
    const begun = { source, first, end, last: record }
    this.#runs.push(begun)
    this.#open.set(source, begun)
  }

  take(): readonly RunTold[] {
    const runs = this.#runs
    this.#runs = []
    this.#open.clear()
    return runs
  }
}
