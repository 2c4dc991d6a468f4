import { type Address, createIdentity, type Identity, type Link, parseAddress, type Transport } from '@hearsay/core'
import {
  type LinkFixture,
  linkConformance,
  runConformance,
  type TransportFixture,
  transportConformance,
} from '@hearsay/core/conformance'
import { virtualClock } from '@hearsay/core/memory'
import { establish, type MuxLink } from '@hearsay/core/mux'
import { createPool, type Pool, type PoolOptions, tcp } from '@hearsay/transport'
import { type HyperOptions, hyper } from '@hearsay/transport/hyperdht'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { linkOver } from '../src/noise.js'
import { type AuthenticatedStream, fromAuthenticated } from '../src/pool/authenticated.js'
import { closed, exchange, outcome } from './fixtures.js'
import { createTestnet, type ForeignNode, type Testnet } from './testnet.js'

let testnet: Testnet
/** Two nodes that transports of many tests share. */
let nodes: readonly [ForeignNode, ForeignNode]
const open: { close(): Promise<void> }[] = []

beforeAll(async () => {
  testnet = await createTestnet(5)
  nodes = [testnet.createNode(), testnet.createNode()]
})

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

afterAll(() => testnet.close())

function transport(identity: Identity, more: Partial<HyperOptions> = {}): Transport {
  const made = hyper({ identity, bootstrap: testnet.bootstrap, host: '127.0.0.1', port: 0, ...more })
  open.push(made)
  return made
}

function pool(identity: Identity, more: Partial<HyperOptions> = {}, options: Partial<PoolOptions> = {}): Pool {
  const made = createPool({ identity, transports: [transport(identity, more)], network: 'test', ...options })
  open.push(made)
  return made
}

const addressOf = ({ id }: Identity): Address => parseAddress(`hyper://${id}`)

/** Two ends of one stream, each with who is at it. */
async function streams(): Promise<{
  fixture: TransportFixture
  ends: readonly [AuthenticatedStream, AuthenticatedStream]
}> {
  const [alice, bob] = [createIdentity(), createIdentity()]
  const near = hyper({ identity: bob, dht: nodes[0] })
  const far = hyper({ identity: alice, dht: nodes[1] })
  const close = async (): Promise<void> => {
    await Promise.all([near.close(), far.close()])
  }
  let accept: (stream: AuthenticatedStream) => void = () => {}
  const accepted = new Promise<AuthenticatedStream>((resolve) => {
    accept = resolve
  })
  await near.listen({}, ({ stream }) => accept(stream as AuthenticatedStream))
  const dialled = (await far.dial(addressOf(bob))) as AuthenticatedStream
  return { fixture: { near, far, nobody: addressOf(createIdentity()), close }, ends: [dialled, await accepted] }
}

describe('HyperDHT keeps the promises of a transport', () => {
  // An address here is a key: it has no host, and one transport listens at it once.
  const other = [
    'listens at addresses of its scheme that others can dial',
    'closes both ends when one is destroyed, once',
  ]
  const suite = transportConformance.filter(({ name }) => !other.includes(name))
  runConformance({
    test: it,
    suite,
    create: async () => {
      const near = hyper({ identity: createIdentity(), dht: nodes[0] })
      const far = hyper({ identity: createIdentity(), dht: nodes[1] })
      const close = async (): Promise<void> => {
        await Promise.all([near.close(), far.close()])
      }
      return { near, far, nobody: addressOf(createIdentity()), close }
    },
  })
})

for (const reverse of [false, true]) {
  describe(`a link over HyperDHT${reverse ? ', begun by whoever accepted,' : ''} keeps the promises of a link`, () => {
    const create = async (): Promise<LinkFixture> => {
      const { fixture, ends } = await streams()
      const order = reverse ? [...ends].reverse() : ends
      const self = createIdentity().id
      const links = order.map((stream, index) =>
        linkOver(fromAuthenticated(stream, { self, expected: null }), { initiator: index === 0 }),
      ) as [MuxLink, MuxLink]
      const clock = (await import('@hearsay/core')).systemClock()
      await Promise.all(links.map((link) => establish(link, { network: 'test', clock })))
      const close = async (): Promise<void> => {
        await Promise.all(links.map((link) => link.close()))
        await fixture.close()
      }
      return { a: links[0], b: links[1], close }
    }
    runConformance({ test: it, create, suite: linkConformance })
  })
}

