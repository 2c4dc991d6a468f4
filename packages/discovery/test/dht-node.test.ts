// One HyperDHT node for several parts of a program: when it opens, what it tells, who closes it, what it stores for others.

import { createSocket } from 'node:dgram'
import { type Discovery, hostAddress, parseAddress } from '@hearsay/core'
import HyperDHT from 'hyperdht'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { externalGuess, type OwnPlace } from '../src/hyperdht/external.js'
import {
  type BootstrapServer,
  createBootstrapServer,
  type DhtNodeOptions,
  dhtNode,
  hyperdht,
  type SharedDht,
} from '../src/index.js'
import { freshTopic, nextCandidate, wishOf } from './support/wish.js'

const host = '127.0.0.1'
let network: BootstrapServer
beforeAll(async () => {
  network = await createBootstrapServer({ host })
})
afterAll(() => network.close())

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

function node(options: DhtNodeOptions = {}): SharedDht {
  const one = dhtNode({ bootstrap: [network.address], host, port: 0, ...options })
  opened.push(one)
  return one
}

function over(shared: SharedDht): Discovery {
  const one = hyperdht({ node: shared })
  opened.push(one)
  return one
}

const portOf = async (shared: SharedDht): Promise<number> => ((await shared.open()) as HyperDHT).address().port

describe('a shared node', () => {
  test('is one node, whoever opens it, and outlives the discoveries that use it', async () => {
    const shared = node()
    const [a, b] = [over(shared), over(shared)]
    const [topic, wish] = [freshTopic(), wishOf(4_001)]
    a.join(topic, wish)
    const library = await shared.open()
    expect((await nextCandidate(b.join(topic, wishOf(null, { announce: false })))).peer).toBe(wish.identity.id)
    await Promise.all([a.close(), b.close()])
    expect(await shared.open()).toBe(library)
    expect((library as { destroyed: boolean }).destroyed).toBe(false)
  })

  test('opens nothing before it is needed, and nothing after it was closed', async () => {
    const holder = createSocket('udp4')
    await new Promise<void>((resolve) => holder.bind(0, host, resolve))
    const { port } = holder.address()
    // Making the node and a discovery over it does not take the port: it is taken already, and nobody minds.
    const messages: string[] = []
    const shared = node({ port, logger: ({ message }) => messages.push(message) })
    await over(shared).close()
    expect(messages).toEqual([])
    await Promise.all([shared.close(), shared.close()])
    expect([await shared.open(), shared.failure]).toEqual([null, null])
    await new Promise<void>((resolve) => holder.close(() => resolve()))
  })

  test('whose socket cannot be had says why, leaves the discovery empty, and is tried again', async () => {
    const shared = node({ host: '203.0.113.1', port: 4_000 })
    const discovery = over(shared)
    await discovery.join(freshTopic(), wishOf(4_001)).flushed()
    expect(await shared.open()).toBeNull()
    expect(shared.failure).toMatchObject({ code: 'EADDRNOTAVAIL' })
  })

  test('tells once by which address the network knows it', async () => {
    const told: string[] = []
    const shared = node({ onExternalAddress: (external) => told.push(external) })
    let changes = 0
    const unwatch = shared.watch({ onNetworkChange: () => {}, onExternal: () => changes++ })
    expect(shared.external).toBeNull()
    await ((await shared.open()) as HyperDHT).fullyBootstrapped()
    await over(shared).join(freshTopic(), wishOf(4_001)).flushed()
    await expect.poll(() => shared.external).toMatchObject({ host })
    expect(told).toEqual([host])
    expect(changes).toBeGreaterThan(0)
    unwatch()
  })

  test('a malformed host or bootstrap address is the caller’s mistake', () => {
    expect(() => dhtNode({ host: '::1' })).toThrow(TypeError)
    expect(() => dhtNode({ bootstrap: ['nowhere'] })).toThrow(TypeError)
  })
})

