// Authors who say two things for one place: how soon every honest node is told.

import { decodeFrame } from '@hearsay/gossip/machine'
import { describe, expect, it } from 'vitest'
import { readScenario, runScenario, twisted } from '../src/index.js'

const equivocation = readScenario({
  ...{ name: 'forks', nodes: 24, authors: 3, records: 6 },
  adversaries: [{ type: 'equivocator', share: 0.1 }],
})

describe('an author who says two things for one place', () => {
  it.each(['trees', 'flood', 'rumor'] as const)(
    'is known to all within two seconds where nothing fails (%s)',
    (engine) => {
      const report = runScenario(equivocation, { seed: 1, engine })
      expect(report).toMatchObject({ missed: 0, violations: [] })
      expect(report.forkMs).toBeGreaterThan(0)
      expect(report.forkMs).toBeLessThan(2_000)
    },
  )

  it('is known to all within ten seconds, a thousand records later, of which the last hundred are held', {
    timeout: 120_000,
  }, () => {
    const scenario = readScenario({
      ...{
        name: 'recanting',
        nodes: 8,
        degree: 3,
        authors: 1,
        records: 1_005,
        intervalMs: 40,
        room: { capacity: 200 },
      },
      adversaries: [{ type: 'recanter', share: 0.13 }],
    })
    const report = runScenario(scenario, { seed: 1 })
    expect(report).toMatchObject({ missed: 0, violations: [] })
    expect(report.forkMs).toBeLessThan(10_000)
  })

  it('is known to those who come when it is over, and ask for what was said before', () => {
    const late = readScenario({
      ...{ name: 'late', nodes: 24, authors: 3, records: 30, room: { since: 'all' } },
      faults: [{ type: 'restart', share: 0.5, atMs: 8_000, forMs: 2_000, state: 'lost' }],
      adversaries: [{ type: 'equivocator', share: 0.1 }],
    })
    for (const seed of [1, 2, 3]) expect(runScenario(late, { seed })).toMatchObject({ missed: 0, violations: [] })
  })

  it('fails a run in which some are told so late', () => {
    const late = runScenario(equivocation, {
      seed: 1,
      wrap: (engine) =>
        twisted(engine, () => ({
          hear: (input, now) => {
            const isProof = input.type === 'frame' && decodeFrame(input.frame).type === 'fork'
            return isProof && now < 15_000 ? [] : [input]
          },
        })),
    })
    expect(late.violations[0]).toMatch(/nodes were not told of the fork of node \d+ in time/)
  })
})
