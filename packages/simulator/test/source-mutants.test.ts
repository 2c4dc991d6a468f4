// Each fault that is planted in the sources of gossip is caught by a scenario, and the same scenario passes without it.

import type * as GossipMachine from '@hearsay/gossip/machine'
import { describe, expect, it } from 'vitest'
import { withFault } from '../../../tools/planted-fault.js'
import { runScenario, type Scenario } from '../src/index.js'
import { SOURCE_MUTANTS, type SourceMutant } from './source-mutants.js'

const SEED = 5

async function violationsOf({ scenario, engine = 'trees', ...fault }: SourceMutant): Promise<readonly string[]> {
  const { file, find, put } = fault
  const gossip: typeof GossipMachine = await import(withFault('gossip/src/machine.ts', { file, find, put }))
  return runScenario(scenario, {
    ...{ seed: SEED, engine },
    wrap: ({ limits }) => gossip[engine](limits),
    talk: gossip,
  }).violations
}

describe('a fault in the sources of gossip', () => {
  it.each(SOURCE_MUTANTS)('$rule: one that $name is caught', async (mutant) => {
    expect((await violationsOf(mutant)).join('\n')).toMatch(mutant.says)
  })

  const plain = new Map<Scenario, SourceMutant>(SOURCE_MUTANTS.map((mutant) => [mutant.scenario, mutant]))
  it.each([...plain.values()])('$scenario.name alone breaks nothing', ({ scenario, engine = 'trees' }) => {
    expect(runScenario(scenario, { seed: SEED, engine }).violations).toEqual([])
  })
})