describe('pools over hyper://', () => {
  it('link by key alone and carry 10 MB each way at once', async () => {
    const [alice, bob] = [createIdentity(), createIdentity()]
    const [a, b] = [pool(alice), pool(bob)]
    expect(await b.listen()).toEqual([addressOf(bob)])
    const heard = new Promise<Link>((resolve) => b.once('link', resolve))
    const link = await a.connect(addressOf(bob))
    const other = await heard
    expect([link.remote, other.remote, link.initiator, other.initiator]).toEqual([bob.id, alice.id, true, false])
    expect(link.handshakeHash).toEqual(other.handshakeHash)
    expect(other.address).toMatchObject({ scheme: 'hyper', peer: alice.id, host: '127.0.0.1' })
    expect(await Promise.all([exchange(link, 10_000_000), exchange(other, 10_000_000)])).toEqual([true, true])
  })

  it('have one link when both dial at once', async () => {
    const [alice, bob] = [createIdentity(), createIdentity()]
    const [a, b] = [pool(alice), pool(bob)]
    await Promise.all([a.listen(), b.listen()])
    const [one, other] = await Promise.all([a.connect(addressOf(bob)), b.connect(addressOf(alice))])
    expect(one.handshakeHash).toEqual(other.handshakeHash)
    expect([a.links.size, b.links.size]).toEqual([1, 1])
  })

  it('do not link across networks', async () => {
    const [alice, bob] = [createIdentity(), createIdentity()]
    const [a, b] = [pool(alice, {}, { network: 'one' }), pool(bob, {}, { network: 'other' })]
    await b.listen()
    expect(await outcome(a.connect(addressOf(bob)))).toMatchObject({ code: 'ERR_HANDSHAKE' })
    expect([a.links.size, b.links.size]).toEqual([0, 0])
  })

  it('limit strangers of one host as over TCP', async () => {
    const bob = createIdentity()
    const b = pool(bob, {}, { ownHosts: () => new Set(), limits: { inboundBurst: 1, inboundPerSecond: 1 } })
    await b.listen()
    const [first, second] = [pool(createIdentity()), pool(createIdentity())]
    await first.connect(addressOf(bob))
    expect(await outcome(second.connect(addressOf(bob)))).toMatchObject({ code: expect.stringMatching(/^ERR_/) })
    expect(b.links.size).toBe(1)
  })

  it('fail by the time for a hello, and never hang, in a DHT of one node that carries nothing', async () => {
    const lonely = await createTestnet(1)
    open.push(lonely)
    const [alice, bob] = [createIdentity(), createIdentity()]
    const where = { bootstrap: lonely.bootstrap }
    const limits = { handshakeTimeoutMs: 1_000, dialTimeoutMs: 4_000 }
    const [a, b] = [pool(alice, where, { limits }), pool(bob, where, { limits })]
    await b.listen()
    const result = (await outcome(a.connect(addressOf(bob)))) as { code?: string; remote?: string }
    // Where it does carry something, that is as good.
    expect(result.code ?? result.remote).toMatch(
      new RegExp(`^(ERR_HANDSHAKE_TIMEOUT|ERR_DIAL|ERR_HANDSHAKE|${bob.id})$`),
    )
  })

  it('reach a peer over TCP when the DHT does not know it', async () => {
    const [alice, bob] = [createIdentity(), createIdentity()]
    const b = createPool({ identity: bob, transports: [tcp()], network: 'test' })
    open.push(b)
    const [place] = await b.listen({ host: '127.0.0.1' })
    const a = createPool({ identity: alice, transports: [transport(alice), tcp()], network: 'test' })
    open.push(a)
    const linked = new Promise<Link>((resolve) => a.once('link', resolve))
    const { createTopic } = await import('@hearsay/core')
    const addresses = [addressOf(bob), ...(place ? [place] : [])]
    a.want({ peer: bob.id, addresses, source: 'seed', persistent: false }, { topic: createTopic('t').id })
    expect((await linked).address?.scheme).toBe('tcp')
  })
})

describe('a stream of HyperDHT', () => {
  it('closes on both sides, once, when one is destroyed', async () => {
    const { fixture, ends } = await streams()
    let closes = 0
    const gone = Promise.all(ends.map((end) => closed(end)))
    for (const end of ends) end.on('close', () => closes++)
    for (const end of ends) end.resume()
    ends[0].destroy()
    ends[0].destroy()
    await gone
    ends[1].destroy()
    await fixture.close()
    expect(closes).toBe(2)
  })

  it('comes authenticated: both ends know the key of the other and one handshake', async () => {
    const { fixture, ends } = await streams()
    const [dialled, accepted] = ends
    expect(Buffer.from(dialled.handshakeHash ?? [])).toEqual(Buffer.from(accepted.handshakeHash ?? [1]))
    const expected = createIdentity().id
    expect(() => fromAuthenticated(dialled, { self: expected, expected })).toThrow(/instead of/)
    await Promise.all([closed(accepted.resume() as AuthenticatedStream), fixture.close()])
  })

  it('closes on both sides when one side ends', async () => {
    const { fixture, ends } = await streams()
    const gone = Promise.all(ends.map((end) => closed(end)))
    for (const end of ends) end.resume()
    ends[0].end()
    await gone
    await fixture.close()
  })

  it('ends at the header of a message beyond the limit', async () => {
    const { fixture, ends } = await streams()
    const [dialled, accepted] = ends
    accepted.resume()
    const gone = new Promise<unknown>((resolve) => accepted.on('error', resolve))
    const raw = (dialled as unknown as { rawStream: { write(bytes: Uint8Array): void } }).rawStream
    // The socket layer itself keeps the beginning of a message back until it has 64 KiB.
    raw.write(Buffer.concat([Buffer.from([0xff, 0xff, 0xff]), Buffer.alloc(200_000)]))
    expect(await gone).toMatchObject({ code: 'ERR_FRAME_SIZE' })
    await fixture.close()
  })

  it('ends when a message was not sealed by the peer', async () => {
    const { fixture, ends } = await streams()
    const [dialled, accepted] = ends
    accepted.resume()
    const gone = closed(accepted)
    const raw = (dialled as unknown as { rawStream: { write(bytes: Uint8Array): void } }).rawStream
    raw.write(Buffer.concat([Buffer.from([40, 0, 0]), Buffer.alloc(40)]))
    await gone
    await fixture.close()
  })
})

