import { describe, expect, it } from 'vitest'
import { TokenBucket } from '../src/index.js'

const RATE = { burst: 3, perSecond: 2 }

describe('a token bucket', () => {
  it('gives a burst at once, and then so much a second', () => {
    const bucket = new TokenBucket(RATE, 1_000)
    expect([1, 2, 3, 4].map(() => bucket.take(1_000))).toEqual([true, true, true, false])
    expect(bucket.take(1_499)).toBe(false)
    expect(bucket.take(1_500)).toBe(true)
    expect(bucket.take(1_500)).toBe(false)
  })

  it('holds no more than its burst, however long nobody took any', () => {
    const bucket = new TokenBucket(RATE, 0)
    expect(bucket.left(1e9)).toBe(3)
    expect([bucket.takeUpTo(10, 1e9), bucket.left(1e9)]).toEqual([3, 0])
  })

  it('gives whole tokens, up to as many as are wanted', () => {
    const bucket = new TokenBucket(RATE, 0)
    expect([bucket.takeUpTo(2.9, 0), bucket.takeUpTo(2.9, 0), bucket.takeUpTo(1, 0)]).toEqual([2, 1, 0])
  })

  it('gives nothing for time that goes backwards, and nothing twice for the same', () => {
    const bucket = new TokenBucket(RATE, 10_000)
    bucket.takeUpTo(3, 10_000)
    expect([bucket.left(0), bucket.left(10_500), bucket.left(9_000), bucket.left(10_500)]).toEqual([0, 1, 1, 1])
  })
})
