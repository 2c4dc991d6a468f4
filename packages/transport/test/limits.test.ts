import { createIdentity, type Link, type parseAddress } from '@hearsay/core'
import { createPool, type Pool, type PoolLimits, tcp } from '@hearsay/transport'
import { resolvePoolLimits } from '@hearsay/transport/machine'
import { afterEach, describe, expect, it } from 'vitest'
import { outcome } from './fixtures.js'
import { candidate, connect, peerIds, settled, want } from './players.js'
import { type Player, World } from './pool-world.js'

const ids = peerIds(40)

function idAt(index: number): (typeof ids)[number] {
  const id = ids[index]
  if (!id) throw new Error('more peers than names')
  return id
}

/** One machine in the middle of so many others; it has the first name, or the last. */
function crowd(
  count: number,
  limits: Partial<PoolLimits>,
  first = true,
): { world: World; hub: Player; others: Player[] } {
  const world = new World(count)
  const hub = world.player('hub', idAt(first ? 0 : 39), limits)
  const others = Array.from({ length: count }, (_, index) => world.player(`p${index}`, idAt(index + 1)))
  return { world, hub, others }
}

/** The most that there ever were at once, looked at after every millisecond. */
function mostAtOnce(world: World, count: () => number, ms = 5_000): number {
  let most = 0
  for (let at = 0; at < ms; at++) {
    world.clock.advance(1)
    most = Math.max(most, count())
  }
  return most
}

describe.each([true, false])('the pool machine (which decides: %s) is exact about', (first) => {
  it.each([4, 5, 6])('five links of any kind, with %i peers of which half dial it', (count) => {
    const { world, hub, others } = crowd(count, { maxLinks: 5 }, first)
    for (const [index, other] of others.entries()) {
      if (index % 2 === 0) connect(other, 'memory://hub', index)
      else connect(hub, `memory://p${index}`, index)
    }
    expect(mostAtOnce(world, () => hub.links.size)).toBe(Math.min(5, count))
    expect(hub.links.size).toBe(Math.min(5, count))
    expect(others.filter(({ links }) => links.size === 1)).toHaveLength(Math.min(5, count))
  })

  it.each([4, 5, 6])('five streams that it opened, with %i candidates', (count) => {
    const { world, hub } = crowd(count, { maxClientSockets: 5 }, first)
    for (let index = 0; index < count; index++) want(hub, candidate([`memory://p${index}`]))
    expect(mostAtOnce(world, () => hub.machine.counts.clientSockets)).toBe(Math.min(5, count))
    expect(hub.links.size).toBe(Math.min(5, count))
  })

  it.each([4, 5, 6])('five peers that opened a stream to it, of %i', (count) => {
    const { world, hub, others } = crowd(count, { maxServerSockets: 5 }, first)
    for (const [index, other] of others.entries()) connect(other, 'memory://hub', index)
    expect(mostAtOnce(world, () => hub.machine.counts.serverSockets)).toBe(Math.min(5, count))
    expect(hub.links.size).toBe(Math.min(5, count))
    const refused = others.flatMap(settled).filter((result) => typeof result === 'object')
    expect(refused).toHaveLength(Math.max(0, count - 5))
    for (const each of refused) expect(each).toMatchObject({ code: 'ERR_LIMIT' })
  })
})

