// Each fault that is planted in the sources of membership and of the pool is caught by a crowd, which is well without it.

import type * as GossipMachine from '@hearsay/gossip/machine'
import type * as TransportMachine from '@hearsay/transport/machine'
import { describe, expect, it } from 'vitest'
import { withFault } from '../../../tools/planted-fault.js'
import { type CrowdTrial, tryCrowd } from '../src/index.js'
import { OVERLAY_MUTANTS, type OverlayMutant } from './overlay-mutants.js'

const SEED = 2

async function machinesOf({ file, find, put }: OverlayMutant): Promise<Partial<Parameters<typeof tryCrowd>[1]>> {
  const fault = { file, find, put }
  if (file.startsWith('transport/')) {
    const transport: typeof TransportMachine = await import(withFault('transport/src/machine.ts', fault))
    return { createPool: (options) => new transport.PoolMachine(options) }
  }
  const gossip: typeof GossipMachine = await import(withFault('gossip/src/machine.ts', fault))
  return { createMembership: (options) => new gossip.MembershipMachine(options) }
}

describe('a fault in the sources of an overlay', () => {
  it.each(OVERLAY_MUTANTS)('$rule: one that $name is caught', async (mutant) => {
    const violations = tryCrowd(mutant.trial, { seed: SEED, ...(await machinesOf(mutant)) })
    expect(violations.join('\n')).toMatch(mutant.says)
  })

  it.each([...new Set<CrowdTrial>(OVERLAY_MUTANTS.map(({ trial }) => trial))])('$name alone is well', (trial) => {
    expect(tryCrowd(trial, { seed: SEED })).toEqual([])
  })
})
