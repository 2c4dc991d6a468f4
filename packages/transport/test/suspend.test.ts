import { createIdentity, createTopic, type Link, type PeerId } from '@hearsay/core'
import { createPool, type Pool, tcp } from '@hearsay/transport'
import { afterEach, describe, expect, it } from 'vitest'
import { outcome } from './fixtures.js'
import { candidate, connect, peerIds, settled, want } from './players.js'
import { type Player, World } from './pool-world.js'

const [low, high, third] = peerIds(3) as [PeerId, PeerId, PeerId]

/** a dialled b, and c dialled a. */
function three(seed: number): { world: World; a: Player; b: Player; c: Player } {
  const world = new World(seed)
  const [a, b, c] = [world.player('a', low), world.player('b', high), world.player('c', third)]
  want(a, candidate(['memory://b'], { peer: high }))
  want(c, candidate(['memory://a'], { peer: low }))
  world.clock.advance(20_000)
  expect(a.links.size).toBe(2)
  return { world, a, b, c }
}

describe('a suspended pool machine', () => {
  it('is quiet: no link, no timer, no dial, and the others know why', () => {
    const { world, a, b, c } = three(1)
    want(a, candidate(['memory://silent']))
    want(a, candidate(['memory://nobody'], { persistent: true }))
    world.clock.advance(100)
    a.input({ type: 'suspend' })
    a.input({ type: 'suspend' })
    expect([a.links.size, a.timers, a.machine.counts.dialling]).toEqual([0, [], 0])
    const dialled = a.dialled.length
    world.clock.advance(600_000)
    expect([b.links.size, c.links.size, a.dialled.length, a.timers]).toEqual([0, 0, dialled, []])
    want(a, candidate(['memory://b']))
    connect(a, 'memory://b')
    expect(settled(a)).toMatchObject([{ code: 'ERR_SUSPENDED' }])
    connect(c, 'memory://a')
    world.clock.advance(60_000)
    expect(settled(c).slice(-1)).toMatchObject([{ code: 'ERR_SUSPENDED' }])
    expect(a.machine.queued(world.clock.now()).every(({ why }) => why === 'suspended')).toBe(true)
  })

  it('is linked again within a second of waking, also with those who had dialled it, in 100 seeded runs', () => {
    for (let seed = 0; seed < 100; seed++) {
      const { world, a, b, c } = three(seed)
      a.input({ type: 'suspend' })
      world.clock.advance(120_000)
      a.input({ type: 'resume' })
      world.clock.advance(1_000)
      expect([seed, a.links.size, b.links.size, c.links.size]).toEqual([seed, 2, 1, 1])
    }
  })

  it('can be closed', () => {
    const { world, a } = three(1)
    a.input({ type: 'suspend' })
    a.input({ type: 'close' })
    a.input({ type: 'resume' })
    world.clock.advance(10_000)
    expect([a.links.size, a.timers]).toEqual([0, []])
  })
})

describe('a suspended pool over TCP', () => {
  const open: Pool[] = []
  const listening = async (): Promise<Pool> => {
    const made = createPool({ identity: createIdentity(), transports: [tcp()], network: 'test' })
    open.push(made)
    await made.listen({ host: '127.0.0.1' })
    return made
  }
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()))
  })

  it('says goodbye, frees its port, and comes back at the same one with its links', async () => {
    const [a, b] = [await listening(), await listening()]
    const [here] = a.addresses
    const [there] = b.addresses
    if (!here || !there) throw new Error('listening')
    const told = new Promise((resolve) => b.on('link', (link) => link.on('close', resolve)))
    a.want({ peer: null, addresses: [there], source: 'test' }, { topic: createTopic('sleep').id })
    await new Promise((resolve) => a.once('link', resolve))
    const suspending = a.suspend()
    expect(a.suspended).toBe(true)
    await suspending
    expect(await told).toMatchObject({ code: 'ERR_SUSPENDED', by: 'remote' })
    expect([a.addresses, a.links.size, a.inspect().suspended]).toEqual([[], 0, true])
    expect(await outcome(b.connect(here))).toMatchObject({ code: 'ERR_DIAL' })
    expect(await outcome(a.listen())).toMatchObject({ code: 'ERR_SUSPENDED' })
    expect(await outcome(a.connect(there))).toMatchObject({ code: 'ERR_SUSPENDED' })
    const back = new Promise<Link>((resolve) => a.once('link', resolve))
    const from = performance.now()
    await a.resume()
    await back
    expect(performance.now() - from).toBeLessThan(1_000)
    expect([a.addresses, a.suspended]).toEqual([[here], false])
  })

  it('takes another port when its own is taken, and says so', async () => {
    const a = await listening()
    const [here] = a.addresses
    if (!here) throw new Error('listening')
    await a.suspend()
    const thief = tcp()
    await thief.listen({ host: '127.0.0.1', port: here.port }, ({ stream }) => stream.destroy())
    const warned = new Promise((resolve) => a.once('warning', resolve))
    await a.resume()
    expect(await warned).toMatchObject({ code: 'ERR_LISTEN' })
    expect(a.addresses).toHaveLength(1)
    expect(a.addresses[0]?.port).not.toBe(here.port)
    await thief.close()
  })
})
