// After leave() nobody finds the node any more, whenever it comes.

import { type Discovery, type DiscoveryJoin, discoveryKeys, systemClock, type Topic } from '@hearsay/core'
import HyperDHT from 'hyperdht'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type BootstrapServer, createBootstrapServer, type HyperdhtOptions, hyperdht } from '../src/index.js'
import { freshTopic, nextCandidate, wishOf } from './support/wish.js'

const host = '127.0.0.1'
let network: BootstrapServer
let third: HyperDHT
beforeAll(async () => {
  network = await createBootstrapServer({ host })
  third = new HyperDHT({ bootstrap: [network.address], host, port: [0, 0], ephemeral: true })
  await third.fullyBootstrapped()
})
afterAll(async () => {
  await third.destroy()
  await network.close()
})

const opened: Discovery[] = []
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())))

function discovery(options: HyperdhtOptions = {}): Discovery {
  const one = hyperdht({ bootstrap: [network.address], host, port: 0, ...options })
  opened.push(one)
  return one
}

/** How many keys a third node finds under each of the topic's keys of that time. */
function found(topic: Topic, wallMs = Date.now()): Promise<number[]> {
  return Promise.all(
    discoveryKeys(topic, wallMs).map(async (key) => {
      const keys = new Set<string>()
      const query = third.lookup(Buffer.from(key))
      query.on('data', ({ peers }) => {
        for (const { publicKey } of peers ?? []) keys.add(Buffer.from(publicKey).toString('hex'))
      })
      await new Promise<void>((resolve) => query.on('close', resolve))
      return keys.size
    }),
  )
}

describe('after leave', () => {
  test.each([
    ['before midnight', Date.UTC(2025, 5, 15, 23, 30)],
    ['after midnight', Date.UTC(2025, 5, 15, 0, 30)],
  ])('a node is found under neither day’s key, %s', async (_when, wallMs) => {
    const topic = freshTopic()
    const session = discovery({ clock: { ...systemClock(), wall: () => wallMs } }).join(topic, wishOf(4_001))
    await session.flushed()
    expect(await found(topic, wallMs)).toEqual([1, 1])
    await session.leave()
    expect(await found(topic, wallMs)).toEqual([0, 0])
  })

  test('a node that joined before midnight and leaves after it is found under neither day’s key', async () => {
    const topic = freshTopic()
    let wallMs = Date.UTC(2025, 5, 15, 21, 59)
    const session = discovery({ clock: { ...systemClock(), wall: () => wallMs } }).join(topic, wishOf(4_001))
    await session.flushed()
    expect(await found(topic, wallMs)).toEqual([1])
    wallMs = Date.UTC(2025, 5, 16, 3, 0)
    await session.leave()
    expect(await found(topic, Date.UTC(2025, 5, 15, 12))).toEqual([0])
  })

  test('at any moment of the announcement, none is left', async () => {
    const one = discovery()
    // The node is open and knows the network, as in a program that runs.
    await one.join(freshTopic(), wishOf(4_001)).flushed()
    const left: [afterMs: number, found: number[]][] = []
    for (let afterMs = 0; afterMs < 12; afterMs += 0.5) {
      const topic = freshTopic()
      const session = one.join(topic, wishOf(4_001))
      const start = performance.now()
      while (performance.now() - start < afterMs) await new Promise((resolve) => setImmediate(resolve))
      await session.leave()
      left.push([afterMs, await found(topic)])
    }
    expect(left.filter(([, counts]) => counts.some((count) => count > 0))).toEqual([])
  })

  test('in the moment of joining it returns at once', async () => {
    const session = discovery().join(freshTopic(), wishOf(4_001))
    const start = performance.now()
    await session.leave()
    expect(performance.now() - start).toBeLessThan(500)
  })

  test('of one topic, the others are still found', async () => {
    // Around midnight a topic has two keys.
    const noon = Date.UTC(2025, 5, 15, 12)
    const clock = { ...systemClock(), wall: () => noon }
    const [one, wish]: [Discovery, DiscoveryJoin] = [discovery({ clock }), wishOf(4_001)]
    const [leaving, staying] = [freshTopic(), freshTopic()]
    const sessions = [one.join(leaving, wish), one.join(staying, wish)]
    await Promise.all(sessions.map((session) => session.flushed()))
    await sessions[0]?.leave()
    expect([await found(leaving, noon), await found(staying, noon)]).toEqual([[0], [1]])
    const candidate = await nextCandidate(discovery({ clock }).join(staying, wishOf(null, { announce: false })))
    expect(candidate.peer).toBe(wish.identity.id)
  })
})
