import { createTopic, type PeerId } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { Room } from '../src/pool/room.js'
import { candidate, connect, peerIds, want } from './players.js'
import { type Player, World } from './pool-world.js'

const [low, high, ...more] = peerIds(30) as [PeerId, PeerId, ...PeerId[]]

/** a has dialled b and the link has lived for so long. */
function linkedFor(ms: number, options = {}): { world: World; a: Player; b: Player } {
  const world = new World(7, 20)
  const a = world.player('a', low, {}, options)
  const b = world.player('b', high)
  want(a, candidate(['memory://b'], { peer: high }))
  world.clock.advance(ms)
  return { world, a, b }
}

/** The link breaks, and from now on nobody answers at the address. */
function die(world: World, a: Player): void {
  const connection = a.links.get(high) ?? 'in/0'
  world.dial = (from, output) => {
    from.dialled.push(output.address)
    from.dialledAt.push(world.clock.now())
    world.later(() => from.input({ type: 'failed', connection: output.connection, code: 'ERR_DIAL' }))
  }
  a.input({ type: 'ended', connection, reason: { code: 'ERR_LINK_LOST', by: 'failure' } })
}

const gaps = (times: readonly number[], from: number): number[] =>
  times.map((at, index) => at - (index === 0 ? from : (times[index - 1] ?? 0)))

function expectAbout(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length)
  for (const [index, wait] of expected.entries()) {
    expect(found[index]).toBeGreaterThanOrEqual(wait * 0.69)
    expect(found[index]).toBeLessThanOrEqual(wait * 1.31 + 21)
  }
}

