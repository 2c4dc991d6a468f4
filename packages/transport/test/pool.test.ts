import { fileURLToPath } from 'node:url'
import {
  type Address,
  type ByteStream,
  createIdentity,
  createTopic,
  hostAddress,
  type Identity,
  type Link,
  withPeer,
} from '@hearsay/core'
import { memoryStreamPair } from '@hearsay/core/memory'
import { createPool, type Pool, type PoolOptions, tcp } from '@hearsay/transport'
import { afterEach, describe, expect, it } from 'vitest'
import { runChild } from '../../core/test/child.js'
import { closed, exchange, outcome, socketPair } from './fixtures.js'

const topic = createTopic('pool').id
const open: Pool[] = []

function pool(identity: Identity = createIdentity(), more: Partial<PoolOptions> = {}): Pool {
  const made = createPool({ identity, transports: [tcp()], network: 'test', ...more })
  open.push(made)
  return made
}

async function listening(identity?: Identity, more?: Partial<PoolOptions>): Promise<Pool> {
  const made = pool(identity, more)
  await made.listen({ host: '127.0.0.1' })
  return made
}

function addressOf(target: Pool): ReturnType<typeof hostAddress> {
  const [address] = target.addresses
  if (!address) throw new Error('listening')
  return address
}

const nextLink = (from: Pool): Promise<Link> => new Promise((resolve) => from.once('link', resolve))
const nextUnlink = (from: Pool): Promise<Link> => new Promise((resolve) => from.once('unlink', resolve))

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

