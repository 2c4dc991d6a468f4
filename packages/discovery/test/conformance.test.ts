import { type Address, type Discovery, parseAddress } from '@hearsay/core'
import { type DiscoveryFixture, discoveryConformance, runConformance } from '@hearsay/core/conformance'
import { memoryDiscovery, memoryHub } from '@hearsay/core/memory'
import { describe, test } from 'vitest'
import { composeDiscoveries, createBootstrapServer, dhtNode, hyperdht, mainline, mdns, seeds } from '../src/index.js'
import { mainlineNetwork } from './support/mainline-network.js'
import { freePort } from './support/port.js'

const host = '127.0.0.1'
const address = (n: number): Address => parseAddress(`tcp://127.0.0.1:${4_000 + n}`)

function fixtureOf(create: () => Discovery, end: () => Promise<void> = async () => {}): DiscoveryFixture {
  const nodes = [create(), create(), create()] as const
  return {
    nodes,
    address,
    async close() {
      await Promise.all(nodes.map((node) => node.close()))
      await end()
    },
  }
}

describe('mdns', () => {
  const create = async (): Promise<DiscoveryFixture> => {
    const port = await freePort()
    return fixtureOf(() => mdns({ host, port }))
  }
  runConformance({ test, create, suite: discoveryConformance })
})

describe('hyperdht', () => {
  const create = async (): Promise<DiscoveryFixture> => {
    const network = await createBootstrapServer({ host })
    return fixtureOf(() => hyperdht({ host, port: 0, bootstrap: [network.address] }), network.close)
  }
  runConformance({ test, create, suite: discoveryConformance })
})

describe('hyperdht over a node that its maker keeps', () => {
  const create = async (): Promise<DiscoveryFixture> => {
    const network = await createBootstrapServer({ host })
    const kept = [1, 2, 3].map(() => dhtNode({ host, port: 0, bootstrap: [network.address] }))
    const rest = [...kept]
    const end = async (): Promise<void> => {
      await Promise.all(kept.map((node) => node.close()))
      await network.close()
    }
    return fixtureOf(() => {
      const node = rest.pop()
      return hyperdht(node ? { node } : {})
    }, end)
  }
  runConformance({ test, create, suite: discoveryConformance })
})

describe('mainline, except that BEP 5 has no withdrawal:', () => {
  const create = async (): Promise<DiscoveryFixture> => {
    const network = await mainlineNetwork()
    return fixtureOf(() => mainline({ host, bootstrap: [network.address] }), network.close)
  }
  const suite = discoveryConformance.filter(({ name }) => name !== 'does not find who has left')
  runConformance({ test, create, suite })
})

describe('composed, except that candidates keep the name of the part that found them:', () => {
  const create = async (): Promise<DiscoveryFixture> => {
    const hub = memoryHub()
    return fixtureOf(() => composeDiscoveries([memoryDiscovery(hub), seeds([])]))
  }
  const suite = discoveryConformance.filter(({ name }) => !name.startsWith('says who found the candidate'))
  // Only memory finds somebody here, and it identifies whom it finds; the seeds, which do not, are none.
  runConformance({ test, create: async () => identifying(await create()), suite })
})

function identifying(fixture: DiscoveryFixture): DiscoveryFixture {
  const [one, two, three] = fixture.nodes
  const identify = (node: Discovery): Discovery => ({ ...node, capabilities: { identifies: true, local: true } })
  return { ...fixture, nodes: [identify(one), identify(two), identify(three)] }
}
