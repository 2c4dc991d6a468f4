import type { Gossip } from '@hearsay/core'
import { gossipConformance, runConformance } from '@hearsay/core/conformance'
import { memoryLinkPair } from '@hearsay/core/memory'
import { describe, test } from 'vitest'
import { at, createNetwork, ENGINES, type TestNode } from './network.js'

describe.each(ENGINES)('%s', (_name, engine) => {
  describe('this engine keeps the contract of gossip', () => {
    runConformance({
      test,
      suite: gossipConformance,
      create: async () => {
        let nodes: readonly TestNode[] = []
        const idOf = (gossip: Gossip) =>
          at(
            nodes,
            nodes.findIndex((node) => node.gossip === gossip),
          ).identity.id
        return {
          async create(count) {
            nodes = createNetwork(count, engine()).nodes
            return nodes.map(({ gossip }) => gossip)
          },
          async link(a, b) {
            const known = new Promise((resolve) => a.on('peer', resolve))
            const [left, right] = memoryLinkPair({ a: idOf(a), b: idOf(b) })
            a.addLink(left)
            b.addLink(right)
            await known
          },
          async close() {
            for (const { gossip } of nodes) await gossip.close()
          },
        }
      },
    })
  })
})
