// What a neighbour may make this node check in vain. A signature costs more than all else about a record, so who has many checked
// that are no news is not listened to for a while: neither ended nor shut out, for it may pass on what others say.

import type { TokenBucket, TokenRate } from '@hearsay/core'

/** Signatures of one link that may be checked and tell nothing new. */
export const CHECKS: TokenRate = Object.freeze({ burst: 512, perSecond: 64 })

export class Checks {
  readonly #bucket: TokenBucket
  readonly #now: number

  constructor(bucket: TokenBucket, now: number) {
    this.#bucket = bucket
    this.#now = now
  }

  /** True if what comes is not to be checked now. */
  get areSpent(): boolean {
    return this.#bucket.left(this.#now) === 0
  }

  /** One was checked, and is no news. */
  spend(): void {
    this.#bucket.take(this.#now)
  }
}