describe('dialling over HyperDHT', () => {
  it('rejects with ERR_DIAL for a peer that nobody announced, in words and with the code of the library', async () => {
    const error = await outcome(transport(createIdentity(), { dht: nodes[0] }).dial(addressOf(createIdentity())))
    expect(error).toMatchObject({ code: 'ERR_DIAL', cause: { code: 'PEER_NOT_FOUND' } })
    expect(String(error)).toContain('nobody has announced this key')
  })

  it('rejects with ERR_SELF for its own address, and with ERR_DIAL for one of another scheme', async () => {
    const alice = createIdentity()
    const made = transport(alice, { dht: nodes[0] })
    expect(await outcome(made.dial(addressOf(alice)))).toMatchObject({ code: 'ERR_SELF' })
    expect(await outcome(made.dial(parseAddress('tcp://127.0.0.1:1')))).toMatchObject({ code: 'ERR_DIAL' })
  })

  it('is given up in time where no DHT answers', async () => {
    const clock = virtualClock()
    const made = transport(createIdentity(), { bootstrap: ['127.0.0.1:1'], clock })
    const result = outcome(made.dial(addressOf(createIdentity())))
    // The socket binds in real time before the dial begins.
    while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve))
    await clock.play(10_000)
    expect(await result).toMatchObject({ code: 'ERR_DIAL' })
    expect(clock.pending).toBe(0)
  })

  it('gives up when the signal fires while it searches', async () => {
    const controller = new AbortController()
    const made = transport(createIdentity(), { bootstrap: ['127.0.0.1:1'] })
    const result = outcome(made.dial(addressOf(createIdentity()), controller))
    await new Promise((resolve) => setTimeout(resolve, 50))
    controller.abort()
    expect(await result).toMatchObject({ code: 'ERR_ABORTED' })
  })

  it('rejects with ERR_DIAL and ERR_LISTEN for a host that is not of this machine', async () => {
    const made = transport(createIdentity(), { host: '192.0.2.1', port: 4_000 })
    expect(await outcome(made.dial(addressOf(createIdentity())))).toMatchObject({ code: 'ERR_DIAL' })
    expect(await outcome(made.listen({}, () => {}))).toMatchObject({ code: 'ERR_LISTEN' })
  })

  it('rejects with ERR_DIAL and ERR_LISTEN, in words, where whoever shares a node has none', async () => {
    const alice = createIdentity()
    const made = transport(alice, { dht: { open: async () => null, failure: new Error('no such interface') } })
    const errors = [await outcome(made.dial(addressOf(createIdentity()))), await outcome(made.listen({}, () => {}))]
    expect(errors).toMatchObject([{ code: 'ERR_DIAL' }, { code: 'ERR_LISTEN' }])
    for (const error of errors) expect(String(error)).toContain('no such interface')
    const closed = transport(alice, { dht: { open: async () => null } })
    expect(String(await outcome(closed.listen({}, () => {})))).toContain('it is closed')
  })
})

describe('closing a transport over HyperDHT', () => {
  it('leaves a shared node as it was', async () => {
    const [alice, bob] = [createIdentity(), createIdentity()]
    await transport(alice, { dht: nodes[0] }).close()
    const made = transport(bob, { dht: nodes[0] })
    expect((await made.listen({}, () => {})).addresses).toHaveLength(1)
  })

  it('leaves open what somebody else opens for it', async () => {
    let opened = 0
    const open = async (): Promise<object> => {
      opened += 1
      return nodes[0]
    }
    const bob = createIdentity()
    const made = transport(bob, { dht: { open } })
    expect(opened).toBe(0)
    await made.listen({}, () => {})
    expect(opened).toBe(1)
    await made.close()
    const other = transport(createIdentity(), { dht: nodes[0] })
    expect((await other.listen({}, () => {})).addresses).toHaveLength(1)
  })

  it('leaves nothing that keeps a process alive', async () => {
    const { runChild } = await import('../../core/test/child.js')
    const { fileURLToPath } = await import('node:url')
    const { code, stdout, stderr } = await runChild(fileURLToPath(new URL('hyperdht.child.ts', import.meta.url)))
    expect([stderr, stdout.trim(), code]).toEqual(['', 'closed', 0])
  })
})