describe('the pool machine limits', () => {
  it('streams that it opened even while it races the addresses of one candidate', () => {
    const { world, hub } = crowd(1, { maxClientSockets: 2 })
    want(hub, candidate(['memory://silent1', 'memory://silent2', 'memory://silent3', 'memory://p0']))
    expect(mostAtOnce(world, () => hub.machine.counts.clientSockets, 20_000)).toBe(2)
    expect(hub.links.size).toBe(1)
  })

  it('one kind of streams without touching the other', () => {
    const { world, hub, others } = crowd(6, { maxClientSockets: 1, maxServerSockets: 2 })
    for (let index = 0; index < 3; index++) want(hub, candidate([`memory://p${index}`]))
    for (const [index, other] of others.slice(3).entries()) connect(other, 'memory://hub', index)
    world.clock.advance(5_000)
    expect(hub.machine.counts).toMatchObject({ links: 3, clientSockets: 1, serverSockets: 2 })
  })

  it('nothing where a limit is 0, and allows nothing where it is -1', () => {
    for (const [limit, links] of [
      [0, 12],
      [-1, 0],
    ] as const) {
      const server = crowd(12, { maxServerSockets: limit })
      for (const [index, other] of server.others.entries()) connect(other, 'memory://hub', index)
      const client = crowd(12, { maxClientSockets: limit })
      for (let index = 0; index < 12; index++) want(client.hub, candidate([`memory://p${index}`]))
      server.world.clock.advance(5_000)
      client.world.clock.advance(5_000)
      expect([limit, server.hub.links.size, client.hub.links.size]).toEqual([limit, links, links])
    }
  })

  it('the part of its links that it fills by itself, but not what is asked for by hand', () => {
    const { world, hub } = crowd(12, { maxLinks: 10, reservePercent: 20 })
    for (let index = 0; index < 12; index++) want(hub, candidate([`memory://p${index}`]))
    world.clock.advance(5_000)
    expect(hub.links.size).toBe(8)
    for (let index = 0; index < 12; index++) connect(hub, `memory://p${index}`, index)
    world.clock.advance(5_000)
    expect(hub.links.size).toBe(10)
  })

  it.each([
    ['maxLinks', 0],
    ['maxServerSockets', -2],
    ['maxClientSockets', 1.5],
    ['maxClientSockets', Number.NaN],
    ['reservePercent', 91],
  ])('are refused out of bounds: %s of %s', (name, value) => {
    expect(() => resolvePoolLimits({ [name]: value })).toThrow(TypeError)
  })
})

describe('a pool over TCP is exact about', () => {
  const open: Pool[] = []
  const pool = (limits: Partial<PoolLimits> = {}): Pool => {
    const made = createPool({ identity: createIdentity(), transports: [tcp()], network: 'test', limits })
    open.push(made)
    return made
  }
  const listening = async (limits: Partial<PoolLimits> = {}): Promise<Pool> => {
    const made = pool(limits)
    await made.listen({ host: '127.0.0.1' })
    return made
  }
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()))
  })
  const addressOf = (target: Pool): ReturnType<typeof parseAddress> => {
    const [address] = target.addresses
    if (!address) throw new Error('listening')
    return address
  }

  it.each([1, 2, 3])('two peers that opened a stream to it, of %i at once', async (count) => {
    const hub = await listening({ maxServerSockets: 2 })
    const others = Array.from({ length: count }, () => pool())
    const results = await Promise.all(others.map((other) => outcome(other.connect(addressOf(hub)))))
    expect(hub.links.size).toBe(Math.min(2, count))
    for (const error of results.filter((result) => result instanceof Error)) {
      expect(error).toMatchObject({ code: 'ERR_LIMIT' })
    }
    // Who opened no stream is not counted.
    await hub.connect(addressOf(await listening()))
    expect(hub.links.size).toBe(Math.min(2, count) + 1)
  })

  it.each([1, 2, 3])('two streams that it opened, of %i asked for', async (count) => {
    const hub = await listening({ maxClientSockets: 2 })
    const others = await Promise.all(Array.from({ length: count }, () => listening()))
    const results = others.map((other) => hub.connect(addressOf(other)))
    await Promise.all(results.slice(0, 2))
    expect([hub.links.size, hub.inspect().clientSockets]).toEqual([Math.min(2, count), Math.min(2, count)])
    if (count < 3) return
    expect(hub.inspect().queue.map(({ why }) => why)).toContain('maxClientSockets')
    // The third comes when one of the first is gone.
    await (await (results[0] as Promise<Link>)).close()
    await results[2]
    expect(hub.links.size).toBe(2)
  })

  it('no server at all: it does not listen', async () => {
    const closed = await listening({ maxServerSockets: -1 })
    expect(closed.addresses).toEqual([])
    await closed.connect(addressOf(await listening()))
    expect(closed.links.size).toBe(1)
  })

  it('the largest frame', async () => {
    const [a, b] = [await listening(), await listening()]
    const heard = new Promise<number>((resolve) => {
      b.on('link', (link) => link.openChannel({ protocol: 'size' }).on('frame', (frame) => resolve(frame.byteLength)))
    })
    const channel = (await a.connect(addressOf(b))).openChannel({ protocol: 'size' })
    await new Promise((resolve) => channel.on('open', resolve))
    const most = 1024 * 1024 - 64
    expect(() => channel.send(new Uint8Array(most + 1))).toThrow(expect.objectContaining({ code: 'ERR_FRAME_SIZE' }))
    expect(channel.send(new Uint8Array(most))).toBe(true)
    expect(await heard).toBe(most)
  })
})
