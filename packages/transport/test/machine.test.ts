import {
  type Candidate,
  createIdentity,
  createTopic,
  type PeerId,
  parseAddress,
  seededRandom,
  type TopicId,
} from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { type Player, World } from './pool-world.js'

const topic = createTopic('machine').id
const other = createTopic('other').id
const ids = Array.from({ length: 300 }, () => createIdentity().id).sort()
const [low = ids[0] as PeerId, high = ids[1] as PeerId, third = ids[2] as PeerId] = ids

const candidate = (addresses: string[], more: Partial<Candidate> = {}): Candidate => ({
  peer: null,
  addresses: addresses.map(parseAddress),
  source: 'test',
  ...more,
})

function want(player: Player, target: Candidate, priority = 0, wanted: TopicId = topic): void {
  player.input({ type: 'want', target, topic: wanted, priority })
}

function connect(player: Player, address: string, request = 1): void {
  player.input({ type: 'connect', request, peer: null, address: parseAddress(address) })
}

const settled = (player: Player): unknown[] =>
  player.outputs.flatMap((output) => (output.type === 'settled' ? [output.result] : []))

/** Two players with a link, dialled by the first. */
function linked(seed = 1, limits = {}): { world: World; a: Player; b: Player } {
  const world = new World(seed)
  const a = world.player('a', low, limits)
  const b = world.player('b', high, limits)
  want(a, candidate(['memory://b'], { peer: high }))
  world.clock.advance(2_000)
  expect([...a.links.keys()]).toEqual([high])
  return { world, a, b }
}

describe('the pool machine keeps one link per peer', () => {
  it('when both sides dial at once, in 1,000 seeded runs', () => {
    for (let seed = 0; seed < 1_000; seed++) {
      const world = new World(seed)
      const a = world.player('a', low)
      const b = world.player('b', high)
      want(a, candidate(['memory://b']))
      world.clock.advance(world.random.below(300))
      want(b, candidate(['memory://a']))
      world.clock.advance(10_000)
      expect([seed, a.links.size, b.links.size]).toEqual([seed, 1, 1])
      // No flapping: on each side one link came, and none went.
      expect([seed, a.log.length, b.log.length]).toEqual([seed, 1, 1])
      const end = a.ends.get(a.links.get(high) ?? 'in/0')
      expect(end?.other?.id).toBe(b.links.get(low))
    }
  })

  it('when a node has several addresses and several ways are dialled by both', () => {
    for (let seed = 0; seed < 50; seed++) {
      const world = new World(seed)
      const a = world.player('a', low)
      const b = world.player('b', high)
      for (const address of ['memory://a', 'memory://nobody', 'memory://silent']) want(b, candidate([address]))
      connect(a, 'memory://b', 1)
      connect(a, 'memory://b', 2)
      want(a, candidate(['memory://nobody', 'memory://b'], { peer: high }))
      world.clock.advance(30_000)
      expect([a.links.size, b.links.size, a.log.length, b.log.length]).toEqual([1, 1, 1, 1])
      expect(settled(a)).toEqual([a.links.get(high), a.links.get(high)])
    }
  })

  it('by replacing an old one that no longer answers, and by no other', () => {
    for (let seed = 0; seed < 50; seed++) {
      const { world, a, b } = linked(seed)
      const old = a.links.get(high) ?? 'in/0'
      const lives = seed % 2 === 0
      if (!lives) world.break(a, old)
      // b has lost the link without a's knowing, or dials again although it has not.
      if (!lives)
        b.input({ type: 'ended', connection: b.links.get(low) ?? 'in/0', reason: { code: 'x', by: 'failure' } })
      world.dial(b, { type: 'dial', connection: 'out/77', address: parseAddress('memory://a'), expected: null })
      world.clock.advance(10_000)
      expect([seed, a.links.size, b.links.size]).toEqual([seed, 1, 1])
      expect([seed, a.links.get(high) === old]).toEqual([seed, lives])
    }
  })

  it('and forgets a duplicate without counting it as a failure', () => {
    const { world, a, b } = linked()
    want(b, candidate(['memory://a']))
    world.clock.advance(5_000)
    expect(b.dialled.length).toBe(1)
    want(b, candidate(['memory://a']))
    world.clock.advance(5_000)
    // Once dialled, the address is known to lead to the linked peer.
    expect([b.dialled.length, b.log.length, a.log.length]).toEqual([1, 1, 1])
  })
})