describe('a pool over TCP', () => {
  it('links two nodes that know each other by address, and both hear of it', async () => {
    const [alice, bob] = [createIdentity(), createIdentity()]
    const [a, b] = [await listening(alice), await listening(bob)]
    const heard = nextLink(b)
    const link = await a.connect(addressOf(b))
    expect([link.remote, (await heard).remote]).toEqual([bob.id, alice.id])
    expect([a.links.get(bob.id) === link, link.initiator]).toEqual([true, true])
    expect(a.inspect()).toMatchObject({ links: 1, dialling: 0, peers: [{ peer: bob.id, initiator: true }] })
    expect(await a.connect(bob.id)).toBe(link)
    expect(await a.connect(addressOf(b))).toBe(link)
  })

  it('has exactly one link when both sides dial at once, twenty times', async () => {
    for (let round = 0; round < 20; round++) {
      const [a, b] = [await listening(), await listening()]
      const counts = { links: 0, unlinks: 0 }
      for (const each of [a, b]) {
        each.on('link', () => counts.links++)
        each.on('unlink', () => counts.unlinks++)
      }
      const [one, other] = await Promise.all([a.connect(addressOf(b)), b.connect(addressOf(a))])
      expect(Buffer.from(one.handshakeHash).equals(other.handshakeHash)).toBe(true)
      const sums = await Promise.all([exchange(one, 100_000), exchange(other, 100_000)])
      expect([round, sums, counts]).toEqual([round, [true, true], { links: 2, unlinks: 0 }])
      await Promise.all([a.close(), b.close()])
    }
  })

  it('links three nodes that want each other as candidates', async () => {
    const pools = await Promise.all([1, 2, 3].map(() => listening()))
    const done = Promise.all(
      pools.map((each) => new Promise<void>((resolve) => each.on('link', () => each.links.size === 2 && resolve()))),
    )
    for (const each of pools) {
      for (const target of pools) each.want({ peer: null, addresses: [addressOf(target)], source: 'test' }, { topic })
    }
    await done
    expect(pools.map(({ links }) => links.size)).toEqual([2, 2, 2])
  })

  it('exchanges 10 MB each way at once, intact', { timeout: 20_000 }, async () => {
    const [a, b] = [await listening(), await listening()]
    const heard = nextLink(b)
    const links = [await a.connect(addressOf(b)), await heard]
    expect(await Promise.all(links.map((link) => exchange(link, 10_000_000)))).toEqual([true, true])
  })

  it('keeps a link and its bytes when the peer dials again', async () => {
    const [alice, bob] = [createIdentity(), createIdentity()]
    const [a, b] = [await listening(alice), await listening(bob)]
    const link = await a.connect(addressOf(b))
    const other = b.links.get(alice.id) as Link
    const bulk = Promise.all([exchange(link, 5_000_000), exchange(other, 5_000_000)])
    const [near, far] = await socketPair()
    const results = await Promise.all([
      outcome(a.attach(near, { initiator: true })),
      outcome(b.attach(far, { initiator: false })),
    ])
    expect(results).toMatchObject([{ code: 'ERR_DUPLICATE' }, { code: 'ERR_DUPLICATE' }])
    expect(await bulk).toEqual([true, true])
    expect([a.links.get(bob.id), b.links.get(alice.id)]).toEqual([link, other])
  })

  it('rejects with a code for each way that connecting can fail', async () => {
    const [alice, bob] = [createIdentity(), createIdentity()]
    const [a, b] = [await listening(alice), await listening(bob)]
    const stranger = createIdentity().id
    expect(await outcome(a.connect(hostAddress('tcp', '127.0.0.1', 1)))).toMatchObject({ code: 'ERR_DIAL' })
    expect(await outcome(a.connect(stranger))).toMatchObject({ code: 'ERR_DIAL' })
    expect(await outcome(a.connect(withPeer(addressOf(b), stranger)))).toMatchObject({ code: 'ERR_PEER_MISMATCH' })
    expect(await outcome(a.connect(addressOf(a)))).toMatchObject({ code: 'ERR_SELF' })
    expect(await outcome(a.connect(alice.id))).toMatchObject({ code: 'ERR_SELF' })
    const foreign = await listening(createIdentity(), { network: 'other' })
    expect(await outcome(a.connect(addressOf(foreign)))).toMatchObject({ code: 'ERR_HANDSHAKE' })
    expect(await outcome(a.connect(addressOf(b), { signal: AbortSignal.abort() }))).toMatchObject({
      code: 'ERR_ABORTED',
    })
    const controller = new AbortController()
    const connecting = outcome(a.connect(addressOf(b), { signal: controller.signal }))
    controller.abort()
    expect(await connecting).toMatchObject({ code: 'ERR_ABORTED' })
    await a.close()
    expect(await outcome(a.connect(addressOf(b)))).toMatchObject({ code: 'ERR_CLOSED' })
    expect(await outcome(a.listen())).toMatchObject({ code: 'ERR_CLOSED' })
    expect([a.links.size, b.links.size]).toEqual([0, 0])
  })

  it.each([1, 2, 3])('takes two links at most, of %i peers', async (count) => {
    const a = await listening(createIdentity(), { limits: { maxLinks: 2 } })
    const peers = Array.from({ length: count }, () => pool())
    const results: unknown[] = []
    for (const peer of peers) results.push(await outcome(peer.connect(addressOf(a))))
    expect(a.links.size).toBe(Math.min(2, count))
    expect(results.filter((result) => result instanceof Error)).toHaveLength(Math.max(0, count - 2))
    if (count > 2) expect(results[2]).toMatchObject({ code: 'ERR_LIMIT' })
  })

  it('shuts out a key that it banned, inbound and outbound', async () => {
    const [alice, bob] = [createIdentity(), createIdentity()]
    const [a, b] = [await listening(alice), await listening(bob)]
    const link = await a.connect(addressOf(b))
    const gone = nextUnlink(b)
    await link.close({ code: 'ERR_EVIL', ban: true })
    await gone
    expect(await outcome(b.connect(addressOf(a)))).toMatchObject({ code: 'ERR_BANNED' })
    expect(await outcome(a.connect(addressOf(b)))).toMatchObject({ code: 'ERR_BANNED' })
    expect(a.inspect()).toMatchObject({ bans: 1, links: 0 })
  })

  it('disconnects, which the remote hears as a goodbye', async () => {
    const bob = createIdentity()
    const [a, b] = [await listening(), await listening(bob)]
    const told = new Promise((resolve) => b.on('link', (link) => link.on('close', resolve)))
    await a.connect(addressOf(b))
    await a.disconnect(bob.id)
    expect(await told).toMatchObject({ code: 'ERR_CLOSED', by: 'remote' })
    expect(a.links.size).toBe(0)
  })

  it('redials a persistent candidate when it comes back', async () => {
    const bob = createIdentity()
    const a = pool(createIdentity(), { limits: { persistMs: 200 } })
    const first = await listening(bob)
    const address = addressOf(first)
    const linked = nextLink(a)
    a.want({ peer: null, addresses: [address], source: 'seeds', persistent: true }, { topic })
    await linked
    const gone = nextUnlink(a)
    await first.close()
    await gone
    const again = nextLink(a)
    const second = pool(bob)
    await second.listen({ host: '127.0.0.1', port: address.port })
    expect((await again).remote).toBe(bob.id)
  })

  it('drops inbound streams of a host that are more than it may have half open', async () => {
    const a = await listening(createIdentity(), { ownHosts: () => new Set(), limits: { maxHalfOpenPerHost: 2 } })
    const transport = tcp()
    const streams = []
    for (let index = 0; index < 3; index++) streams.push(await transport.dial(addressOf(a)))
    await closed(streams[2]?.resume() as ByteStream)
    expect(a.inspect().halfOpen).toBe(2)
    for (const stream of streams) stream.destroy()
    await transport.close()
  })

  it('exempts this machine from the limits of a host', async () => {
    const a = await listening(createIdentity(), { limits: { maxHalfOpenPerHost: 2, inboundBurst: 1 } })
    for (let index = 0; index < 5; index++) await pool().connect(addressOf(a))
    expect(a.inspect()).toMatchObject({ links: 5, halfOpen: 0 })
  })

  it('links over any byte stream', async () => {
    const [alice, bob] = [createIdentity(), createIdentity()]
    const [a, b] = [pool(alice), pool(bob)]
    const [near, far] = memoryStreamPair()
    const links = await Promise.all([
      a.attach(near, { initiator: true, expected: bob.id }),
      b.attach(far, { initiator: false }),
    ])
    expect(links.map(({ remote }) => remote)).toEqual([bob.id, alice.id])
    const [one, other] = memoryStreamPair()
    const wrong = await Promise.all([
      outcome(a.attach(one, { initiator: true, expected: createIdentity().id })),
      outcome(pool().attach(other, { initiator: false })),
    ])
    expect(wrong).toMatchObject([{ code: 'ERR_PEER_MISMATCH' }, { code: 'ERR_HANDSHAKE' }])
  })

  it('closes once, rejecting what was waiting', async () => {
    const a = await listening()
    const silent = tcp()
    const { addresses } = await silent.listen({ host: '127.0.0.1' }, ({ stream }) => stream.resume())
    const connecting = outcome(a.connect(addresses[0] as Address))
    const [near] = memoryStreamPair()
    const attaching = outcome(a.attach(near, { initiator: true }))
    const closing = a.close()
    expect(a.close()).toBe(closing)
    await closing
    expect([await connecting, await attaching]).toMatchObject([{ code: 'ERR_CLOSED' }, { code: 'ERR_CLOSED' }])
    await silent.close()
  })

  it('leaves no handle behind: a process with a closed pool exits by itself', { timeout: 60_000 }, async () => {
    const child = await runChild(fileURLToPath(new URL('pool.child.ts', import.meta.url)), 30_000)
    expect(child).toEqual({ code: 0, stdout: 'linked\nclosed\n', stderr: '' })
  })
})
