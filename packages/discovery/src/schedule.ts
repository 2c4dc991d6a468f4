// When to look for peers again: often while the room is empty, seldom while it is not. Knows neither sockets nor timers:
// it is asked whether a look-up is due and says when to ask next.
//
//   state    | asked while empty              | asked while peers are linked
//   ---------|--------------------------------|---------------------------------------------
//   attempt n| due; next in 2^n × 250 ms ≤ cap| due if the last look-up is `settledMs` old; n = 0

import type { Random } from '@hearsay/core'

export interface LookupScheduleOptions {
  /** The longest pause, in milliseconds, between look-ups of an empty room. */
  readonly capMs: number
  /** The pause, in milliseconds, between look-ups of a room with peers. */
  readonly settledMs: number
  readonly random: Random
}

export interface LookupSchedule {
  /** When to ask `due` again, on the clock of the `now` that it is given. */
  readonly nextAt: number
  /** True if a look-up should start now; then, or when asked in vain, `nextAt` moves on. Asking early or twice is harmless. */
  due(now: number, linked: number): boolean
  /** Starts over: due now, then in short steps. */
  reset(now: number): void
}

/** The pause after the first look-up of an empty room. */
export const FIRST_PAUSE_MS = 250
/** How soon it is noticed that a room with peers has become empty. */
const CHECK_MS = 5_000
/** A pause is stretched by up to this share, so that nodes which started together drift apart. */
const JITTER = 0.25

/** Due at once, then after 0.25, 0.5, 1, 2, … seconds (each with up to a quarter more) while the room is empty. */
export function createLookupSchedule(options: LookupScheduleOptions, startAt: number): LookupSchedule {
  const { capMs, settledMs, random } = options
  const jittered = (ms: number): number => ms + random.below(Math.floor(ms * JITTER) + 1)
  let attempt = 0
  let nextAt = startAt
  let lookedAt = Number.NEGATIVE_INFINITY

  function dueWhileEmpty(now: number): boolean {
    // Beyond 2^16 steps the cap decides, whatever it is.
    nextAt = now + jittered(Math.min(capMs, FIRST_PAUSE_MS * 2 ** Math.min(attempt, 16)))
    attempt += 1
    return true
  }

  function dueWhileSettled(now: number): boolean {
    attempt = 0
    nextAt = now + jittered(Math.min(CHECK_MS, settledMs))
    return now - lookedAt >= settledMs
  }

  return {
    get nextAt() {
      return nextAt
    },
    due(now, linked) {
      if (now < nextAt) return false
      const due = linked === 0 ? dueWhileEmpty(now) : dueWhileSettled(now)
      if (due) lookedAt = now
      return due
    },
    reset(now) {
      attempt = 0
      nextAt = now
      lookedAt = Number.NEGATIVE_INFINITY
    },
  }
}
