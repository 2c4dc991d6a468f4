import { createIdentity, createTopic, type Identity, type PeerId, parseAddress, printAddress } from '@hearsay/core'
import { createPool, type PeerToValidate, type Pool, type PoolOptions, type RefusedPeer, tcp } from '@hearsay/transport'
import { afterEach, describe, expect, it } from 'vitest'
import { outcome } from './fixtures.js'
import { candidate, connect, peerIds, settled, want } from './players.js'
import { World } from './pool-world.js'

const [low, high] = peerIds(2) as [PeerId, PeerId]
const open: Pool[] = []

async function listening(identity: Identity, more: Partial<PoolOptions> = {}): Promise<Pool> {
  const made = createPool({ identity, transports: [tcp()], network: 'test', ...more })
  open.push(made)
  await made.listen({ host: '127.0.0.1' })
  return made
}

function addressOf(target: Pool): ReturnType<typeof parseAddress> {
  const [address] = target.addresses
  if (!address) throw new Error('listening')
  return address
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

describe('a pool asks whether a peer is welcome', () => {
  it('in both directions, with its key, its address and before the hello', async () => {
    const [alice, bob] = [createIdentity(), createIdentity()]
    const asked: PeerToValidate[] = []
    const validatePeer = async (peer: PeerToValidate): Promise<boolean> => {
      expect(a.links.size).toBe(0)
      asked.push(peer)
      return true
    }
    const [a, b] = [await listening(alice, { validatePeer }), await listening(bob)]
    await a.connect(addressOf(b))
    await a.disconnect(bob.id)
    await b.connect(addressOf(a))
    expect(asked).toMatchObject([
      { id: bob.id, address: addressOf(b), direction: 'outbound' },
      { id: bob.id, address: { host: '127.0.0.1' }, direction: 'inbound' },
    ])
  })

  it.each([
    ['says no', () => false, 0],
    ['says no later', async () => false, 0],
    ['throws', () => thrown(), 1],
    ['rejects', async () => thrown(), 1],
    ['never answers', () => new Promise<boolean>(() => {}), 1],
  ])('and refuses it when the answer %s', async (_, validatePeer, warned) => {
    const bob = createIdentity()
    const a = await listening(createIdentity(), { validatePeer, limits: { validateTimeoutMs: 200 } })
    const b = await listening(bob)
    const [warnings, refused]: [Error[], RefusedPeer[]] = [[], []]
    a.on('warning', (error) => warnings.push(error))
    a.on('refused', (peer) => refused.push(peer))
    expect(await outcome(b.connect(addressOf(a)))).toMatchObject({ code: 'ERR_REFUSED' })
    expect(await outcome(a.connect(addressOf(b)))).toMatchObject({ code: 'ERR_REFUSED' })
    expect(refused).toMatchObject([
      { id: bob.id, direction: 'inbound', code: 'ERR_REFUSED' },
      { id: bob.id, direction: 'outbound', code: 'ERR_REFUSED' },
    ])
    expect(warnings).toHaveLength(2 * warned)
    expect([a.links.size, b.links.size, a.inspect().halfOpen]).toEqual([0, 0, 0])
  })

  it('once for a pair of streams that both sides open, and has one link, in 200 seeded runs', () => {
    for (let seed = 0; seed < 200; seed++) {
      const world = new World(seed)
      const [a, b] = [world.player('a', low, {}, { validates: true }), world.player('b', high, {}, { validates: true })]
      want(a, candidate(['memory://b']))
      world.clock.advance(world.random.below(300))
      want(b, candidate(['memory://a']))
      world.clock.advance(10_000)
      expect([seed, a.links.size, b.links.size, a.log.length, b.log.length]).toEqual([seed, 1, 1, 1, 1])
    }
  })

  it('and leaves a peer alone for ten minutes that refused it, however often it is heard of', () => {
    const world = new World(1)
    const [a, b] = [world.player('a', low), world.player('b', high, {}, { validates: true })]
    b.validate = () => false
    for (let second = 0; second < 590; second++) {
      want(a, candidate(['memory://b']))
      world.clock.advance(1_000)
    }
    expect(a.dialled).toHaveLength(1)
    expect(a.machine.queued(world.clock.now())).toMatchObject([{ why: 'ERR_REFUSED' }])
  })

  it('and an answer that comes when nobody waits does no harm', () => {
    const world = new World(1)
    const [a, b] = [world.player('a', low), world.player('b', high, {}, { validates: true })]
    b.validate = () => null
    connect(a, 'memory://b')
    world.clock.advance(5_000)
    expect(settled(a)).toMatchObject([{ code: 'ERR_REFUSED' }])
    b.input({ type: 'validated', connection: 'in/0', accepted: true })
    world.clock.advance(5_000)
    expect([a.links.size, b.links.size]).toEqual([0, 0])
  })
})

describe('a pool bans', () => {
  it('by key, with a reason and an end, in both directions, until it is unbanned', async () => {
    const [alice, bob] = [createIdentity(), createIdentity()]
    const [a, b] = [await listening(alice), await listening(bob)]
    const link = await a.connect(addressOf(b))
    const ended = new Promise((resolve) => link.on('close', resolve))
    const before = Date.now()
    a.ban(bob.id, { reason: 'noise', ms: 60_000 })
    await ended
    expect(a.links.size).toBe(0)
    expect(a.banned).toMatchObject([{ peer: bob.id, reason: 'noise' }])
    expect((a.banned[0]?.expires?.getTime() ?? 0) - before).toBeGreaterThanOrEqual(59_900)
    expect((a.banned[0]?.expires?.getTime() ?? 0) - before).toBeLessThan(65_000)
    expect(a.inspect()).toMatchObject({ bans: 1, banned: [{ peer: bob.id }] })
    expect(await outcome(b.connect(addressOf(a)))).toMatchObject({ code: 'ERR_BANNED' })
    expect(await outcome(a.connect(addressOf(b)))).toMatchObject({ code: 'ERR_BANNED' })
    a.unban(bob.id)
    expect(a.banned).toEqual([])
    expect((await a.connect(addressOf(b))).remote).toBe(bob.id)
    expect(() => a.ban(bob.id, { ms: -1 })).toThrow(TypeError)
  })

  it('for ever where the options say so', async () => {
    const a = await listening(createIdentity(), { queue: { forget: { banned: Number.POSITIVE_INFINITY } } })
    const { id } = createIdentity()
    a.ban(id)
    expect(a.banned).toEqual([{ peer: id, reason: null, expires: null }])
  })

  it('for exactly as long as it was told', () => {
    const world = new World(1)
    const [a, b] = [world.player('a', low), world.player('b', high)]
    a.input({ type: 'ban', peer: high, ms: 100_000, reason: 'spam' })
    for (const [now, code] of [
      [99_000, 'ERR_BANNED'],
      [101_000, null],
    ] as const) {
      world.clock.advance(now - world.clock.now())
      connect(b, 'memory://a', now)
      world.clock.advance(800)
      const [result] = settled(b).slice(-1)
      expect(result).toEqual(code ? expect.objectContaining({ code }) : expect.any(String))
    }
  })

  it('and does not dial a banned candidate, but says why', () => {
    const world = new World(1)
    const a = world.player('a', low)
    world.player('b', high)
    a.input({ type: 'ban', peer: high })
    want(a, candidate(['memory://b'], { peer: high, persistent: true }))
    world.clock.advance(60_000)
    expect(a.dialled).toHaveLength(0)
  })
})

describe('a pool over TCP shows', () => {
  it('why a candidate is not dialled', async () => {
    const a = await listening(createIdentity())
    const dead = parseAddress('tcp://127.255.255.254:4000')
    const topic = createTopic('why').id
    const failed = new Promise<void>((resolve) => {
      const look = (): void => (a.inspect().queue[0]?.why ? resolve() : wait())
      const wait = (): void => void setTimeout(look, 10)
      wait()
    })
    a.want({ peer: null, addresses: [dead], source: 'test' }, { topic })
    await failed
    const [entry] = a.inspect().queue
    expect(entry).toMatchObject({ addresses: [printAddress(dead)], state: 'idle', why: 'ERR_DIAL', proven: false })
    // The system's own word, for whoever wants to know more.
    expect(entry?.detail).toBe('ECONNREFUSED')
    expect(entry?.waitMs).toBeGreaterThan(0)
  })
})

function thrown(): never {
  throw new Error('a mistake of the application')
}
