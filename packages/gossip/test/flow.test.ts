// What waits while a reader that must lose nothing lags: which frames, of whom, and how many.

import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../src/machine.js'
import { Flow } from '../src/room/flow.js'

/** A record frame as far as its first byte and its length tell. */
const recordFrame = (bytes = 121): Uint8Array => new Uint8Array(bytes).fill(1, 0, 1)

/** A flow whose reader lags; whose frames were taken. */
function scene() {
  const taken: number[] = []
  const flow = new Flow({ isBusy: () => false, take: (peer) => taken.push(peer), setFlowing: () => {} })
  flow.press(true)
  const hold = (peer: number, count: number): void => {
    for (let times = 0; times < count; times++) if (flow.mustWait(recordFrame())) flow.hold(peer, recordFrame())
  }
  return { flow, taken, hold }
}

describe('while a reader lags', () => {
  it('what may be a record waits, and nothing else, be it as short as its type', () => {
    const { flow } = scene()
    const frames = [recordFrame(), recordFrame(120), recordFrame(1), encodeFrame({ type: 'ack', from: 0, to: 1 })]
    expect(frames.map((frame) => flow.mustWait(frame))).toEqual([true, false, false, false])
  })

  it('no more than 8,192 frames of a peer wait: of one that has more all are taken', () => {
    const { flow, taken, hold } = scene()
    hold(1, 8_192)
    hold(2, 10)
    expect(taken).toEqual([])
    hold(1, 1)
    expect([taken.length, new Set(taken)]).toEqual([8_193, new Set([1])])
    hold(1, 8_192)
    expect(taken.length).toBe(8_193)
    flow.press(false)
    expect(taken.length).toBe(2 * 8_192 + 11)
  })

  it('what was taken counts no more', () => {
    const { flow, taken, hold } = scene()
    for (let times = 1; times < 4; times++) {
      hold(1, 8_000)
      flow.press(false)
      expect(taken.length).toBe(times * 8_000)
      flow.press(true)
    }
    hold(1, 8_000)
    flow.down(1)
    hold(1, 8_000)
    expect(taken.length).toBe(4 * 8_000)
  })
})
