// How much slower a room is with liars or sleepers in it, against the same room without them: the same seed, overlay, authors
// and honest nodes; and, with liars, against flooding under the same attack. `HEARSAY_ATTACKED_NODES` is how many nodes there are
// (24), `HEARSAY_SEEDS` are the seeds; prints its numbers.

import { describe, expect, it } from 'vitest'
import { readScenario, runScenario, type Scenario } from '../src/index.js'

const NODES = Number(process.env.HEARSAY_ATTACKED_NODES ?? 24)
const SEEDS = process.env.HEARSAY_SEEDS?.split(',').map(Number) ?? [1]
const MOST = 2

const room = readScenario({ name: 'attacked', nodes: NODES, degree: 8, records: process.env.HEARSAY_SEEDS ? 20 : 12 })

/** Nodes that would lie, and do not until all is said: the same cast, at peace. */
const atPeace = (scenario: Scenario): Scenario => ({
  ...scenario,
  adversaries: scenario.adversaries.map((each) => ({ ...each, atMs: 3_600_000 })),
})

describe(`${NODES} nodes, with and without an attack`, { timeout: 30_000 + SEEDS.length * 60_000 }, () => {
  it.each([
    ['liar', 0.2, 0],
    ['liar', 0.4, 0],
    ['sleeper', 0.2, 4_000],
  ] as const)(
    '%s, %d of all: everything arrives, and 99 in 100 within twice the time, or as fast as flooding',
    (type, share, atMs) => {
      const attacked = { ...room, adversaries: [{ type, share, atMs }] }
      for (const seed of SEEDS) {
        const [peace, attack] = [atPeace(attacked), attacked].map((one) => runScenario(one, { seed }))
        for (const report of [peace, attack]) expect(report).toMatchObject({ missed: 0, violations: [] })
        const [usual, worst] = [peace?.latencyMs.p99 ?? 0, attack?.latencyMs.p99 ?? 0]
        if (process.env.HEARSAY_SEEDS)
          console.log(JSON.stringify({ type, share, seed, nodes: NODES, p99: [usual, worst] }))
        // Flooding takes the shortest paths that are left: where they are longer than that, nobody can be faster.
        const flood = runScenario(attacked, { seed, engine: 'flood' }).latencyMs.p99
        expect(worst).toBeLessThanOrEqual(Math.max(MOST * usual, flood))
        if (type === 'liar') expect(worst).toBeLessThanOrEqual(1.1 * flood)
      }
    },
  )
})
