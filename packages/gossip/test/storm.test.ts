// When the trees engine gives its trees up and floods: neither too early nor too often.

import { describe, expect, it } from 'vitest'
import { CALM_MS, STORM_MS, Storm } from '../src/spread/storm.js'

/** A storm watch that saw so many records at this time. */
function watchOf(records: number, now = 0): Storm {
  const storm = new Storm()
  for (let count = 0; count < records; count++) storm.record(now)
  return storm
}

describe('a storm', () => {
  it('begins with two repairs where two parents failed', () => {
    const storm = watchOf(10)
    expect([storm.repair(1, 10), storm.repair(2, 20)]).toEqual([false, true])
    expect(storm.since(20)).toBe(20)
  })

  it('does not begin for what one parent failed to send, however much', () => {
    const storm = watchOf(10)
    expect(Array.from({ length: 50 }, () => storm.repair(1, 10))).not.toContain(true)
  })

  it('begins at five per cent of the records of the last second', () => {
    const storm = watchOf(200)
    const repairs = Array.from({ length: 10 }, (_, index) => storm.repair(index, 1_100))
    expect(repairs).toEqual([...new Array(9).fill(false), true])
  })

  it('does not count repairs of an earlier second', () => {
    const storm = watchOf(10)
    storm.repair(1, 10)
    expect(storm.repair(2, 1_500)).toBe(false)
  })

  it('begins when a quarter of the links go within two seconds, but not for one link', () => {
    const storm = new Storm()
    expect([storm.loss(2, 0), storm.loss(1, 1_999)]).toEqual([false, true])
    const slow = new Storm()
    expect([slow.loss(2, 0), slow.loss(1, 2_000)]).toEqual([false, false])
    const large = new Storm()
    expect([11, 10, 9].map((left) => large.loss(left, 0))).toEqual([false, false, true])
  })

  it('lasts three seconds and does not come again for thirty', () => {
    const storm = new Storm()
    const strike = (now: number): boolean => [1, 2].map((parent) => storm.repair(parent, now)).includes(true)
    expect(strike(0)).toBe(true)
    expect([storm.since(STORM_MS - 1), storm.since(STORM_MS)]).toEqual([0, null])
    expect(strike(CALM_MS - 1)).toBe(false)
    expect(strike(CALM_MS + 1_000)).toBe(true)
  })
})
