// What nobody does on purpose: sleeping while it wakes, candidates that are none, times that do not add up.

import { type Candidate, createIdentity, type PeerId, type Transport } from '@hearsay/core'
import { createPool, type Pool, tcp } from '@hearsay/transport'
import { afterEach, describe, expect, it } from 'vitest'
import { outcome } from './fixtures.js'
import { candidate, connect, peerIds, topic, want } from './players.js'
import { World } from './pool-world.js'

const [low, high, third] = peerIds(3) as [PeerId, PeerId, PeerId]

describe('a pool machine', () => {
  it('dials the next when the time of the one before is over, however the sum is rounded', () => {
    const { machine } = new World(1).player('a', low, { dialConcurrency: 1, staggerMs: 250 })
    const start = 0.1
    // The hour is over by one way of adding and not by the other.
    expect(start + 250 - 250).toBeLessThan(start)
    for (const name of ['silent1', 'silent2']) {
      machine.handle({ type: 'want', target: candidate([`memory://${name}`]), topic, priority: 0 }, start)
    }
    expect(machine.handle({ type: 'timer', timer: 'queue' }, start)).toContainEqual(
      expect.objectContaining({ type: 'dial' }),
    )
    const after = machine.handle({ type: 'timer', timer: 'queue' }, start + 250)
    expect(after.map(({ type }) => type)).toContain('dial')
  })

  it('keeps the address that was given by hand, however many others are told of the same peer', () => {
    const world = new World(1)
    const a = world.player('a', low)
    const by = (from: number): string[] => Array.from({ length: 16 }, (_, i) => `memory://told${from + i}`)
    want(a, candidate(['memory://given'], { peer: high, persistent: true }))
    want(a, candidate(by(0), { peer: high, referrer: third }))
    want(a, candidate(by(16), { peer: high, referrer: third }))
    const [known] = a.machine.queued(world.clock.now())
    expect(known?.addresses).toHaveLength(16)
    expect(known?.addresses).toContain('memory://given')
    // What was told last is the newest that is known of the others.
    expect(known?.addresses).toContain('memory://told31')
  })

  it('keeps the address where it reached the peer, however many others are told of it', () => {
    const world = new World(1)
    const [a] = [world.player('a', low), world.player('b', high)]
    want(a, candidate(['memory://b'], { peer: high }))
    world.clock.advance(20_000)
    expect(a.links.size).toBe(1)
    want(
      a,
      candidate(
        Array.from({ length: 16 }, (_, i) => `memory://told${i}`),
        { peer: high },
      ),
    )
    expect(a.machine.queued(world.clock.now())[0]?.addresses).toContain('memory://b')
  })

  it('dials nobody any more for a topic that was left, also seeds whose peer is not known', () => {
    const world = new World(1)
    const [a] = [world.player('a', low), world.player('b', high)]
    want(a, candidate(['memory://b'], { peer: high }))
    want(a, candidate(['memory://silent'], { persistent: true }))
    want(a, candidate(['memory://nobody'], { persistent: true }))
    world.clock.advance(20_000)
    expect(a.links.size).toBe(1)
    a.input({ type: 'leave', topic })
    const dialled = a.dialled.length
    world.clock.advance(600_000)
    expect([a.dialled.length - dialled, a.links.size, a.timers]).toEqual([0, 0, []])
  })

  it('goes on dialling for another topic, and for who asked by hand, when one is left', () => {
    const world = new World(1)
    const [a] = [world.player('a', low), world.player('b', high), world.player('c', third)]
    const other = 'other' as typeof topic
    want(a, candidate(['memory://b'], { peer: high }))
    want(a, candidate(['memory://b'], { peer: high }), 0, other)
    want(a, candidate(['memory://c'], { peer: third }))
    connect(a, 'memory://c')
    a.input({ type: 'leave', topic })
    world.clock.advance(60_000)
    expect([...a.links.keys()].sort()).toEqual([high, third].sort())
  })

  it('dials again whom it was linked with, when it has heard of more than it can remember since', () => {
    const world = new World(1)
    const a = world.player('a', low, { maxTargets: 16, reservePercent: 0 })
    const b = world.player('b', high)
    want(a, candidate(['memory://b'], { peer: high }))
    world.clock.advance(20_000)
    for (let told = 0; told < 100; told++) want(a, candidate([`memory://told${told}`], { referrer: third }))
    world.end(b.ends.get(b.links.get(low) ?? 'in/0'), null)
    world.clock.advance(60_000)
    expect(a.links.has(high)).toBe(true)
  })

  it('closes after a while what it dialled for a topic that was left before the link was there', () => {
    const world = new World(1)
    const a = world.player('a', low, {}, { validates: true })
    a.validate = () => null
    const b = world.player('b', high)
    want(a, candidate(['memory://b'], { peer: high }))
    world.clock.advance(1_000)
    a.input({ type: 'leave', topic })
    a.input({ type: 'validated', connection: 'out/0', accepted: true })
    world.clock.advance(10_000)
    expect([a.links.size, b.links.size]).toEqual([1, 1])
    world.clock.advance(60_000)
    expect([a.links.size, b.links.size]).toEqual([0, 0])
  })

  it('tries a proven address again by its patience, also when it has met a thousand others since', () => {
    const world = new World(1)
    const place = 'tcp://198.51.100.1:4000'
    const [a, b] = [world.player('tcp://198.51.100.9:4000', low), world.player(place, high)]
    want(a, candidate([place], { peer: high }))
    world.clock.advance(20_000)
    expect(a.links.size).toBe(1)
    const others = Array.from({ length: 1_100 }, (_, i) => `memory://other${i}`)
    const names = peerIds(others.length)
    for (const [i, other] of others.entries()) {
      const peer = names[i] as PeerId
      const more = world.player(other, peer)
      connect(a, other, i + 10)
      world.clock.advance(1_000)
      a.input({ type: 'disconnect', peer })
      world.clock.advance(1_000)
      expect(more.links.size).toBe(0)
    }
    const dialled = a.dialled.length
    // Somebody else is there now, so that every try fails: it has three.
    world.player(place, third)
    world.end(b.ends.get(b.links.get(low) ?? 'in/0'), null)
    world.clock.advance(60_000)
    expect(a.dialled.length - dialled).toBe(3)
  })
})

