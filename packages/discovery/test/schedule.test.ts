import { seededRandom } from '@hearsay/core'
import { expect, test } from 'vitest'
import { createLookupSchedule } from '../src/machine.js'

const create = (startAt = 0) =>
  createLookupSchedule({ capMs: 60_000, settledMs: 300_000, random: seededRandom(3) }, startAt)

/** When it is due between 0 and `endMs`, asked exactly when it wants to be. */
function dueTimes(schedule: ReturnType<typeof create>, endMs: number, linked: (now: number) => number): number[] {
  const times: number[] = []
  while (schedule.nextAt <= endMs) {
    const now = schedule.nextAt
    if (schedule.due(now, linked(now))) times.push(now)
  }
  return times
}

test('an empty room is looked up at once, then in doubling steps up to the cap, each up to a quarter longer', () => {
  const times = dueTimes(create(), 600_000, () => 0)
  expect(times[0]).toBe(0)
  for (const [i, at] of times.entries()) {
    const nominal = Math.min(60_000, 250 * 2 ** i)
    const pause = (times[i + 1] ?? at + nominal) - at
    expect(pause).toBeGreaterThanOrEqual(nominal)
    expect(pause).toBeLessThanOrEqual(nominal * 1.25)
  }
})

test('a room with peers is looked up every five minutes', () => {
  const times = dueTimes(create(), 3_600_000, () => 1)
  expect(times.length).toBeGreaterThanOrEqual(11)
  expect(times.length).toBeLessThanOrEqual(13)
})

test('a room that becomes empty is looked up within seven seconds, and quickly from then on', () => {
  const times = dueTimes(create(), 110_000, (now) => (now < 100_000 ? 1 : 0)).filter((at) => at >= 100_000)
  expect(times[0]).toBeLessThan(107_000)
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeLessThan(320)
})

test('asked too early or twice, it is not due', () => {
  const schedule = create(1_000)
  expect(schedule.due(999, 0)).toBe(false)
  expect(schedule.due(1_000, 0)).toBe(true)
  expect(schedule.due(1_000, 0)).toBe(false)
})

test('a reset makes it due now, whatever it was waiting for', () => {
  const schedule = create()
  dueTimes(schedule, 100_000, () => 1)
  schedule.reset(100_001)
  expect(schedule.due(100_001, 1)).toBe(true)
})