describe('the pool machine dials', () => {
  it('the most urgent first, eight at once', () => {
    const world = new World(1)
    const a = world.player('a', low)
    for (let index = 0; index < 12; index++) want(a, candidate([`memory://silent${index}`]), index)
    world.clock.advance(1)
    expect(a.dialled.map(({ host }) => host)).toEqual([11, 10, 9, 8, 7, 6, 5, 4].map((index) => `silent${index}`))
    world.clock.advance(8_001)
    expect(a.dialled).toHaveLength(12)
  })

  it('the nearest address first and the next beside it after 250 ms, or at once when it failed', () => {
    const world = new World(1, 10)
    const a = world.player('a', low)
    const b = world.player('tcp://203.0.113.1:7', high)
    const addresses = ['tcp://203.0.113.1:7', 'tcp://10.0.0.1:7', 'tcp://127.0.0.1:7', 'tcp://198.51.100.1:7']
    want(a, candidate(addresses, { peer: high }))
    world.clock.advance(15)
    expect(a.dialled.slice(0, 2).map(({ host }) => host)).toEqual(['127.0.0.1', '10.0.0.1'])
    world.clock.advance(2_000)
    expect([...a.links.keys(), ...b.links.keys()]).toEqual([high, low])
    const silent = world.player('c', third)
    want(silent, candidate(['tcp://silent.example:1', 'tcp://203.0.113.1:7']))
    world.clock.advance(249)
    expect(silent.dialled).toHaveLength(1)
    world.clock.advance(2)
    expect(silent.dialled).toHaveLength(2)
  })

  it('neither itself, nor an address that led to itself, nor a scheme it does not know', () => {
    const world = new World(1)
    const a = world.player('a', low)
    want(a, candidate(['memory://a']))
    want(a, candidate(['memory://b'], { peer: low }))
    want(a, candidate([`hyper://${high}`]))
    want(a, candidate([]))
    world.clock.advance(20_000)
    want(a, candidate(['memory://a']))
    connect(a, 'memory://a')
    world.clock.advance(20_000)
    expect(a.dialled).toHaveLength(1)
    expect(settled(a)).toMatchObject([{ code: 'ERR_DIAL' }])
    expect(a.machine.counts).toMatchObject({ dialling: 0, candidates: 0 })
  })

  it('a persistent candidate for ever, at most five seconds apart, through silence and refusal', () => {
    for (const host of ['silent', 'nobody']) {
      const world = new World(1)
      const a = world.player('a', low)
      const times: number[] = []
      const dial = world.dial.bind(world)
      world.dial = (from, output) => {
        times.push(world.clock.now())
        dial(from, output)
      }
      want(a, candidate([`memory://${host}`], { persistent: true }))
      world.clock.advance(600_000)
      const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0))
      expect(times.length).toBeGreaterThan(110)
      expect(Math.max(...gaps)).toBeLessThanOrEqual(5_200)
      expect(Math.min(...gaps)).toBeGreaterThan(400)
    }
  })

  it('a persistent candidate again when its link is gone, however it went', () => {
    const { world, a, b } = linked()
    a.input({ type: 'want', target: candidate(['memory://b'], { peer: high, persistent: true }), topic, priority: 0 })
    b.input({ type: 'disconnect', peer: low })
    world.clock.advance(6_000)
    expect([a.links.size, a.log.length]).toEqual([1, 3])
  })

  it('an unproven candidate once, and a proven one after about 1, 5 and 15 seconds', () => {
    const world = new World(1)
    const a = world.player('a', low)
    want(a, candidate(['memory://nobody']))
    world.clock.advance(100_000)
    expect([a.dialled.length, a.machine.counts.candidates]).toEqual([1, 0])
    const proven = linked()
    proven.world.clock.advance(20_000)
    proven.world.break(proven.a, proven.a.links.get(high) ?? 'in/0')
    proven.world.dial = (from, output) => {
      from.dialled.push(output.address)
      proven.world.later(() => from.input({ type: 'failed', connection: output.connection, code: 'ERR_DIAL' }))
    }
    const connection = proven.a.links.get(high) ?? 'in/0'
    proven.a.input({ type: 'ended', connection, reason: { code: 'ERR_LINK_LOST', by: 'failure' } })
    const seen: number[] = []
    for (let second = 1; second <= 60; second++) {
      const before = proven.a.dialled.length
      proven.world.clock.advance(1_000)
      if (proven.a.dialled.length > before) seen.push(second)
    }
    expect(seen).toHaveLength(3)
    expect(seen[0]).toBeLessThanOrEqual(2)
    expect(seen[2]).toBeLessThanOrEqual(31)
    expect(proven.a.machine.counts.candidates).toBe(0)
  })

  it('nobody whom it was asked to let go of before', () => {
    const world = new World(1)
    const a = world.player('a', low)
    world.player('b', high)
    want(a, candidate(['memory://b'], { peer: high }))
    a.input({ type: 'release', peer: high, topic })
    world.clock.advance(10_000)
    expect([a.dialled.length, a.links.size]).toEqual([0, 0])
  })

  it('nor a candidate that was let go of before anybody knew who it is', () => {
    const world = new World(1)
    const a = world.player('a', low)
    world.player('b', high)
    want(a, candidate(['memory://b'], { persistent: true }))
    a.input({ type: 'release', peer: candidate(['memory://b']), topic })
    world.clock.advance(10_000)
    expect([a.dialled.length, a.links.size]).toEqual([0, 0])
  })
})

