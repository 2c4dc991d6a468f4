// How the next epoch is chosen, and a source that remembers only as long as the process lives.

import type { Clock } from './contracts/clock.js'
import type { EpochSource } from './contracts/epoch.js'
import type { Random } from './contracts/random.js'
import { CoreError } from './errors.js'

/** What a source of epochs is made from. */
export interface EpochOptions {
  readonly clock: Clock
  readonly random: Random
}

const RANDOM_BITS = 20

/**
 * An epoch above `last` that neither a copy of what this machine stored nor another machine with the same key is likely to
 * choose: the clock tells apart what happens at different times, 20 random bits what happens at once.
 */
export function chooseEpoch(last: number, { clock, random }: EpochOptions): number {
  const draw = (): number => random.below(2 ** RANDOM_BITS)
  const seconds = Math.max(0, Math.floor(clock.wall() / 1_000))
  const epoch = Math.max(last + 1 + draw(), seconds * 2 ** RANDOM_BITS + draw())
  if (Number.isSafeInteger(epoch)) return epoch
  throw new CoreError('ERR_EPOCH', 'no epoch is left below 2^53', {
    remedy: 'Set the clock of this machine right; then use a new identity if one was signed with while it was wrong.',
  })
}

/** Epochs for a key that ends with the process: rising, stored nowhere. */
export function memoryEpochs(options: EpochOptions): EpochSource {
  let last = -1
  return {
    async next() {
      last = chooseEpoch(last, options)
      return last
    },
  }
}
