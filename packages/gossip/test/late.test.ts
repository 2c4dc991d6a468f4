// Where messages stand in the history that came after their gap was told.

import { seededRandom } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { LateOnes } from '../src/room/late.js'

/** So many records of so many messages each, the last first, one position after another. */
function descending(records: number, messages: number): LateOnes {
  const late = new LateOnes()
  let position = 0
  for (let record = records - 1; record >= 0; record--) {
    for (let index = 0; index < messages; index++)
      late.add('a', { seq: record * messages + index, position: position++ })
  }
  return late
}

describe('messages that came late', () => {
  it('are found and go like those of a plain list, in whatever order their records came', () => {
    const random = seededRandom(7)
    const late = new LateOnes()
    const plain: { seq: number; position: number }[] = []
    const left = Array.from({ length: 60 }, (_, record) => record)
    let [position, gone] = [0, 0]
    while (left.length > 0) {
      const [record = 0] = left.splice(random.below(left.length), 1)
      for (let seq = record * 5; seq < record * 5 + 1 + (record % 5); seq++) {
        const one = { seq, position: position++ }
        late.add('a', one)
        plain.push(one)
      }
      position += random.below(2)
      for (let times = random.below(4); times > 0 && gone < plain.length; times--) {
        late.remove('a', plain[gone++]?.seq ?? -1)
      }
      const from = random.below(300)
      const to = from + random.below(100)
      const held = plain.slice(gone).filter(({ seq }) => from <= seq && seq < to)
      const expected = held.sort((one, other) => one.seq - other.seq).map((one) => one.position)
      expect(late.within('a', from, to)).toEqual(expected)
    }
    while (gone < plain.length) late.remove('a', plain[gone++]?.seq ?? -1)
    expect(late.isEmpty).toBe(true)
  })

  it('cost as much the last first as the first first: half a million, of records of a thousand', () => {
    const late = descending(500, 1_000)
    expect(late.within('a', 999, 1_002)).toEqual([499_999, 498_000, 498_001])
  })
})
