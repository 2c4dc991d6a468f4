// Who publishes faster than peers take waits for those that keep taking, and not for those that have stopped.

import { describe, expect, it } from 'vitest'
import { Pacing, STOPPED_MS, type Weight, weightOf } from '../src/room/pacing.js'

const ANY = { messages: 10, bytes: 1_000 }

/** Messages that go in one frame. */
const small = (bytes: number): Weight => ({ bytes, light: bytes })

function pacing(...peers: readonly number[]): Pacing {
  return paced({ any: ANY, most: ANY }, peers)
}

function paced(bounds: ConstructorParameters<typeof Pacing>[0], peers: readonly number[]): Pacing {
  const made = new Pacing(bounds)
  for (const peer of peers) made.up(peer, 0)
  return made
}

describe('whoever publishes', () => {
  it.each([
    [9, null],
    [10, STOPPED_MS],
    [11, STOPPED_MS],
  ])('is held if a peer is ten messages behind, for a while: %i behind', (messages, until) => {
    const pace = pacing(1)
    for (let to = 1; to <= messages; to++) pace.signed(to, small(1), 0)
    expect(pace.heldUntil(0)).toBe(until)
  })

  it.each([
    [999, null],
    [1_000, STOPPED_MS],
  ])('is held if a peer is a thousand bytes behind: %i', (bytes, until) => {
    const pace = pacing(1)
    pace.signed(1, small(5_000), 0)
    pace.pushed(1, 1, 0)
    pace.signed(2, small(600), 0)
    pace.signed(3, small(bytes - 600), 0)
    expect(pace.heldUntil(0)).toBe(until)
  })

  it.each([
    [3, 4, null],
    [3, 5, STOPPED_MS],
    [2, 10, STOPPED_MS],
    [2, 9, null],
    [0, 9, null],
  ])('is held sooner if more than half of four are behind: %i of them, %i messages', (late, messages, until) => {
    const pace = paced({ any: ANY, most: { messages: 5, bytes: 1_000 } }, [1, 2, 3, 4])
    for (let to = 1; to <= messages; to++) pace.signed(to, small(1), 0)
    for (const peer of [1, 2, 3, 4].slice(late)) pace.pushed(peer, messages, 0)
    expect(pace.heldUntil(0)).toBe(until)
  })

  it('is not held because of what is large, before any peer is too far behind with everything', () => {
    const large = weightOf([new Uint8Array(100_000), new Uint8Array(10)])
    expect(large).toEqual({ bytes: 100_010, light: 10 })
    const pace = paced({ any: { messages: 10, bytes: 200_021 }, most: { messages: 10, bytes: 1_000 } }, [1, 2])
    for (const to of [2, 4]) pace.signed(to, large, 0)
    expect(pace.heldUntil(0)).toBeNull()
    pace.signed(5, small(1), 0)
    expect(pace.heldUntil(0)).toBe(STOPPED_MS)
  })

  it('is not held because of peers that have stopped', () => {
    const pace = paced({ any: ANY, most: { messages: 5, bytes: 1_000 } }, [1, 2, 3])
    pace.signed(6, small(6), 0)
    pace.pushed(3, 6, STOPPED_MS - 1)
    expect(pace.heldUntil(STOPPED_MS - 1)).toBe(STOPPED_MS)
    expect(pace.heldUntil(STOPPED_MS)).toBeNull()
  })

  it('goes on when that peer has caught up, left, or taken nothing for a second', () => {
    for (const [release, at] of [
      [(pace: Pacing) => pace.pushed(1, 5, 10), 10],
      [(pace: Pacing) => pace.down(1), 10],
      [() => {}, STOPPED_MS],
    ] as const) {
      const pace = pacing(1)
      pace.signed(12, small(1), 0)
      expect(pace.heldUntil(10)).toBe(STOPPED_MS)
      release(pace)
      expect(pace.heldUntil(at)).toBeNull()
    }
  })

  it('waits as long as a slow peer takes something now and then', () => {
    const pace = pacing(1, 2)
    pace.signed(100, small(1), 0)
    pace.pushed(2, 100, 0)
    for (let step = 1; step <= 20; step++) {
      pace.pushed(1, step, step * 900)
      expect(pace.heldUntil(step * 900 + 899)).toBe(step * 900 + STOPPED_MS)
    }
  })

  it('does not count the time in which there was nothing to take', () => {
    const pace = pacing(1)
    pace.signed(12, small(1), 60_000)
    expect(pace.heldUntil(60_500)).toBe(60_000 + STOPPED_MS)
  })
})
