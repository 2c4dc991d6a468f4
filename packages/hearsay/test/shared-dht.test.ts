// One HyperDHT node serves the discovery that finds peers and the transport that dials them: two sockets for both, opened when
// they are needed, gone when their maker closes.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createIdentity, createTopic, type DiscoveryJoin, type Identity, type Link, parseAddress } from '@hearsay/core'
import { createBootstrapServer, dhtNode, hyperdht, type SharedDht } from '@hearsay/discovery'
import { createPool, type Pool, tcp } from '@hearsay/transport'
import { hyper } from '@hearsay/transport/hyperdht'
import { afterEach, describe, expect, it } from 'vitest'

const host = '127.0.0.1'
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** The UDP sockets of this process. */
function udpSockets(): number {
  const ours = new Set(readdirSync('/proc/self/fd').map(socketOf))
  const rows = readFileSync('/proc/self/net/udp', 'utf8').trim().split('\n').slice(1)
  return rows.filter((row) => ours.has(`socket:[${row.trim().split(/\s+/)[9]}]`)).length
}

function socketOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    // The one that the directory was read by.
    return ''
  }
}

interface Program {
  readonly identity: Identity
  readonly dht: SharedDht
  readonly pool: Pool
  readonly discovery: ReturnType<typeof hyperdht>
  readonly wish: DiscoveryJoin
  close(): Promise<void>
}

async function network(): Promise<string> {
  const server = await createBootstrapServer({ host })
  closers.push(() => server.close())
  return server.address
}

/** A pool that dials and listens over the DHT alone, and a discovery, over one node. */
function program(bootstrap: string): Program {
  const identity = createIdentity()
  const dht = dhtNode({ host, port: 0, bootstrap: [bootstrap] })
  const pool = createPool({ identity, transports: [hyper({ identity, dht })], network: 'test' })
  const discovery = hyperdht({ node: dht })
  const addresses: DiscoveryJoin['addresses'] = () => pool.addresses
  const wish = { announce: true, lookup: true, port: null, addresses, identity, linked: () => pool.links.size }
  const close = async (): Promise<void> => {
    await discovery.close()
    await pool.close()
    await dht.close()
  }
  closers.push(close)
  return { identity, dht, pool, discovery, wish, close }
}

describe('a DHT node for discovery and transport', () => {
  it.skipIf(process.platform !== 'linux')('has one pair of sockets, none before and none after', async () => {
    const bootstrap = await network()
    const before = udpSockets()
    const one = program(bootstrap)
    expect(udpSockets()).toBe(before)
    await one.pool.listen()
    const session = one.discovery.join(createTopic('one node'), one.wish)
    await session.flushed()
    await expect.poll(udpSockets).toBe(before + 2)
    await session.leave()
    expect(udpSockets()).toBe(before + 2)
    await one.close()
    await expect.poll(udpSockets).toBe(before)
  })

  it('finds a peer and dials what it found', async () => {
    const bootstrap = await network()
    const [one, other] = [program(bootstrap), program(bootstrap)]
    await Promise.all([one.pool.listen(), other.pool.listen()])
    const topic = createTopic('hyper')
    other.discovery.join(topic, other.wish)
    const linked = new Promise<Link>((resolve) => one.pool.once('link', resolve))
    for await (const candidate of one.discovery.join(topic, one.wish)) {
      expect(candidate.addresses).toEqual([parseAddress(`hyper://${other.identity.id}`)])
      one.pool.want(candidate, { topic: topic.id })
      break
    }
    expect((await linked).remote).toBe(other.identity.id)
  })

  it('that cannot be bound fails to listen with a code that says why, and what needs no DHT works', async () => {
    const identity = createIdentity()
    const dht = dhtNode({ host: '203.0.113.1', port: 4_000, bootstrap: [] })
    closers.push(() => dht.close())
    const failing = createPool({ identity, transports: [hyper({ identity, dht })] })
    closers.push(() => failing.close())
    const error: unknown = await failing.listen().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_LISTEN' })
    expect(String(error)).toContain('the shared DHT node is not open')
    // Who does not listen by the DHT has TCP, and a discovery that finds nobody.
    const pool = createPool({ identity, transports: [tcp()] })
    closers.push(() => pool.close())
    expect(await pool.listen({ host })).toHaveLength(1)
    const discovery = hyperdht({ node: dht })
    closers.push(() => discovery.close())
    const wish = {
      announce: true,
      lookup: true,
      port: 4_001,
      addresses: () => pool.addresses,
      identity,
      linked: () => 0,
    }
    await discovery.join(createTopic('none'), wish).flushed()
  })

  it('is dialled through from a pool that has no other way, and from one that has TCP only the address is ignored', async () => {
    const bootstrap = await network()
    const one = program(bootstrap)
    await one.pool.listen()
    const identity = createIdentity()
    const plain = createPool({ identity, transports: [tcp()], network: 'test' })
    closers.push(() => plain.close())
    const address = parseAddress(`hyper://${one.identity.id}`)
    const candidate = { peer: one.identity.id, addresses: [address], source: 'hyperdht', persistent: false }
    plain.want(candidate, { topic: createTopic('ignored').id })
    const error: unknown = await plain.connect(address).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_/) })
    expect(plain.links.size).toBe(0)
  })
})
