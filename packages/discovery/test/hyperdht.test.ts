import { createSocket } from 'node:dgram'
import {
  type Address,
  type Candidate,
  createAddressRecord,
  createIdentity,
  type DiscoveryJoin,
  discoveryKeys,
  encodeAddressRecord,
  type Identity,
  parseAddress,
} from '@hearsay/core'
import HyperDHT from 'hyperdht'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type BootstrapServer, createBootstrapServer, type HyperdhtOptions, hyperdht } from '../src/index.js'
import { freshTopic, nextCandidate, wishOf } from './support/wish.js'

let network: BootstrapServer
beforeAll(async () => {
  network = await createBootstrapServer({ host: '127.0.0.1' })
})
afterAll(() => network.close())

const opened: { close(): Promise<void> }[] = []
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())))

function discovery(options: HyperdhtOptions = {}) {
  const one = hyperdht({ bootstrap: [network.address], host: '127.0.0.1', port: 0, ...options })
  opened.push(one)
  return one
}

/** A bare DHT node, to look at what is stored and to store what no honest node would. */
async function bareNode(): Promise<HyperDHT> {
  const node = new HyperDHT({ bootstrap: [network.address], host: '127.0.0.1', port: [0, 0], ephemeral: true })
  await node.fullyBootstrapped()
  opened.push({ close: () => node.destroy() })
  return node
}

/** The address that is the peer's key alone: any candidate's last one. */
const keyOnly = ({ id }: Identity): Address => parseAddress(`hyper://${id}`)
const withKey = (wish: DiscoveryJoin): Address[] => [...wish.addresses(), keyOnly(wish.identity)]

const isOf =
  (identity: Identity) =>
  ({ peer }: Candidate): boolean =>
    peer === identity.id

describe('two nodes', () => {
  test('that join in the same instant meet quickly, twenty times out of twenty', async () => {
    const times: number[] = []
    for (let run = 0; run < 20; run++) {
      const [a, b] = [discovery(), discovery()]
      const [wishA, wishB] = [wishOf(4_001), wishOf(4_002)]
      const topic = freshTopic()
      const start = performance.now()
      const [one, other] = [a.join(topic, wishA), b.join(topic, wishB)]
      const found = await Promise.all([
        nextCandidate(one, isOf(wishB.identity)),
        nextCandidate(other, isOf(wishA.identity)),
      ])
      times.push(performance.now() - start)
      expect(found[0]).toEqual({ peer: wishB.identity.id, source: 'hyperdht', addresses: withKey(wishB) })
      expect(found[1]).toEqual({ peer: wishA.identity.id, source: 'hyperdht', addresses: withKey(wishA) })
      await Promise.all([a.close(), b.close()])
    }
    console.log(
      'hyperdht met in ms',
      times
        .sort((x, y) => x - y)
        .map(Math.round)
        .join(' '),
    )
    expect(times.at(-1)).toBeLessThan(5_000)
  })

  test.each(['announces first', 'looks first'])('one that only announces is found: it %s', async (order) => {
    const topic = freshTopic()
    const wish = wishOf(4_001, { lookup: false })
    const announce = () => discovery().join(topic, wish)
    const first = order === 'announces first' ? announce() : null
    await first?.flushed()
    const looking = discovery().join(topic, wishOf(null, { announce: false }))
    await looking.flushed()
    if (!first) announce()
    expect(await nextCandidate(looking)).toMatchObject({
      peer: wish.identity.id,
      addresses: [{ port: 4_001 }, { scheme: 'hyper' }],
    })
  })

  test('of which one has no addresses: it is found by its key alone', async () => {
    const topic = freshTopic()
    const wish = wishOf(null)
    discovery().join(topic, wish)
    const looking = discovery().join(topic, wishOf(4_001))
    expect(await nextCandidate(looking)).toEqual({
      peer: wish.identity.id,
      addresses: withKey(wish),
      source: 'hyperdht',
    })
  })

  test('of which one moves: its new address is found', async () => {
    const topic = freshTopic()
    let here = 4_001
    const wish = wishOf(4_001, { addresses: () => [parseAddress(`tcp://127.0.0.1:${here}`)] })
    const moving = discovery().join(topic, wish)
    const looking = discovery().join(topic, wishOf(null, { announce: false }))
    await nextCandidate(looking)
    here = 4_002
    moving.refresh()
    const later = discovery().join(topic, wishOf(null, { announce: false }))
    const moved = await nextCandidate(later, ({ addresses }) => addresses[0]?.port === 4_002)
    expect(moved.peer).toBe(wish.identity.id)
  }, 30_000)
})