describe('the pool machine limits', () => {
  it.each([2, 3, 4])('links to three: with %i candidates', (count) => {
    const world = new World(1)
    const a = world.player('a', low, { maxLinks: 3 })
    for (let index = 1; index <= count; index++) {
      world.player(`p${index}`, ids[index] as PeerId)
      want(a, candidate([`memory://p${index}`]))
    }
    world.clock.advance(30_000)
    expect(a.links.size).toBe(Math.min(3, count))
  })

  it.each([2, 3, 4])('inbound links to three: with %i peers that dial', (count) => {
    const world = new World(1)
    const a = world.player('a', low, { maxLinks: 3 })
    const peers = Array.from({ length: count }, (_, index) => world.player(`p${index}`, ids[index + 1] as PeerId))
    for (const [index, peer] of peers.entries()) connect(peer, 'memory://a', index)
    world.clock.advance(10_000)
    expect(a.links.size).toBe(Math.min(3, count))
    const refused = peers.flatMap(settled).filter((result) => typeof result === 'object')
    expect(refused).toHaveLength(Math.max(0, count - 3))
    for (const result of refused) expect(result).toMatchObject({ code: 'ERR_LIMIT' })
  })

  it('the candidates it remembers, and lets the oldest go', () => {
    const world = new World(1)
    const a = world.player('a', low, { maxTargets: 3 })
    for (const name of ['p1', 'p2', 'p3', 'p4']) {
      a.input({ type: 'offer', target: candidate([`memory://${name}`]), topic })
    }
    const hosts = a.machine.candidates(topic, 10).map(({ addresses }) => addresses[0]?.host)
    expect(hosts).toEqual(['p2', 'p3', 'p4'])
  })

  it('bans by key, until they expire', () => {
    const { world, a, b } = linked(1, { banMs: 1_000_000 })
    const connection = a.links.get(high) ?? 'in/0'
    a.input({ type: 'ended', connection, reason: { code: 'ERR_BAD', ban: true, by: 'local' } })
    world.end(a.ends.get(connection), 'ERR_BAD')
    world.clock.advance(1_000)
    connect(b, 'memory://a')
    connect(a, 'memory://b')
    world.clock.advance(10_000)
    expect([a.links.size, b.links.size, a.machine.counts.bans]).toEqual([0, 0, 1])
    expect(settled(b)).toMatchObject([{ code: 'ERR_BANNED' }])
    world.clock.advance(1_500_000)
    connect(b, 'memory://a', 2)
    world.clock.advance(10_000)
    expect([a.links.size, b.links.size]).toEqual([1, 1])
  })

  it('does not ban whom the remote accuses', () => {
    const { a } = linked()
    const connection = a.links.get(high) ?? 'in/0'
    a.input({ type: 'ended', connection, reason: { code: 'ERR_BAD', ban: true, by: 'remote' } })
    expect(a.machine.counts.bans).toBe(0)
  })
})

