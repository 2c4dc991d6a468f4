// What a machine says that it holds is what it holds.

import { describe, expect, it } from 'vitest'
import { createBench, identityOf, recordOf } from './frame-bench.js'

const ADRIFT = { holdMs: 600_000, settleMs: 600_000 }

const SIZE = 1_000

/** Within one part in a hundred. */
function expectAbout(bytes: number, real: number): void {
  expect(bytes).toBeGreaterThanOrEqual(real * 0.99)
  expect(bytes).toBeLessThanOrEqual(real * 1.01)
}

describe('the accounts of a machine', () => {
  it('say how many messages and bytes are retained, and lose what the history lets go', () => {
    const bench = createBench(undefined, 2, { capacity: 10 })
    const records = Array.from({ length: 25 }, (_, seq) => recordOf(seq, SIZE))
    for (const record of records) bench.record(1, record)
    const { history } = bench.machine.accounts?.() ?? {}
    expect(history).toMatchObject({ entries: 10, maxEntries: 10 })
    expectAbout(history?.bytes ?? 0, 10 * SIZE)
  })

  it('say how many records wait for an earlier one, and that none do once it is here', () => {
    const bench = createBench(undefined, 2, ADRIFT)
    const late = [3, 4, 5].map((seq) => recordOf(seq, SIZE))
    bench.record(1, recordOf(0, SIZE))
    for (const record of late) bench.record(1, record)
    const { held } = bench.machine.accounts?.() ?? {}
    expect(held?.entries).toBe(3)
    // A view of each payload is counted with it.
    expect(held?.bytes).toBeGreaterThanOrEqual(3 * SIZE)
    for (const seq of [1, 2]) bench.record(1, recordOf(seq, SIZE))
    expect(bench.machine.accounts?.()?.held).toMatchObject({ entries: 0, bytes: 0 })
  })

  it('say how many records the application thinks about', () => {
    const bench = createBench(undefined, 2, {}, { judges: true })
    const records = [0, 1, 2].map((seq) => recordOf(seq, SIZE))
    for (const record of records) bench.record(1, record)
    const { judged } = bench.machine.accounts?.() ?? {}
    expect(judged?.entries).toBe(3)
    expectAbout(judged?.bytes ?? 0, 3 * SIZE)
    for (const ticket of [1, 2, 3]) bench.machine.handle({ type: 'verdict', ticket, verdict: 'accept' }, 0)
    expect(bench.machine.accounts?.()?.judged).toMatchObject({ entries: 0, bytes: 0 })
  })

  it('count promises, authors and trees, within their bounds', () => {
    const bench = createBench(undefined, 2, { maxEpochs: 2 })
    for (const seed of [3, 4, 5]) bench.record(1, recordOf(0, 5, identityOf(seed)))
    bench.tell(2, 'have', [recordOf(7), recordOf(8)])
    const accounts = bench.machine.accounts?.()
    expect(accounts?.places).toMatchObject({ entries: 2, maxEntries: 2 })
    expect(accounts?.ends?.entries).toBe(1)
    expect(accounts?.trees?.entries).toBe(3)
    expect(accounts?.wants?.entries).toBeGreaterThanOrEqual(1)
    expect(accounts?.wants?.maxEntries).toBe(2 * 1_024)
  })
})