describe('what others store at a node', () => {
  /** The ports of the nodes at which somebody would store something, for some keys. */
  async function storingPorts(bootstrap: readonly string[]): Promise<Set<number>> {
    const bare = new HyperDHT({ bootstrap, host, port: [0, 0], ephemeral: true })
    opened.push({ close: () => bare.destroy() })
    const ports = new Set<number>()
    for (let n = 0; n < 5; n++) {
      const query = bare.lookup(Buffer.from(freshTopic().idBytes))
      query.on('data', () => {})
      await new Promise<void>((resolve) => query.on('close', resolve))
      for (const { port } of query.closestNodes) ports.add(port)
    }
    return ports
  }

  test.each([
    ['nothing by default', {}, false],
    ['nothing when it is ephemeral', { ephemeral: true }, false],
    ['its share when it is not', { ephemeral: false }, true],
  ])('is %s', async (_what, options, stores) => {
    // A network of its own, which then goes: a node that stored and is gone would slow down the others' tests.
    const own = await createBootstrapServer({ host })
    opened.push(own)
    const shared = node({ ...options, bootstrap: [own.address] })
    await ((await shared.open()) as HyperDHT).fullyBootstrapped()
    await over(shared).join(freshTopic(), wishOf(4_001)).flushed()
    const ports = await storingPorts([own.address])
    expect(ports.size).toBeGreaterThan(2)
    expect(ports.has(await portOf(shared))).toBe(stores)
  })
})

describe('the address outside', () => {
  const cloud: OwnPlace = {
    external: { host: '8.8.8.8', firewalled: false },
    port: 4_001,
    addresses: [parseAddress('tcp://172.31.5.5:4001')],
    ownHosts: new Set(['127.0.0.1', '172.31.5.5']),
  }

  test('is guessed behind a NAT that lets everything in', () => {
    expect(externalGuess(cloud)).toEqual(hostAddress('tcp', '8.8.8.8', 4_001))
  })

  const not: [string, Partial<OwnPlace>][] = [
    ['before the network has told it', { external: null }],
    ['where the DHT’s own port is shut', { external: { host: '8.8.8.8', firewalled: true } }],
    ['if an interface has it', { ownHosts: new Set(['8.8.8.8']) }],
    ['if it is told already', { addresses: [...cloud.addresses, parseAddress('tcp://8.8.8.8:4001')] }],
    ['if nothing listens on TCP', { port: null }],
    ['if only this machine can reach the port', { addresses: [parseAddress('tcp://127.0.0.1:4001')] }],
    ['if another port listens', { addresses: [parseAddress('tcp://172.31.5.5:4002')] }],
    ['if it is no address of the Internet', { external: { host: '10.0.0.1', firewalled: false } }],
    ['if it is nobody’s address', { external: { host: '224.0.0.1', firewalled: false } }],
  ]
  test.each(not)('is not guessed %s', (_when, change) => {
    expect(externalGuess({ ...cloud, ...change })).toBeNull()
  })

  test.each([
    [true, ['tcp://10.0.0.5:4001', 'tcp://8.8.8.8:4001']],
    [false, ['tcp://10.0.0.5:4001']],
  ])('stands after the own ones in what others read, if that is wanted: %s', async (guessExternal, tcp) => {
    const real = node()
    // The network of this test knows loopback only; all else is real.
    const shared: SharedDht = {
      open: () => real.open(),
      watch: (watcher) => real.watch(watcher),
      close: () => real.close(),
      failure: null,
      external: { host: '8.8.8.8', firewalled: false },
    }
    const discovery = hyperdht({ node: shared, guessExternal })
    opened.push(discovery)
    const [topic, wish] = [freshTopic(), wishOf(4_001, { addresses: () => [parseAddress('tcp://10.0.0.5:4001')] })]
    discovery.join(topic, wish)
    const { addresses } = await nextCandidate(over(node()).join(topic, wishOf(null, { announce: false })))
    expect(addresses).toEqual([...tcp, `hyper://${wish.identity.id}`].map(parseAddress))
  })
})
