// Large rooms in virtual time. What runs here is a slice; HEARSAY_SWARM=1000 runs the same with so many nodes (docs/long-runs.md).

import { flood, trees } from '@hearsay/gossip/machine'
import { describe, expect, it } from 'vitest'
import { type SwarmOptions, type SwarmReport, simulateSwarm } from '../src/index.js'

const given = Number(process.env.HEARSAY_SWARM ?? 0)
const nodes = given || 40
const seeds = process.env.HEARSAY_SEEDS?.split(',').map(Number) ?? [1]
const records = Number(process.env.HEARSAY_RECORDS ?? 50)
/** What each author says while the room is apart. */
const apart = Number(process.env.HEARSAY_APART ?? 50)
const timeout = given ? 600_000 : 30_000
const LIMITS = { capacity: 2_000 }

function run(name: string, options: SwarmOptions): SwarmReport {
  const startedAt = performance.now()
  const report = simulateSwarm(options)
  if (given) {
    const { violations, ...numbers } = report
    console.log(name, Math.round(performance.now() - startedAt), 'ms', JSON.stringify(numbers), violations.slice(0, 5))
  }
  return report
}

describe.each(seeds)('a swarm (seed %i)', (seed) => {
  const base = { seed, nodes, authors: given ? 20 : 4, records: given ? records : 12 }

  it('loses nothing, is about as fast as flooding, and sends hardly anything twice', { timeout }, () => {
    const flooded = run('flood', { ...base, engine: flood(LIMITS) })
    const grown = run('trees', { ...base, engine: trees(LIMITS) })
    for (const report of [flooded, grown]) expect(report).toMatchObject({ missed: 0, gaps: 0, violations: [] })
    expect(grown.latencyMs.p50).toBeLessThanOrEqual(flooded.latencyMs.p50 * 1.1)
    expect(grown.latencyMs.p99).toBeLessThanOrEqual(flooded.latencyMs.p99 * 1.1)
    expect(grown.redundantWarm).toBeLessThanOrEqual(0.05)
    expect(grown.controlBytes).toBeLessThanOrEqual(50)
  })

  it('brings all that a survivor has to every survivor when half of it vanishes at once', { timeout }, () => {
    const report = run('crash', { ...base, engine: trees(LIMITS), fault: { type: 'crash', share: 0.5 } })
    expect(report).toMatchObject({ missed: 0, violations: [] })
  })

  it.each([2, 8])('has everything everywhere when %i parts are one again', { timeout }, (parts) => {
    const small = { ...base, nodes: given ? 64 : 32 }
    const report = run(`split ${parts}`, { ...small, engine: trees(LIMITS), fault: { type: 'split', parts } })
    expect(report).toMatchObject({ missed: 0, violations: [] })
  })

  it('sends little more than what was missing when parts that said much are one again', { timeout }, () => {
    // A third is said before the split.
    const said = { authors: 8, records: Math.floor(apart * 1.5), intervalMs: 600_000 / (apart * 1.5) }
    const report = run('apart', { seed, nodes: given || 24, ...said, fault: { type: 'split', parts: 8 } })
    expect(report).toMatchObject({ missed: 0, gaps: 0, violations: [] })
    expect(report.healingBytes).toBeLessThanOrEqual(1.1)
  })

  it('loses nothing if some flood and some grow trees', { timeout }, () => {
    const engine = (node: number) => (node % 2 === 0 ? trees(LIMITS) : flood(LIMITS))
    expect(run('mixed', { ...base, engine })).toMatchObject({ missed: 0, gaps: 0, violations: [] })
  })

  it('keeps its trees, and loses nothing, when every frame takes longer by chance', { timeout }, () => {
    const [flooded, grown] = [flood, trees].map((engine) =>
      run('jitter', { ...base, jitterMs: 20, engine: engine(LIMITS) }),
    ) as [SwarmReport, SwarmReport]
    expect(grown).toMatchObject({ missed: 0, gaps: 0, violations: [] })
    expect(grown.latencyMs.p99).toBeLessThanOrEqual(flooded.latencyMs.p99 * 1.5)
    expect(grown.redundantWarm).toBeLessThanOrEqual(0.2)
  })

  it('has the same trace for the same seed, and another for another', { timeout }, () => {
    const traces = [seed, seed, seed + 1].map(
      (one) => simulateSwarm({ ...base, nodes: 30, seed: one, fault: { type: 'crash', share: 0.5 } }).trace,
    )
    expect(traces[1]).toBe(traces[0])
    expect(traces[2]).not.toBe(traces[0])
  })
})