describe('the pool machine lets go', () => {
  it('of a link that no topic needs, after its grace, unless it is wanted again', () => {
    const { world, a } = linked()
    want(a, candidate(['memory://b'], { peer: high }), 0, other)
    a.input({ type: 'release', peer: high, topic })
    world.clock.advance(60_000)
    expect(a.links.size).toBe(1)
    a.input({ type: 'release', peer: high, topic: other })
    world.clock.advance(29_000)
    want(a, candidate(['memory://b'], { peer: high }))
    world.clock.advance(60_000)
    expect(a.links.size).toBe(1)
    a.input({ type: 'release', peer: high, topic })
    world.clock.advance(31_000)
    expect(a.links.size).toBe(0)
  })

  it('of no link that was asked for by hand, and of none that only the remote wants', () => {
    const { world, a, b } = linked()
    b.input({ type: 'release', peer: low, topic })
    connect(a, 'memory://b')
    world.clock.advance(1_000)
    a.input({ type: 'release', peer: high, topic })
    world.clock.advance(100_000)
    expect([a.links.size, b.links.size]).toEqual([1, 1])
  })

  it('of everything when it closes, and says nothing more', () => {
    const { world, a, b } = linked()
    want(a, candidate(['memory://silent']))
    connect(a, 'memory://silent2')
    world.clock.advance(100)
    a.input({ type: 'close' })
    expect(settled(a)).toMatchObject([{ code: 'ERR_CLOSED' }])
    world.clock.advance(60_000)
    expect([a.links.size, b.links.size]).toEqual([0, 0])
    expect(a.machine.handle({ type: 'want', target: candidate(['memory://b']), topic, priority: 0 }, 0)).toEqual([])
  })

  it('of a request that was cancelled, and of its dial', () => {
    const world = new World(1)
    const a = world.player('a', low)
    connect(a, 'memory://silent')
    world.clock.advance(10)
    a.input({ type: 'cancel', request: 1 })
    expect(a.outputs.some(({ type }) => type === 'drop')).toBe(true)
    expect(a.machine.counts.dialling).toBe(0)
  })
})

describe('the pool machine', () => {
  it('is decided by its seed alone', () => {
    const run = (): unknown => {
      const world = new World(42)
      const players = ids.slice(0, 6).map((peer, index) => world.player(`p${index}`, peer, { maxLinks: 4 }))
      for (const player of players) for (let to = 0; to < 6; to++) want(player, candidate([`memory://p${to}`]))
      world.clock.advance(60_000)
      return players.map(({ log, dialled }) => [log, dialled.length])
    }
    expect(run()).toEqual(run())
  })

  it('survives inputs in any order, about connections that it does not know', () => {
    const random = seededRandom(3)
    const world = new World(3)
    const bounds = { maxTargets: 8, maxLinks: 4, maxServerSockets: 2, maxClientSockets: 2 }
    const a = world.player('a', low, bounds, { validates: true })
    a.validate = () => null
    world.dial = () => {}
    const connections = ['in/0', 'in/1', 'in/2', 'out/0', 'out/1', 'out/2', 'out/3'] as const
    for (let step = 0; step < 20_000; step++) {
      const connection = connections[random.below(connections.length)] ?? 'in/0'
      const peer = ids[random.below(6)] as PeerId
      const kinds = [
        () => want(a, candidate([`memory://p${random.below(20)}`], random.below(2) ? { peer } : { persistent: true })),
        () => a.input({ type: 'release', peer, topic }),
        () => a.input({ type: 'authenticated', connection, peer }),
        () => a.input({ type: 'ready', connection }),
        () => a.input({ type: 'failed', connection, code: 'ERR_DIAL' }),
        () => a.input({ type: 'pong', connection, alive: random.below(2) === 0 }),
        () => a.input({ type: 'ended', connection, reason: { code: 'x', by: 'failure' } }),
        () => a.input({ type: 'timer', timer: `dial/${connection}` }),
        () => a.input({ type: 'timer', timer: `grace/${peer}` }),
        () => a.input({ type: 'timer', timer: `stagger/${random.below(9)}` }),
        () => a.input({ type: 'disconnect', peer }),
        () => a.input({ type: 'validated', connection, accepted: random.below(4) > 0 }),
        () => a.input({ type: 'failed', connection, code: 'ERR_LIMIT', tries: [candidate(['memory://x'], { peer })] }),
        () => a.input({ type: 'timer', timer: `validate/${connection}` }),
        () => a.input({ type: 'ban', peer, ms: 1_000 }),
        () => a.input({ type: 'unban', peer }),
        () => a.input({ type: 'backoff', peer }),
        () => a.input({ type: 'suspend' }),
        () => a.input({ type: 'resume' }),
        () => a.input({ type: 'resume' }),
        () => connect(a, `memory://p${random.below(20)}`, step),
        () => world.clock.advance(random.below(3_000)),
      ]
      kinds[random.below(kinds.length)]?.()
      expect(a.machine.counts.candidates).toBeLessThanOrEqual(8)
      expect(a.machine.counts.links).toBeLessThanOrEqual(4)
      expect(a.machine.counts.serverSockets).toBeLessThanOrEqual(2)
      expect(a.machine.counts.clientSockets).toBeLessThanOrEqual(2)
      if (a.machine.suspended) expect([a.links.size, a.timers]).toEqual([0, []])
    }
  })
})
