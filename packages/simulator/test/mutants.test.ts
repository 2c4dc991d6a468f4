// Each planted fault is caught by a scenario, and the same scenario passes without it.

import { describe, expect, it } from 'vitest'
import { runScenario } from '../src/index.js'
import { MUTANTS } from './mutants.js'

const SEED = 5

describe('a planted fault', () => {
  it.each(MUTANTS)('$rule: a machine that $name is caught', ({ mutate, scenario, says, every = 1 }) => {
    const wrap = (engine: Parameters<typeof mutate>[0], node: number) => (node % every === 0 ? mutate(engine) : engine)
    expect(runScenario(scenario, { seed: SEED, wrap }).violations.join('\n')).toMatch(says)
  })

  it.each([...new Set(MUTANTS.map(({ scenario }) => scenario))])('$name alone breaks nothing', (scenario) => {
    expect(runScenario(scenario, { seed: SEED }).violations).toEqual([])
  })
})
