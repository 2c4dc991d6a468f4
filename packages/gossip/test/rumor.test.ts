// The engine that spreads in rounds, by the clock and by hand.

import { settle } from '@hearsay/core/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { flood, type RumorEngine, rumor, trees } from '../src/index.js'
import { at, bytes, createNetwork, createNode, linkNodes, type TestNetwork, textOf } from './network.js'

let network: TestNetwork
afterEach(() => network.close())

async function line(engine: RumorEngine, count = 3): Promise<void> {
  network = createNetwork(count, engine)
  for (let node = 1; node < count; node++) await network.link(node - 1, node)
}

const heardBy = (node: number): string[] => at(network.nodes, node).heard.map(textOf)

async function advance(ms: number): Promise<void> {
  network.clock.advance(ms)
  await settle()
}

describe('rumor', () => {
  it('tells its neighbours in the next round, and they theirs in the one after that', async () => {
    await line(rumor({ intervalMs: 100 }))
    void at(network.nodes, 0).gossip.publish(bytes('hello'))
    await settle()
    await advance(99)
    expect(heardBy(1)).toEqual([])
    await advance(1)
    expect([heardBy(1), heardBy(2)]).toEqual([['hello'], []])
    await advance(100)
    expect(heardBy(2)).toEqual(['hello'])
  })

  it('sends nothing and wakes for nothing while there is no news', async () => {
    await line(rumor({ intervalMs: 10 }))
    await advance(10_000)
    expect(network.clock.pending).toBe(0)
  })

  it('begins a round by hand, and none by itself, if it is told so', async () => {
    const engine = rumor({ intervalMs: null })
    await line(engine)
    expect(await at(network.nodes, 0).gossip.publish(bytes('hello'))).toMatchObject({ peers: 0 })
    await advance(60_000)
    expect(heardBy(1)).toEqual([])
    engine.tick()
    await settle()
    expect([heardBy(1), heardBy(2)]).toEqual([['hello'], []])
    engine.tick()
    await settle()
    expect(heardBy(2)).toEqual(['hello'])
  })

  it('lets what is published wait for a round by hand without end, as much as there is', async () => {
    const engine = rumor({ intervalMs: null, capacity: 100 })
    await line(engine, 2)
    const texts = Array.from({ length: 90 }, (_, index) => String(index))
    const receipts = []
    for (const text of texts) receipts.push(await at(network.nodes, 0).gossip.publish(bytes(text)))
    engine.tick()
    await Promise.all(receipts.map((receipt) => receipt.confirmed(1)))
    expect(heardBy(1)).toEqual(texts)
  })

  it.each([[null], [100]])(
    'tells what waits for a round before it leaves, with rounds every %j ms',
    async (intervalMs) => {
      await line(rumor({ intervalMs }), 2)
      const published = at(network.nodes, 0).gossip.publish(bytes('last words'))
      await at(network.nodes, 0).gossip.close()
      await settle()
      expect([heardBy(1), (await published).seq]).toEqual([['last words'], 0])
    },
  )

  it('passes on before it leaves what it has confirmed', async () => {
    await line(rumor({ intervalMs: 100 }))
    const published = at(network.nodes, 0).gossip.publish(bytes('hello'))
    await settle()
    await advance(100)
    await (await published).confirmed(1)
    expect(heardBy(2)).toEqual([])
    await at(network.nodes, 1).gossip.close()
    await settle()
    expect(heardBy(2)).toEqual(['hello'])
  })

  it('says a burst in one round, in order', async () => {
    await line(rumor({ intervalMs: 50 }))
    const texts = Array.from({ length: 20 }, (_, index) => String(index))
    for (const text of texts) {
      void at(network.nodes, 0).gossip.publish(bytes(text))
      await settle()
    }
    await advance(50)
    expect(heardBy(1)).toEqual(texts)
    await advance(50)
    expect(heardBy(2)).toEqual(texts)
  })

  it('lives in one room with nodes that flood and nodes that grow trees', async () => {
    network = createNetwork(0)
    const { topic, clock } = network
    const engines = [rumor({ intervalMs: 20 }), flood(), trees(), rumor({ intervalMs: 70 })]
    const nodes = engines.map((engine, seed) => createNode({ topic, clock, seed, epoch: 1, engine }))

    for (const [one, node] of nodes.entries()) {
      for (const other of nodes.slice(one + 1)) await linkNodes(node, other)
    }
    for (const [index, { gossip }] of nodes.entries()) void gossip.publish(bytes(`from ${index}`))
    await settle()
    for (let step = 0; step < 30; step++) await advance(20)
    for (const [index, { heard }] of nodes.entries()) {
      const others = [0, 1, 2, 3].filter((one) => one !== index).map((one) => `from ${one}`)
      expect(heard.map(textOf).sort()).toEqual(others)
    }
    for (const { gossip } of nodes) await gossip.close()
  })

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses an interval of %d with a code',
    async (intervalMs) => {
      network = createNetwork(0)
      expect(() => rumor({ intervalMs })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    },
  )
})
