import { seededRandom } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { IntervalSet } from '../src/order/intervals.js'

describe('a set of ranges', () => {
  it('answers like a set of numbers, whatever was added in whatever order', () => {
    const random = seededRandom(42)
    for (let round = 0; round < 200; round++) {
      const [ranges, numbers] = [new IntervalSet(), new Set<number>()]
      for (let step = 0; step < 30; step++) {
        const from = random.below(60)
        const to = from + random.below(5)
        ranges.add(from, to)
        for (let number = from; number < to; number++) numbers.add(number)
      }
      for (let number = 0; number < 70; number++) {
        expect(ranges.covers(number, number + 1)).toBe(numbers.has(number))
        expect(ranges.overlaps(number, number + 3)).toBe([0, 1, 2].some((more) => numbers.has(number + more)))
      }
    }
  })

  it('fills its lowest hole when it would hold more ranges than its bound', () => {
    const ranges = new IntervalSet(3)
    for (const from of [0, 10, 20, 30]) ranges.add(from, from + 1)
    expect(ranges.ranges).toEqual([
      [0, 11],
      [20, 21],
      [30, 31],
    ])
  })

  it('lets its lowest range go instead if it must not claim what was not added', () => {
    const ranges = new IntervalSet(3, 'forget')
    for (const from of [0, 10, 20, 30]) ranges.add(from, from + 1)
    expect(ranges.ranges).toEqual([
      [10, 11],
      [20, 21],
      [30, 31],
    ])
  })

  it('takes numbers up to 2^53 without growing by them', () => {
    const ranges = new IntervalSet()
    ranges.add(0, 2 ** 52)
    ranges.add(2 ** 52, Number.MAX_SAFE_INTEGER)
    expect(ranges.ranges).toEqual([[0, Number.MAX_SAFE_INTEGER]])
  })
})