describe('the queue of a pool', () => {
  it.each([[[1_000, 5_000, 15_000]], [[100, 200]], [[]]])(
    'dials a lost peer again after %j, then is silent',
    (requeue) => {
      const { world, a } = linkedFor(20_000, { queue: { requeue } })
      const from = world.clock.now()
      a.dialledAt.length = 0
      die(world, a)
      world.clock.advance(600_000)
      expectAbout(gaps(a.dialledAt, from), requeue)
      expect(a.machine.counts.candidates).toBe(0)
    },
  )

  it('starts again at one second after a link was of use, and not after one that was not', () => {
    for (const [livedMs, expected] of [
      [15_000, [1_000, 5_000, 15_000]],
      [2_000, [15_000]],
    ] as const) {
      const { world, a } = linkedFor(20_000)
      const dial = world.dial
      die(world, a)
      // The dial after one second fails; then it is back for a while.
      while (a.dialled.length < 2) world.clock.advance(100)
      world.dial = dial
      connect(a, 'memory://b')
      world.clock.advance(livedMs)
      expect(a.links.size).toBe(1)
      a.dialledAt.length = 0
      const from = world.clock.now()
      die(world, a)
      world.clock.advance(600_000)
      expectAbout(gaps(a.dialledAt, from), expected)
    }
  })

  it('takes a silent candidate as new when it is heard of after it was forgotten, not before', () => {
    const world = new World(3)
    const a = world.player('a', low, {}, { queue: { forget: { unresponsive: 60_000 } } })
    for (let second = 0; second < 119; second++) {
      want(a, candidate(['memory://nobody']))
      world.clock.advance(1_000)
    }
    expect(a.dialled).toHaveLength(2)
    expect((a.dialledAt[1] ?? 0) - (a.dialledAt[0] ?? 0)).toBeGreaterThanOrEqual(60_000)
  })

  it('takes a candidate as new that is heard of at another address', () => {
    const world = new World(3)
    const a = world.player('a', low)
    world.player('b', high)
    want(a, candidate(['memory://nobody'], { peer: high }))
    world.clock.advance(1_000)
    want(a, candidate(['memory://b'], { peer: high }))
    world.clock.advance(1_000)
    expect(a.links.size).toBe(1)
  })

  it('does not list a candidate that does not answer', () => {
    const world = new World(3)
    const a = world.player('a', low)
    want(a, candidate(['memory://nobody']))
    world.clock.advance(1_000)
    expect(a.machine.candidates(createTopic('machine').id, 10)).toEqual([])
  })

  it.each(['ERR_CLOSED', 'ERR_LINK_LOST', 'ERR_WHATEVER'])(
    'backs off a peer that links and goes at once (%s)',
    (code) => {
      const world = new World(5, 10)
      const a = world.player('a', low)
      const b = world.player('b', high)
      const by = code === 'ERR_LINK_LOST' ? null : code
      for (let tenth = 0; tenth < 600; tenth++) {
        want(a, candidate(['memory://b']))
        world.clock.advance(100)
        for (const [peer, connection] of b.links) {
          world.end(b.ends.get(connection), by)
          b.input({ type: 'ended', connection, reason: { code, by: 'local' } })
          b.links.delete(peer)
        }
      }
      // Not 200 times in a minute: as one that refuses, once in 7.5 s.
      expect(a.dialled.length).toBeGreaterThan(3)
      expect(a.dialled.length).toBeLessThanOrEqual(9)
    },
  )

  it('waits longer for a peer with each call of backoff', () => {
    for (const [calls, wait] of [
      [1, 1_000],
      [2, 5_000],
      [3, 15_000],
      [9, 15_000],
    ] as const) {
      const { world, a, b } = linkedFor(20_000)
      for (let call = 0; call < calls; call++) a.input({ type: 'backoff', peer: high })
      expect(a.links.size).toBe(1)
      a.dialledAt.length = 0
      b.input({ type: 'disconnect', peer: low })
      world.clock.advance(50)
      const from = world.clock.now()
      want(a, candidate(['memory://b'], { peer: high }))
      world.clock.advance(30_000)
      expectAbout(gaps(a.dialledAt.slice(0, 1), from), [wait])
    }
  })

  it('lets ten candidates that never answer delay a live one by the stagger at most', () => {
    const world = new World(1, 10)
    const a = world.player('a', low)
    world.player('live', high)
    for (let index = 0; index < 10; index++) want(a, candidate([`memory://silent${index}`]), 10)
    want(a, candidate(['memory://live']))
    world.clock.advance(251)
    expect(a.dialled.map(({ host }) => host)).toContain('live')
    world.clock.advance(100)
    expect(a.links.size).toBe(1)
  })

  it('holds at most 64 candidates that never answer at once, and gets through all', () => {
    const world = new World(1, 10)
    const a = world.player('a', low)
    for (let index = 0; index < 200; index++) want(a, candidate([`memory://silent${index}`]))
    let most = 0
    for (let step = 0; step < 400; step++) {
      world.clock.advance(100)
      most = Math.max(most, a.machine.counts.dialling)
    }
    expect(most).toBe(64)
    expect(a.dialled).toHaveLength(200)
  })

  it('keeps a reached limit of links from being a reason to dial in vain', () => {
    const world = new World(1, 10)
    const a = world.player('a', low, { maxLinks: 2 })
    for (const [index, peer] of more.slice(0, 10).entries()) {
      world.player(`p${index}`, peer)
      want(a, candidate([`memory://p${index}`]))
    }
    world.clock.advance(60_000)
    expect([a.links.size, a.dialled.length]).toEqual([2, 2])
    expect(a.machine.queued(world.clock.now()).filter(({ why }) => why === 'maxLinks')).toHaveLength(8)
  })
})

describe('redials of busy peers', () => {
  it('are put off to a time that is over when it comes, however it is rounded', () => {
    const room = new Room({} as ConstructorParameters<typeof Room>[0])
    // Half of a unit in the last place above: the sum with a minute is rounded down, the difference is not.
    const first = 34_510 + 2 ** -37
    room.takeRedial(first)
    room.takeRedial(first)
    for (const now of [first + 1, 94_509, 94_510, 94_510.5]) {
      if (!room.takeRedial(now)) expect(room.nextRedialAt(now)).toBeGreaterThan(now)
    }
  })
})
