// The machine's clock, as everything that waits relies on it.

import { systemClock } from '@hearsay/core'
import { describe, expect, it } from 'vitest'

describe('a timer of the system clock', () => {
  it('never fires before the time that it was set to, in 300 tries of fractional times', async () => {
    const clock = systemClock()
    const early: number[] = []
    const waits = Array.from({ length: 300 }, (_, index) => 1 + (index % 20) * 1.37)
    await Promise.all(
      waits.map(
        (ms) =>
          new Promise<void>((resolve) => {
            const due = clock.now() + ms
            clock.setTimer(ms, () => {
              if (clock.now() < due) early.push(due - clock.now())
              resolve()
            })
          }),
      ),
    )
    expect(early).toEqual([])
  })

  it('does not fire once it is cancelled, also when it has been set anew', async () => {
    const clock = systemClock()
    let fired = 0
    const timers = Array.from({ length: 50 }, (_, index) => clock.setTimer(1 + index / 50, () => fired++))
    for (const timer of timers) timer.cancel()
    await new Promise<void>((resolve) => clock.setTimer(10, resolve))
    expect(fired).toBe(0)
  })
})
