// LEDBAT in virtual time, on a bottleneck of 20 Mbit/s with a deep queue and 40 ms there and back; and the pictures of it in
// docs/utp, which are what the simulator draws.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type ContentionSample, contend, ratesOf, utpPlots } from '../src/index.js'

const RATE = 20e6

function meanQueue(samples: readonly ContentionSample[], from: number, to: number): number {
  const during = samples.filter(({ at }) => at >= from && at < to)
  return during.reduce((sum, { queueMs }) => sum + queueMs, 0) / during.length
}

/** Jain's index of fairness: 1 is equal. */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0)
  return sum ** 2 / (shares.length * shares.reduce((a, b) => a + b * b, 0))
}

describe('LEDBAT', () => {
  it('alone fills nine tenths of the link, with a queue of about 100 ms', () => {
    const samples = contend({ seconds: 40, startsAt: [0] })
    const [rate = 0] = ratesOf(samples, 5, 40)
    const queue = meanQueue(samples, 5, 40)
    console.log(`alone: ${(rate / 1e6).toFixed(2)} Mbit/s, queue ${queue.toFixed(0)} ms`)
    expect(rate / RATE).toBeGreaterThan(0.9)
    expect(queue).toBeGreaterThan(70)
    expect(queue).toBeLessThan(130)
  })

  it('shares fairly between two that begin together, and with one that comes later', { timeout: 120_000 }, () => {
    for (const late of [0, 0.5, 20]) {
      const samples = contend({ seconds: 80, startsAt: [0, late] })
      const shares = ratesOf(samples, 50, 80)
      console.log(
        `two, ${late} s apart: ${shares.map((each) => (each / 1e6).toFixed(1)).join(' and ')} Mbit/s, Jain ${jain(shares).toFixed(3)}, queue ${meanQueue(samples, 50, 80).toFixed(0)} ms`,
      )
      expect([late, jain(shares) >= 0.9]).toEqual([late, true])
      expect(shares.reduce((a, b) => a + b, 0) / RATE).toBeGreaterThan(0.9)
    }
  })

  it('yields to a flow that only loss can slow down', () => {
    const samples = contend({ seconds: 40, startsAt: [0], lossBasedAt: 10 })
    const [ours = 0, theirs = 0] = ratesOf(samples, 20, 40)
    console.log(`beside Reno: ours ${(ours / 1e6).toFixed(2)}, Reno ${(theirs / 1e6).toFixed(2)} Mbit/s`)
    expect(ours).toBeLessThan(theirs / 4)
    expect(theirs / RATE).toBeGreaterThan(0.8)
  })

  it('is drawn in docs/utp as it is: `node tools/utp-plots.mjs` draws it again', { timeout: 120_000 }, () => {
    for (const { file, svg } of utpPlots()) {
      const there = readFileSync(fileURLToPath(new URL(`../../../docs/utp/${file}`, import.meta.url)), 'utf8')
      expect([file, there === svg]).toEqual([file, true])
    }
  })
})
