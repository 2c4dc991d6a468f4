// The bounds of one room, with their defaults, resolved once.

import { GossipError } from './errors.js'

/** Bounds of one topic's gossip; each is a whole number. */
export interface GossipLimits {
  /** Messages that are retained, at least 1. @default 100_000 */
  readonly capacity: number
  /** Bytes of payload that are retained, at least 1. @default 67_108_864 (64 MiB) */
  readonly capacityBytes: number
  /** The largest payload that `publish` takes and that is accepted, 1 to 16,777,216 bytes. @default 4_194_304 (4 MiB) */
  readonly maxMessageBytes: number
  /**
   * How long a hole in an author's sequence may stay before it is told as a gap, in ms, unless what fills it is on its way: up to
   * 30 s while the neighbour that sent what follows owes an answer. In causal order the same for what a message was said after.
   * @default 1_000
   */
  readonly holdMs: number
  /**
   * How long the first record of an author heard mid-stream waits for an earlier one on another path, in ms: for a newcomer; who
   * has been in the room for long waits for `holdMs`. @default 100
   */
  readonly settleMs: number
  /** Records that wait for an earlier one, over all authors; the longest wait is given up beyond. @default 4_096 */
  readonly maxHeld: number
  /**
   * (author, epoch) pairs that are followed, in about 2,200 bytes each; beyond, only the end is remembered of those heard longest
   * ago. @default 65_536
   */
  readonly maxEpochs: number
  /** Pairs of which only the end is remembered, in up to 64 bytes; beyond, new ones are refused with `drop`. @default 1_000_000 */
  readonly maxCounters: number
  /** Epochs tracked of one author; the lowest is forgotten beyond and never heard again. @default 16 */
  readonly maxEpochsPerAuthor: number
}

export const DEFAULT_LIMITS: GossipLimits = Object.freeze({
  capacity: 100_000,
  capacityBytes: 64 * 1024 * 1024,
  maxMessageBytes: 4 * 1024 * 1024,
  holdMs: 1_000,
  settleMs: 100,
  maxHeld: 4_096,
  maxEpochs: 65_536,
  maxCounters: 1_000_000,
  maxEpochsPerAuthor: 16,
} satisfies GossipLimits)

/** What a receiver may be asked to put together: beyond it, a reference to a file is the better message. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024

/** The limits with defaults filled in, or `ERR_OPTION`. */
export function resolveLimits(given: Partial<GossipLimits> = {}): GossipLimits {
  const limits = withDefaults(DEFAULT_LIMITS, given)
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 0) throw outOfBounds(name, value, 'a whole number')
  }
  for (const name of ['capacity', 'capacityBytes', 'maxMessageBytes', 'maxEpochs', 'maxEpochsPerAuthor'] as const) {
    if (limits[name] < 1) throw outOfBounds(name, limits[name], 'at least 1')
  }
  if (limits.maxMessageBytes > MAX_MESSAGE_BYTES) {
    throw outOfBounds('maxMessageBytes', limits.maxMessageBytes, `at most ${MAX_MESSAGE_BYTES}`)
  }
  return Object.freeze(limits)
}

/** A name that means nothing here is a mistake, and not to be passed over. */
export function withDefaults<Options extends object>(defaults: Options, given: Partial<Options>): Options {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(defaults, name))
  if (unknown === undefined) return { ...defaults, ...withoutUndefined(given) }
  throw new GossipError('ERR_OPTION', `${unknown} is no option here: there are ${Object.keys(defaults).join(', ')}`)
}

/** What is undefined is as if it were left out. */
export function withoutUndefined<Options extends object>(given: Options): Options {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Options
}

function outOfBounds(name: string, value: number, bound: string): GossipError {
  return new GossipError('ERR_OPTION', `${name} is ${value}; it must be ${bound}`)
}
