import { createIdentity, createTopic, type Gossip, type PeerId, systemClock } from '@hearsay/core'
import { gossipConformance, runConformance } from '@hearsay/core/conformance'
import { memoryLinkPair } from '@hearsay/core/memory'
import { describe, test } from 'vitest'
import { createGossip, rumor } from '../src/index.js'
import { ENGINES } from './network.js'

describe.each([...ENGINES, ['rumor', () => rumor({ intervalMs: 1 })] as const])('%s', (_name, engine) => {
  describe('this engine keeps the contract of gossip', () => {
    runConformance({
      test,
      suite: gossipConformance,
      create: async () => {
        const topic = createTopic('test')
        const nodes = new Map<Gossip, PeerId>()
        const idOf = (gossip: Gossip): PeerId => nodes.get(gossip) as PeerId
        return {
          async create(count) {
            for (let epoch = 1; epoch <= count; epoch++) {
              const author = createIdentity()
              nodes.set(createGossip({ topic, author, epoch, engine: engine(), clock: systemClock() }), author.id)
            }
            return [...nodes.keys()]
          },
          async link(a, b) {
            const known = new Promise((resolve) => a.on('peer', resolve))
            const [left, right] = memoryLinkPair({ a: idOf(a), b: idOf(b) })
            a.addLink(left)
            b.addLink(right)
            await known
          },
          async close() {
            for (const gossip of nodes.keys()) await gossip.close()
          },
        }
      },
    })
  })
})
