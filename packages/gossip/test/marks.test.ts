// What a room remembers beside its records, as bytes and back.

import { seededRandom } from '@hearsay/core'
import { expect, it } from 'vitest'
import { Marks } from '../src/store/marks.js'

const marksOf = (count: number): Marks => {
  const marks = new Marks(1_750_000_000_000)
  for (let epoch = 1; epoch <= count; epoch++) {
    for (const [from, to] of [[0, epoch] as const, [2 * epoch, 3 * epoch] as const]) marks.confirm(epoch, from, to)
  }
  return marks
}

it('says the same after it was bytes', () => {
  const read = Marks.fromBytes(marksOf(20).toBytes())
  expect(read?.toBytes()).toEqual(marksOf(20).toBytes())
  expect([read?.joinedAt, read?.isConfirmed(7, 14, 21), read?.isConfirmed(7, 7, 8)]).toEqual([
    1_750_000_000_000,
    true,
    false,
  ])
})

it('remembers a bounded number of lives, and forgets those of which nothing is kept', () => {
  const marks = marksOf(1_000)
  expect(marks.toBytes().byteLength).toBeLessThan(256 * 50 + 100)
  marks.retain(new Set([999]))
  expect([marks.isConfirmed(999, 0, 999), marks.isConfirmed(1_000, 0, 1_000)]).toEqual([true, false])
})

it('takes for news only what it remembers, so that nothing is written because somebody says the same again and again', () => {
  const marks = new Marks(0)
  for (let seq = 10_000; seq < 12_048; seq += 2) marks.confirm(1, seq, seq + 1)
  const told = [[0, 9_000] as const, [0, 9_000] as const, [10_001, 10_002] as const, [10_001, 10_002] as const]
  expect(told.map(([from, to]) => marks.confirm(1, from, to))).toEqual([false, false, true, false])
})

it('never throws on bytes that are something else', () => {
  const random = seededRandom(1)
  for (let length = 0; length < 400; length++) {
    const bytes = random.bytes(length)
    bytes[0] = 1
    const read = Marks.fromBytes(bytes)
    expect(read === null).toBe(length % 8 !== 1)
  }
})
