// The one place of this package that asks the machine for the time.

import type { Clock, Timer } from './contracts/clock.js'

/** The longest delay that a timer keeps; Node fires at once for anything longer. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1

/** A delay that no remote number can turn into a busy loop: not a number counts as the longest. */
export function clampDelay(ms: number): number {
  if (Number.isNaN(ms)) return MAX_TIMER_MS
  return Math.min(Math.max(ms, 0), MAX_TIMER_MS)
}

/**
 * This machine's time. A timer that waits keeps the process alive, so that an open node does; closing it cancels them. None
 * fires before `now` has come as far as was asked, though Node's own may by up to a millisecond: whoever looks at the clock in
 * a timer and finds it too early would wait for a timer that has gone.
 */
export function systemClock(): Clock {
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    setTimer(ms: number, run: () => void): Timer {
      const delay = clampDelay(ms)
      const due = performance.now() + delay
      const fire = (): void => {
        const left = due - performance.now()
        if (left > 0) handle = setTimeout(fire, left)
        else run()
      }
      let handle = setTimeout(fire, delay)
      return { cancel: () => clearTimeout(handle) }
    },
  }
}
