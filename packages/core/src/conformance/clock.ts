// What every clock promises.

import type { Clock } from '../contracts/clock.js'
import { type ConformanceCase, caseOf } from './case.js'

/** A clock, and the way to let its time pass. */
export interface ClockFixture {
  readonly clock: Clock
  /** Resolves when that much time has passed on the clock and due timers have run. */
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

export const clockConformance: readonly ConformanceCase<ClockFixture>[] = [
  caseOf('goes on by the time that passes, on both its faces', async ({ clock, advance }, assert) => {
    const [now, wall] = [clock.now(), clock.wall()]
    await advance(50)
    assert.ok(clock.now() - now >= 50, 'now')
    // The wall may be set meanwhile, by less than a second on a machine that tests run on.
    assert.ok(Math.abs(clock.wall() - wall - (clock.now() - now)) < 1_000, 'wall')
  }),

  caseOf('says milliseconds since 1970 on its wall', async ({ clock }, assert) => {
    const year2000 = 946_684_800_000
    assert.ok(clock.wall() > year2000 && clock.wall() < 2 ** 43, String(clock.wall()))
  }),

  caseOf('calls once, not before the delay and never during setting', async ({ clock, advance }, assert) => {
    let calls = 0
    clock.setTimer(40, () => calls++)
    assert.equal(calls, 0)
    await advance(10)
    assert.equal(calls, 0)
    await advance(40)
    await advance(100)
    assert.equal(calls, 1)
  }),

  caseOf('calls in order of the delays', async ({ clock, advance }, assert) => {
    const calls: number[] = []
    for (const delay of [60, 20, 40]) clock.setTimer(delay, () => calls.push(delay))
    await advance(100)
    assert.equal(calls, [20, 40, 60])
  }),

  caseOf('never calls what was cancelled, however often', async ({ clock, advance }, assert) => {
    let calls = 0
    const timer = clock.setTimer(20, () => calls++)
    timer.cancel()
    timer.cancel()
    await advance(50)
    assert.equal(calls, 0)
  }),

  caseOf('forgives cancelling after the call', async ({ clock, advance }, assert) => {
    let calls = 0
    const timer = clock.setTimer(10, () => calls++)
    await advance(30)
    timer.cancel()
    clock.setTimer(10, () => calls++)
    await advance(30)
    assert.equal(calls, 2)
  }),

  caseOf('takes a delay below 0 as 0', async ({ clock, advance }, assert) => {
    let calls = 0
    clock.setTimer(-5, () => calls++)
    clock.setTimer(Number.NEGATIVE_INFINITY, () => calls++)
    assert.equal(calls, 0)
    await advance(20)
    assert.equal(calls, 2)
  }),

  caseOf('takes what is too long, or no number, as very long', async ({ clock, advance }, assert) => {
    let calls = 0
    const delays = [2 ** 31, 2 ** 53, Number.POSITIVE_INFINITY, Number.NaN]
    const timers = delays.map((delay) => clock.setTimer(delay, () => calls++))
    await advance(50)
    for (const timer of timers) timer.cancel()
    assert.equal(calls, 0)
  }),
]
