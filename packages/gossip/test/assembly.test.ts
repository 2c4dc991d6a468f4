// Whom a large record is asked of, and for how long who sends nothing of it is waited for.

import { describe, expect, it } from 'vitest'
import { Assembly } from '../src/large/assembly.js'
import type { Arrival } from '../src/machine/arrivals.js'

/** Parts of which none ever comes. */
const arrival = { body: { count: 4, missing: () => [{ from: 0, to: 4 }] } } as unknown as Arrival

describe('a large record that its neighbours announce and do not send', () => {
  it('is asked of one after another for half a second each, and of the first again for twice as long', () => {
    const assembly = new Assembly({ arrival, position: 0, feeder: 1, from: null, now: 0 })
    for (const peer of [1, 2, 3, 4]) assembly.hold(peer)
    let now = 0
    const turns: [peer: number | null, ms: number][] = []
    for (let turn = 0; turn < 6; turn++) {
      assembly.ask(4, now)
      const from = now
      while (!assembly.isStalled(now)) now += 50
      turns.push([assembly.feeder, now - from])
      assembly.turnTo(
        assembly.choose(() => false),
        now,
      )
    }
    expect(turns.slice(0, 4).map(([, ms]) => ms)).toEqual([500, 500, 500, 500])
    expect(new Set(turns.slice(0, 4).map(([peer]) => peer))).toEqual(new Set([1, 2, 3, 4]))
    expect(turns[5]?.[1]).toBe(1_000)
  })
})
