// How patient the queue is: the options that dwebswarm had under the same names, documented, defaulted and resolved here.

export interface QueueOptions {
  /** Milliseconds before each new dial of a candidate that was of use before, with jitter; 0 to 16 of them. @default [1_000, 5_000, 15_000] */
  readonly requeue?: readonly number[]
  readonly forget?: {
    /** Milliseconds until a candidate that did not answer is taken as new. @default 7_500 */
    readonly unresponsive?: number
    /** Milliseconds that a ban lasts which names no end; may be infinite. @default `limits.banMs` and up to half as much by chance */
    readonly banned?: number
  }
}

export interface ResolvedQueue {
  readonly requeue: readonly number[]
  readonly unresponsiveMs: number
  readonly bannedMs: number | null
}

export const DEFAULT_QUEUE: ResolvedQueue = Object.freeze({
  requeue: Object.freeze([1_000, 5_000, 15_000]),
  unresponsiveMs: 7_500,
  bannedMs: null,
}) satisfies ResolvedQueue

const MAX_REQUEUE = 16

/** Throws `TypeError` outside the bounds. */
export function resolveQueue({ requeue = DEFAULT_QUEUE.requeue, forget = {} }: QueueOptions = {}): ResolvedQueue {
  const { unresponsive = DEFAULT_QUEUE.unresponsiveMs, banned = DEFAULT_QUEUE.bannedMs } = forget
  if (requeue.length > MAX_REQUEUE) throw new TypeError(`queue.requeue has at most ${MAX_REQUEUE} times`)
  for (const ms of requeue) checkMs('queue.requeue', ms)
  checkMs('queue.forget.unresponsive', unresponsive)
  if (banned !== null) checkMs('queue.forget.banned', banned)
  return { requeue: [...requeue], unresponsiveMs: unresponsive, bannedMs: banned }
}

/** Throws `TypeError` for what is no time to wait. */
export function checkMs(name: string, ms: number): void {
  if (Number.isNaN(ms) || ms < 0) throw new TypeError(`${name} is a number of milliseconds, not ${ms}`)
}