describe('what is stored', () => {
  test('is gone after leave', async () => {
    const topic = freshTopic()
    const session = discovery().join(topic, wishOf(4_001))
    await session.flushed()
    const bare = await bareNode()
    expect(await keysUnder(bare, topic)).toHaveLength(1)
    await session.leave()
    expect(await keysUnder(bare, topic)).toEqual([])
  })

  test('of two sessions of one node stays for the one that remains', async () => {
    const [topic, other] = [freshTopic(), freshTopic()]
    const [one, wish] = [discovery(), wishOf(4_001)]
    const [leaving, staying] = [one.join(topic, wish), one.join(other, wish)]
    await Promise.all([leaving.flushed(), staying.flushed()])
    await leaving.leave()
    const bare = await bareNode()
    expect(await keysUnder(bare, topic)).toEqual([])
    expect(await keysUnder(bare, other)).toHaveLength(1)
  })

  test('is nothing when only looking', async () => {
    const topic = freshTopic()
    await discovery()
      .join(topic, wishOf(4_001, { announce: false }))
      .flushed()
    expect(await keysUnder(await bareNode(), topic)).toEqual([])
  })

  test('gets past a record from a clock that was ahead', async () => {
    const topic = freshTopic()
    const wish = wishOf(4_001)
    const ahead = Date.now() + 1_000_000
    const old = createAddressRecord(wish.identity, { seq: ahead, addresses: [parseAddress('tcp://127.0.0.1:9')] })
    await (await bareNode()).mutablePut(keyOf(wish.identity), Buffer.from(encodeAddressRecord(old)), { seq: ahead })
    await discovery().join(topic, wish).flushed()
    const found = await nextCandidate(discovery().join(topic, wishOf(null, { announce: false })))
    expect(found.addresses).toEqual(withKey(wish))
  })
})

describe('a record', () => {
  const lies: [string, (victim: Identity) => Uint8Array][] = [
    ['of another peer', () => recordOf(createIdentity())],
    ['with one bit changed', (victim) => recordOf(victim).map((byte, i) => (i === 60 ? byte ^ 1 : byte))],
    ['that is junk', () => new Uint8Array(100).fill(7)],
    ['that is empty', () => new Uint8Array(1)],
  ]
  test.each(lies)('%s is ignored, the key remains', async (_what, lie) => {
    const topic = freshTopic()
    const victim = createIdentity()
    const bare = await bareNode()
    await bare.mutablePut(keyOf(victim), Buffer.from(lie(victim)), { seq: 1 })
    await finished(bare.announce(keyUnder(topic), keyOf(victim), []))
    const found = await nextCandidate(discovery().join(topic, wishOf(4_001)))
    expect(found).toEqual({ peer: victim.id, addresses: [keyOnly(victim)], source: 'hyperdht' })
  })

  test('of a hundred invented keys costs a bounded number of queries and hides nobody for long', async () => {
    const topic = freshTopic()
    const bare = await bareNode()
    await Promise.all(
      Array.from({ length: 100 }, () => finished(bare.announce(keyUnder(topic), keyOf(createIdentity()), []))),
    )
    const wish = wishOf(4_001)
    discovery().join(topic, wish)
    const found = await nextCandidate(discovery().join(topic, wishOf(4_002)), isOf(wish.identity))
    expect(found.addresses).toEqual(withKey(wish))
  })
})

