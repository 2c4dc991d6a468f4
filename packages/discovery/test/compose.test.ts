import { createIdentity, type Discovery, type DiscoverySession } from '@hearsay/core'
import { memoryDiscovery, memoryHub, settle } from '@hearsay/core/memory'
import { describe, expect, test } from 'vitest'
import { composeDiscoveries, seeds } from '../src/index.js'
import { freshTopic, nextCandidate, wishOf } from './support/wish.js'

const address = 'tcp://192.0.2.1:4000'

describe('seeds', () => {
  test('are persistent candidates of every topic, again at each refresh', async () => {
    const peer = createIdentity().id
    const given = seeds([address, `tcp://${peer}@192.0.2.2:4000`])
    const session = given.join(freshTopic(), wishOf(null))
    await session.flushed()
    const first = await nextCandidate(session)
    expect(first).toMatchObject({ peer: null, persistent: true, source: 'seeds', addresses: [{ host: '192.0.2.1' }] })
    expect(await nextCandidate(session)).toMatchObject({ peer, addresses: [{ host: '192.0.2.2', peer }] })
    session.refresh()
    expect(await nextCandidate(session)).toEqual(first)
    await given.close()
  })

  test('are silent for who does not look, end on close, and refuse what is no address', async () => {
    const given = seeds([address])
    const session = given.join(freshTopic(), wishOf(4_001, { lookup: false }))
    const ended = nextCandidate(session).catch(() => 'ended')
    await given.close()
    expect(await ended).toBe('ended')
    expect(() => given.join(freshTopic(), wishOf(null))).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    expect(() => seeds(['nonsense'])).toThrow(expect.objectContaining({ code: 'ERR_ADDRESS' }))
  })
})

describe('discoveries composed', () => {
  test('yield the candidates of all, each with its own source', async () => {
    const hub = memoryHub()
    const topic = freshTopic()
    const other = memoryDiscovery(hub)
    const wish = wishOf(4_001)
    other.join(topic, wish)
    const composed = composeDiscoveries([memoryDiscovery(hub), seeds([address])])
    const session = composed.join(topic, wishOf(4_002))
    await session.flushed()
    expect((await nextCandidate(session, ({ source }) => source === 'memory')).peer).toBe(wish.identity.id)
    session.refresh()
    expect((await nextCandidate(session, ({ source }) => source === 'seeds')).persistent).toBe(true)
    await composed.close()
  })

  test('are flushed when all are', async () => {
    let flush = (): void => {}
    const slow = fake({ flushed: () => new Promise((resolve) => (flush = resolve)) })
    const session = composeDiscoveries([seeds([]), slow]).join(freshTopic(), wishOf(null))
    let flushed = false
    void session.flushed().then(() => (flushed = true))
    await settle()
    expect(flushed).toBe(false)
    flush()
    await settle()
    expect(flushed).toBe(true)
  })

  test('survive one that throws, rejects and never ends', async () => {
    const broken = [
      { ...fake({}), join: () => expectNever('join') },
      fake({ leave: () => Promise.reject(new Error('leave')), flushed: () => Promise.reject(new Error('flushed')) }),
      { ...fake({}), close: () => Promise.reject(new Error('close')) },
    ]
    const told: string[] = []
    const composed = composeDiscoveries([...broken, seeds([address])], { logger: ({ message }) => told.push(message) })
    const session = composed.join(freshTopic(), wishOf(null))
    await session.flushed()
    expect((await nextCandidate(session)).source).toBe('seeds')
    await session.leave()
    await composed.close()
    expect(told).toEqual(['fake cannot join'])
    expect(() => composed.join(freshTopic(), wishOf(null))).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
  })

  test('end their session when left, though a part goes on', async () => {
    const endless = fake({ leave: async () => {} })
    const session = composeDiscoveries([endless]).join(freshTopic(), wishOf(null))
    const ended = nextCandidate(session).catch(() => 'ended')
    await session.leave()
    expect(await ended).toBe('ended')
  })

  test('identify peers if all do, and are local if one is', () => {
    const memory = memoryDiscovery(memoryHub())
    expect(composeDiscoveries([memory, seeds([])]).capabilities).toEqual({ identifies: false, local: true })
    expect(composeDiscoveries([memory]).capabilities).toEqual({ identifies: true, local: true })
  })
})

function expectNever(what: string): never {
  throw new Error(what)
}

/** A discovery whose session never yields anything. */
function fake(session: Partial<DiscoverySession>): Discovery {
  const whole: DiscoverySession = {
    flushed: async () => {},
    refresh() {},
    leave: async () => {},
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
    ...session,
  }
  return {
    name: 'fake',
    capabilities: { identifies: false, local: false },
    join: () => whole,
    close: async () => {},
  }
}