describe('a pool', () => {
  const open: Pool[] = []
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()))
  })

  /** TCP whose `listen` takes a moment. */
  function slow(): { transport: Transport; listeners: () => number } {
    const inner = tcp()
    let listeners = 0
    const transport: Transport = {
      scheme: inner.scheme,
      capabilities: inner.capabilities,
      dial: (...given) => inner.dial(...given),
      close: () => inner.close(),
      async listen(...given) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        const listener = await inner.listen(...given)
        listeners++
        return { addresses: listener.addresses, close: () => listener.close().then(() => void listeners--) }
      },
    }
    return { transport, listeners: () => listeners }
  }

  function make(transport: Transport): Pool {
    const pool = createPool({ identity: createIdentity(), transports: [transport], network: 'test' })
    open.push(pool)
    return pool
  }

  it('that is suspended before it listens, listens when it wakes', async () => {
    const { transport, listeners } = slow()
    const pool = make(transport)
    const listening = outcome(pool.listen({ host: '127.0.0.1' }))
    await pool.suspend()
    expect(await listening).toEqual([])
    expect([pool.addresses, listeners()]).toEqual([[], 0])
    await pool.resume()
    expect([pool.addresses.length, listeners()]).toEqual([1, 1])
  })

  it('that is suspended and woken while it wakes has one listener, and none when it is closed', async () => {
    const { transport, listeners } = slow()
    const warnings: Error[] = []
    const pool = make(transport)
    pool.on('warning', (error) => warnings.push(error))
    const [before] = await pool.listen({ host: '127.0.0.1' })
    await pool.suspend()
    await Promise.all([pool.resume(), pool.suspend(), pool.resume()])
    void pool.suspend()
    await pool.resume()
    expect([pool.addresses, listeners(), warnings]).toEqual([[before], 1, []])
    await pool.close()
    expect(listeners()).toBe(0)
  })

  it('goes on when it is given a candidate that is none', async () => {
    const pool = make(tcp())
    const warnings: Error[] = []
    pool.on('warning', (error) => warnings.push(error))
    const broken = { peer: null, addresses: [{ scheme: 'tcp' }], source: 'broken' } as unknown as Candidate
    pool.want(broken, { topic })
    pool.want({ peer: null, source: 'broken' } as unknown as Candidate, { topic })
    expect(warnings.length).toBeGreaterThan(0)
    await pool.listen({ host: '127.0.0.1' })
    const other = make(tcp())
    const [address] = pool.addresses
    if (!address) throw new Error('listening')
    expect((await other.connect(address)).remote).toBeDefined()
    await expect.poll(() => pool.links.size).toBe(1)
  })
})