describe('without a network', () => {
  const unreachable: [string, HyperdhtOptions][] = [
    ['no bootstrap node', { bootstrap: [] }],
    ['a dead bootstrap node', { bootstrap: ['127.0.0.1:9'] }],
    ['a host of another machine', { host: '203.0.113.1' }],
  ]
  test.each(unreachable)('%s: leave and close return promptly', async (_what, options) => {
    const one = discovery(options)
    const session = one.join(freshTopic(), wishOf(4_001))
    const ended = (async () => {
      for await (const _ of session);
    })()
    session.refresh()
    const start = performance.now()
    await session.leave()
    await Promise.all([ended, session.flushed(), one.close()])
    expect(performance.now() - start).toBeLessThan(2_000)
  })

  test.each(unreachable)('%s: flushed resolves', async (_what, options) => {
    const one = discovery(options)
    await one.join(freshTopic(), wishOf(4_001)).flushed()
    await one.close()
  })

  test('that goes away while joined: leave and close return promptly', async () => {
    const passing = await createBootstrapServer({ host: '127.0.0.1' })
    const one = discovery({ bootstrap: [passing.address] })
    const session = one.join(freshTopic(), wishOf(4_001))
    await session.flushed()
    await passing.close()
    const start = performance.now()
    await session.leave()
    await one.close()
    expect(performance.now() - start).toBeLessThan(4_000)
  })

  test('that comes later: the node is found then', async () => {
    const holder = createSocket('udp4')
    await new Promise<void>((resolve) => holder.bind(0, '127.0.0.1', resolve))
    const { port } = holder.address()
    await new Promise<void>((resolve) => holder.close(() => resolve()))
    const bootstrap = [`127.0.0.1:${port}`]
    const topic = freshTopic()
    const session = discovery({ bootstrap }).join(topic, wishOf(4_001))
    await session.flushed()
    opened.push(await createBootstrapServer({ host: '127.0.0.1', port }))
    const wish = wishOf(4_002)
    discovery({ bootstrap }).join(topic, wish)
    expect((await nextCandidate(session)).peer).toBe(wish.identity.id)
  }, 60_000)
})

test('join after close is refused, and close twice is once', async () => {
  const one = discovery()
  const session = one.join(freshTopic(), wishOf(4_001))
  await Promise.all([one.close(), one.close()])
  await session.leave()
  expect(() => one.join(freshTopic(), wishOf(4_001))).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
})

test('a malformed bootstrap address or an IPv6 host is the caller’s mistake', () => {
  expect(() => hyperdht({ bootstrap: ['nonsense'] })).toThrow(TypeError)
  expect(() => hyperdht({ host: '2001:db8::1' })).toThrow(TypeError)
})

function keyUnder(topic: ReturnType<typeof freshTopic>): Uint8Array {
  return Buffer.from(discoveryKeys(topic, Date.now())[0] ?? [])
}

function keyOf(identity: Identity) {
  return {
    publicKey: Buffer.from(identity.publicKey),
    sign: (message: Uint8Array) => Buffer.from(identity.sign(message)),
  }
}

function recordOf(identity: Identity): Uint8Array {
  const addresses = [parseAddress('tcp://127.0.0.1:9')]
  return encodeAddressRecord(createAddressRecord(identity, { seq: 1, addresses }))
}

async function keysUnder(node: HyperDHT, topic: ReturnType<typeof freshTopic>): Promise<string[]> {
  const keys = new Set<string>()
  const query = node.lookup(keyUnder(topic))
  query.on('data', ({ peers }) => {
    for (const { publicKey } of peers ?? []) keys.add(Buffer.from(publicKey).toString('hex'))
  })
  await finished(query)
  return [...keys]
}

function finished(query: ReturnType<HyperDHT['lookup']>): Promise<void> {
  return new Promise((resolve) => {
    query.on('data', () => {})
    query.on('error', () => {})
    query.on('close', resolve)
  })
}
