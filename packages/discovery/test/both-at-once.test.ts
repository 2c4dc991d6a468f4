// Two fresh nodes join one topic at the same moment, again and again: every time both must hear of each other. HEARSAY_RUNS
// says how often; the network stays, and with it what it remembers of nodes that have gone.

import type { Candidate, Discovery, DiscoveryJoin } from '@hearsay/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createBootstrapServer, hyperdht, mainline } from '../src/index.js'
import { mainlineNetwork } from './support/mainline-network.js'
import { freshTopic, nextCandidate, wishOf } from './support/wish.js'

const RUNS = Number(process.env.HEARSAY_RUNS ?? 20)
const DEADLINE_MS = 5_000
const host = '127.0.0.1'

interface Network {
  readonly address: string
  close(): Promise<void>
}

const kinds: [string, () => Promise<Network>, (bootstrap: readonly string[]) => Discovery][] = [
  ['hyperdht', () => createBootstrapServer({ host }), (bootstrap) => hyperdht({ host, port: 0, bootstrap })],
  ['mainline', () => mainlineNetwork(), (bootstrap) => mainline({ host, bootstrap })],
]

describe.each(kinds)('%s', (name, createNetwork, create) => {
  let network: Network
  beforeAll(async () => {
    network = await createNetwork()
  })
  afterAll(() => network.close())

  async function meet(run: number): Promise<number> {
    const both = [create([network.address]), create([network.address])] as const
    // Each pair has ports of its own: what earlier ones said may still be told.
    const wishes = [wishOf(2_000 + 2 * run), wishOf(2_001 + 2 * run)] as const
    const topic = freshTopic()
    const start = performance.now()
    const [one, other] = [both[0].join(topic, wishes[0]), both[1].join(topic, wishes[1])]
    await Promise.all([nextCandidate(one, isOf(wishes[1])), nextCandidate(other, isOf(wishes[0]))])
    const took = performance.now() - start
    await Promise.all(both.map((each) => each.close()))
    return took
  }

  test(
    `two nodes that join in the same moment hear of each other, ${RUNS} times of ${RUNS}`,
    async () => {
      const times: number[] = []
      for (let run = 0; run < RUNS; run++) times.push(await meet(run))
      times.sort((a, b) => a - b)
      const at = (share: number): number => Math.round(times[Math.ceil(times.length * share) - 1] ?? 0)
      console.log(`${name}: ${times.length} of ${RUNS}, ms: p50 ${at(0.5)}, p99 ${at(0.99)}, most ${at(1)}`)
      expect(times).toHaveLength(RUNS)
      expect(at(1)).toBeLessThan(DEADLINE_MS)
    },
    10_000 + RUNS * DEADLINE_MS,
  )
})

function isOf({ identity, port }: DiscoveryJoin): (candidate: Candidate) => boolean {
  return ({ peer, addresses }) => (peer ? peer === identity.id : addresses[0]?.port === port)
}
