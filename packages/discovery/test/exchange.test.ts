import { createTopic } from '@hearsay/core'
import { type DiscoveryFixture, discoveryConformance, plainAssert } from '@hearsay/core/conformance'
import { describe, expect, test } from 'vitest'
import { peerExchange } from '../src/index.js'
import { World, type WorldNode } from './support/exchange-world.js'

const kitchen = createTopic('kitchen')

async function closeAll(world: World): Promise<void> {
  await Promise.all([...world.nodes.values()].map((node) => node.kill()))
  await world.clock.play(1_000)
  expect(world.clock.pending).toBe(0)
}

function peersHeard({ heard }: WorldNode): readonly (string | null)[] {
  return heard.map(({ peer }) => peer)
}

describe('a swarm of which each knows one address', () => {
  test.each([
    ['the same seed', (nodes: readonly WorldNode[]) => nodes[0]],
    ['the one who came before', (nodes: readonly WorldNode[], n: number) => nodes[n - 1]],
  ])(
    '%s: 50 nodes have five links each, the seed is killed, and a newcomer is in within a second',
    async (_, known) => {
      const world = new World()
      const nodes = Array.from({ length: 50 }, (_unused, n) => world.add(n))
      for (const node of nodes) node.join()
      for (const [n, node] of nodes.entries()) {
        const first = known(nodes, n)
        if (first && n > 0) world.link(node, first)
      }
      await world.clock.play(2_000)
      const fewest = (): number => Math.min(...nodes.filter(({ closed }) => !closed).map(({ links }) => links.size))
      expect(fewest()).toBeGreaterThanOrEqual(5)
      await nodes[0]?.kill()
      await world.clock.play(2_000)
      expect(fewest()).toBeGreaterThanOrEqual(4)
      const newcomer = world.add(1_000)
      newcomer.join()
      world.link(newcomer, nodes[33] as WorldNode)
      await world.clock.play(1_000)
      expect(newcomer.links.size).toBeGreaterThanOrEqual(5)
      await closeAll(world)
    },
  )
})

describe('what is told', () => {
  test('is who is linked in the topic, by its own record, with the teller as referrer', async () => {
    const world = new World()
    const [a, b, c] = [world.add(1, { dials: false }), world.add(2, { dials: false }), world.add(3, { dials: false })]
    for (const node of [a, b, c]) node.join()
    world.link(a, b)
    await world.clock.play(1_000)
    world.link(c, b)
    await world.clock.play(1_000)
    expect(c.heard[0]).toEqual({ peer: a.id, addresses: a.record.addresses, source: 'exchange', referrer: b.id })
    expect(a.heard[0]).toEqual({ peer: c.id, addresses: c.record.addresses, source: 'exchange', referrer: b.id })
    expect(peersHeard(b)).toEqual([])
    await closeAll(world)
  })

  test('is never told on: the end of a chain hears of nobody but the neighbours of its neighbour', async () => {
    const world = new World()
    const nodes = Array.from({ length: 6 }, (_, n) => world.add(n + 1, { dials: false }))
    for (const node of nodes) node.join()
    for (const [n, node] of nodes.entries()) if (n > 0) world.link(node, nodes[n - 1] as WorldNode)
    await world.clock.play(3_600_000)
    expect(new Set(peersHeard(nodes[0] as WorldNode))).toEqual(new Set([nodes[2]?.id]))
    await closeAll(world)
  })

  test('is nothing about a topic that the asker does not share', async () => {
    const world = new World()
    const [a, b, c] = [world.add(1), world.add(2), world.add(3)]
    a.join(world.lobby)
    b.join(world.lobby)
    b.join(kitchen)
    c.join(kitchen)
    world.link(a, b)
    world.link(c, b)
    await world.clock.play(600_000)
    expect([...a.heard, ...c.heard, ...b.heard]).toEqual([])
    await closeAll(world)
  })

  test('is nobody who does not announce, and nothing to who does not look', async () => {
    const world = new World()
    const [hub, silent, blind, other] = [1, 2, 3, 4].map((n) => world.add(n, { dials: false })) as WorldNode[]
    hub?.join()
    silent?.join(world.lobby, { announce: false })
    blind?.join(world.lobby, { lookup: false })
    other?.join()
    for (const node of [silent, blind, other]) if (hub && node) world.link(node, hub)
    await world.clock.play(600_000)
    expect(blind?.heard).toEqual([])
    expect(new Set(peersHeard(other as WorldNode))).toEqual(new Set([blind?.id]))
    expect(new Set(peersHeard(silent as WorldNode))).toEqual(new Set([blind?.id, other?.id]))
    await closeAll(world)
  })

  test('is nobody whose record must not be told', async () => {
    const world = new World()
    const [a, hub, c] = [world.add(1), world.add(2, { tells: false }), world.add(3)]
    for (const node of [a, hub, c]) node.join()
    world.link(a, hub)
    world.link(c, hub)
    await world.clock.play(600_000)
    expect([...a.heard, ...c.heard]).toEqual([])
    await closeAll(world)
  })

  test('follows a change of mind: who stops announcing is told of no more', async () => {
    const world = new World()
    const [a, hub, late] = [1, 2, 3].map((n) => world.add(n, { dials: false })) as [WorldNode, WorldNode, WorldNode]
    hub.join()
    const loud = a.join()
    world.link(a, hub)
    await world.clock.play(1_000)
    a.join(world.lobby, { announce: false })
    await loud.leave()
    await world.clock.play(1_000)
    late.join()
    world.link(late, hub)
    await world.clock.play(600_000)
    expect(late.heard).toEqual([])
    await closeAll(world)
  })
})

describe('a session', () => {
  test('that leaves closes the channel, and a link that was there before join counts too', async () => {
    const world = new World()
    const [a, hub, c] = [1, 2, 3].map((n) => world.add(n, { dials: false })) as [WorldNode, WorldNode, WorldNode]
    world.link(a, hub)
    world.link(c, hub)
    const joined = [a, hub, c].map((node) => node.join())
    await world.clock.play(1_000)
    expect(peersHeard(a)).toContain(c.id)
    await Promise.all(joined.map((session) => session.leave()))
    await world.clock.play(1_000)
    expect(world.clock.pending).toBe(0)
    expect(a.links.size).toBe(1)
    a.heard.length = 0
    for (const node of [a, hub, c]) node.join()
    await world.clock.play(1_000)
    expect(peersHeard(a)).toContain(c.id)
    await closeAll(world)
  })

  test('asks again when refreshed', async () => {
    const world = new World()
    const [a, hub, c] = [1, 2, 3].map((n) => world.add(n, { dials: false })) as [WorldNode, WorldNode, WorldNode]
    for (const node of [hub, c]) node.join()
    const session = a.join()
    world.link(a, hub)
    world.link(c, hub)
    await world.clock.play(30_000)
    a.heard.length = 0
    session.refresh()
    await world.clock.play(1_000)
    expect(peersHeard(a)).toEqual([c.id])
    await closeAll(world)
  })
})

test.each(['resolves flushed', 'ends the iteration', 'closes once'])(
  'every discovery %s, this one too',
  async (start) => {
    const found = discoveryConformance.find(({ name }) => name.startsWith(start))
    const create = async (): Promise<DiscoveryFixture> => {
      const [a, b, c] = [1, 2, 3].map(() => peerExchange({ recordOf: () => null }))
      if (!a || !b || !c) throw new Error('three nodes')
      return { nodes: [a, b, c], close: async () => void (await Promise.all([a.close(), b.close(), c.close()])) }
    }
    expect(found).toBeDefined()
    await found?.run(create, plainAssert)
  },
)
