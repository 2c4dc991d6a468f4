import {
  type Candidate,
  createIdentity,
  type PeerId,
  parseAddress,
  printAddress,
  seededRandom,
  type Transport,
} from '@hearsay/core'
import { type ConnectorFixture, connectorConformance, runConformance } from '@hearsay/core/conformance'
import { memoryHub, memoryTransport, virtualClock } from '@hearsay/core/memory'
import { createPool } from '@hearsay/transport'
import { describe, it } from 'vitest'

/** Tells of every dial. */
function watched(transport: Transport, onDial: (address: string) => void): Transport {
  return {
    scheme: transport.scheme,
    capabilities: transport.capabilities,
    listen: (options, onStream) => transport.listen(options, onStream),
    dial(address, options) {
      onDial(printAddress(address))
      return transport.dial(address, options)
    },
    close: () => transport.close(),
  }
}

async function create(): Promise<ConnectorFixture> {
  const hub = memoryHub()
  const clock = virtualClock()
  const random = seededRandom(5)
  const common = { clock, random, network: 'test', limits: { graceMs: 1_000 } }
  const names = ['one', 'two', 'three']
  const remotes = names.map((name) => {
    const identity = createIdentity()
    return { name, identity, pool: createPool({ ...common, identity, transports: [memoryTransport(hub)] }) }
  })
  for (const { name, pool } of remotes) await pool.listen({ host: name })
  const dials: string[] = []
  const pool = createPool({
    ...common,
    identity: createIdentity(),
    transports: [watched(memoryTransport(hub), (address) => dials.push(address))],
  })
  const candidateOf = (name: string, peer: PeerId): Candidate => {
    return { peer, addresses: [parseAddress(`memory://${name}`)], source: 'test' }
  }
  const targets = remotes.map(({ name, identity }) => candidateOf(name, identity.id))
  return {
    connector: pool,
    targets: targets as unknown as ConnectorFixture['targets'],
    dead: candidateOf('nobody', createIdentity().id),
    offer: (candidate, topic) => pool.offer(candidate, topic),
    linked: () => [...pool.links.keys()],
    dialled: () =>
      dials.map((dial) => targets.find(({ addresses }) => addresses.map(printAddress).includes(dial))?.peer ?? null),
    settle: () => clock.play(20_000),
    async close() {
      const closing = Promise.all([pool, ...remotes.map((remote) => remote.pool)].map((each) => each.close()))
      await clock.play(5_000)
      await closing
    },
  }
}

describe('a pool keeps the promises of a connector', () => {
  runConformance({ test: it, create, suite: connectorConformance })
})
