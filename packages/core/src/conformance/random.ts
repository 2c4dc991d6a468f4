// What every source of randomness promises. The bounds are so wide that a fair source fails once in 10^9 runs or less.

import type { Random } from '../contracts/random.js'
import { attempt, type ConformanceCase } from './case.js'

export const randomConformance: readonly ConformanceCase<Random>[] = [
  {
    name: 'gives as many bytes as asked for',
    async run(create, assert) {
      const random = await create()
      for (const length of [0, 1, 31, 1_000]) assert.equal(random.bytes(length).byteLength, length)
    },
  },
  {
    name: 'gives other bytes each time, in memory of their own',
    async run(create, assert) {
      const random = await create()
      const first = random.bytes(16)
      const copy = [...first]
      const second = random.bytes(16)
      assert.ok(String(first) !== String(second), 'different')
      second.fill(0)
      assert.equal([...first], copy)
    },
  },
  {
    name: 'gives every byte about equally often',
    async run(create, assert) {
      const random = await create()
      const counts = new Array<number>(256).fill(0)
      for (const byte of random.bytes(65_536)) counts[byte] = (counts[byte] ?? 0) + 1
      assert.ok(
        counts.every((count) => count > 128 && count < 384),
        `${counts}`,
      )
    },
  },
  {
    name: 'draws every integer below the limit about equally often, and no other',
    async run(create, assert) {
      const random = await create()
      const counts = new Map<number, number>()
      for (let draw = 0; draw < 6_000; draw++) {
        const value = random.below(6)
        counts.set(value, (counts.get(value) ?? 0) + 1)
      }
      assert.equal(
        [...counts.keys()].sort((a, b) => a - b),
        [0, 1, 2, 3, 4, 5],
      )
      assert.ok(
        [...counts.values()].every((count) => count > 750 && count < 1_250),
        `${[...counts]}`,
      )
    },
  },
  {
    name: 'does not favour small integers below a limit that does not divide 2^32',
    async run(create, assert) {
      const random = await create()
      // Without rejection the lower half of this range would come twice as often as the upper.
      const limit = 3 * 2 ** 30
      let low = 0
      for (let draw = 0; draw < 3_000; draw++) if (random.below(limit) < limit / 3) low++
      assert.ok(low > 800 && low < 1_200, `${low} of 3000 in the lowest third`)
    },
  },
  {
    name: 'draws from the widest and the narrowest range',
    async run(create, assert) {
      const random = await create()
      assert.equal(random.below(1), 0)
      const draws = Array.from({ length: 64 }, () => random.below(2 ** 32))
      assert.ok(draws.some((draw) => draw >= 2 ** 31) && draws.some((draw) => draw < 2 ** 31), `${draws}`)
    },
  },
  {
    name: 'throws for a limit that is no integer in [1, 2^32]',
    async run(create, assert) {
      const random = await create()
      for (const limit of [0, -1, 1.5, Number.NaN, 2 ** 32 + 1]) {
        const outcome = await attempt(() => random.below(limit)).catch((error: unknown) => error)
        assert.ok(outcome instanceof TypeError, `below(${limit}) throws TypeError`)
      }
    },
  },
]
