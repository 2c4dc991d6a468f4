import { createRequire } from 'node:module'
import { createIdentity, type Identity, type IncomingStream, type Link, systemClock } from '@hearsay/core'
import { type LinkFixture, linkConformance, runConformance } from '@hearsay/core/conformance'
import { establish, type MuxLink } from '@hearsay/core/mux'
import { createPool, type Pool } from '@hearsay/transport'
import { hyperswarmLinks, type SharedStream, type Swarm } from '@hearsay/transport/hyperswarm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CARRIER_PROTOCOL } from '../src/hyperswarm/carrier.js'
import { linkOver } from '../src/noise.js'
import { type AuthenticatedStream, fromAuthenticated } from '../src/pool/authenticated.js'
import { exchange, outcome } from './fixtures.js'
import { createTestnet, type Testnet } from './testnet.js'

interface OpenSwarm extends Swarm {
  readonly keyPair: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array }
  join(topic: Uint8Array, options?: object): { flushed(): Promise<void> }
  flush(): Promise<unknown>
  destroy(): Promise<void>
}

interface ForeignChannel {
  open(handshake?: Uint8Array): void
  close(): void
  addMessage(options: object): { send(value: string): boolean }
}

interface ForeignMux {
  createChannel(options: object): ForeignChannel | null
  pair(name: object, notify: () => void): void
}

const load = createRequire(import.meta.url)
const Hyperswarm = load('hyperswarm') as new (options: object) => OpenSwarm
const Protomux = load('protomux') as { from(stream: object): ForeignMux }
const { string } = load('compact-encoding') as { string: object }

let testnet: Testnet
const open: { close(): Promise<void> }[] = []

beforeAll(async () => {
  testnet = await createTestnet(5)
})

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

afterAll(() => testnet.close())

interface Program {
  readonly swarm: OpenSwarm
  readonly identity: Identity
}

/** What somebody runs who knows nothing of us. */
function program(): Program {
  const swarm = new Hyperswarm({ dht: testnet.createNode() })
  open.push({ close: () => swarm.destroy() })
  return { swarm, identity: createIdentity({ seed: swarm.keyPair.secretKey.subarray(0, 32) }) }
}

function poolOf({ swarm, identity }: Program): Pool {
  const made = createPool({ identity, transports: [hyperswarmLinks(swarm, { identity })], network: 'test' })
  open.unshift(made)
  return made
}

const nextStream = (swarm: OpenSwarm): Promise<SharedStream> =>
  new Promise((resolve) => {
    const listener = (stream: SharedStream): void => {
      swarm.removeListener('connection', listener)
      resolve(stream)
    }
    swarm.on('connection', listener)
  })

/** Lets two swarms meet; their connections as each side sees it. */
async function meet(one: OpenSwarm, other: OpenSwarm): Promise<readonly [SharedStream, SharedStream]> {
  const topic = Buffer.from(crypto.getRandomValues(new Uint8Array(32)))
  const streams = Promise.all([nextStream(one), nextStream(other)])
  await one.join(topic, { server: true, client: false }).flushed()
  other.join(topic, { server: false, client: true })
  return streams
}

/** A channel of the foreign program: what it hears, and how it speaks. */
function chat(stream: object): { heard: string[]; say: (text: string) => void; next: () => Promise<string> } {
  const heard: string[] = []
  let tell: (text: string) => void = () => {}
  const channel = Protomux.from(stream).createChannel({ protocol: 'foreign/chat' })
  const onmessage = (text: string): void => {
    heard.push(text)
    tell(text)
  }
  const message = channel?.addMessage({ encoding: string, onmessage })
  channel?.open()
  const next = (): Promise<string> =>
    new Promise((resolve) => {
      tell = resolve
    })
  return { heard, say: (text) => void message?.send(text), next }
}

const nextLink = (from: Pool): Promise<Link> => new Promise((resolve) => from.once('link', resolve))

describe('a link over a Hyperswarm connection keeps the promises of a link', () => {
  const create = async (): Promise<LinkFixture> => {
    const programs = [program(), program()] as const
    const incoming = programs.map(({ swarm, identity }) => {
      const transport = hyperswarmLinks(swarm, { identity })
      return new Promise<IncomingStream>((resolve) => void transport.listen({}, resolve))
    })
    await meet(programs[0].swarm, programs[1].swarm)
    const streams = await Promise.all(incoming)
    const links = streams.map(({ stream, initiator = false }, index) => {
      const self = programs[index]?.identity.id ?? createIdentity().id
      return linkOver(fromAuthenticated(stream as AuthenticatedStream, { self, expected: null }), { initiator })
    })
    await Promise.all(links.map((link) => establish(link, { network: 'test', clock: systemClock() })))
    const [a, b] = links.sort((left, right) => Number(right.initiator) - Number(left.initiator)) as [MuxLink, MuxLink]
    const close = async (): Promise<void> => {
      await Promise.all([a.close(), b.close()])
    }
    return { a, b, close }
  }
  runConformance({ test: it, create, suite: linkConformance })
})

describe('links of a Hyperswarm', () => {
  it('run beside a channel of the program that made the connection, which outlives them', async () => {
    const [one, other] = [program(), program()]
    const pools = [poolOf(one), poolOf(other)] as const
    await Promise.all(pools.map((each) => each.listen()))
    const links = Promise.all(pools.map(nextLink))
    const [left, right] = (await meet(one.swarm, other.swarm)).map(chat) as [
      ReturnType<typeof chat>,
      ReturnType<typeof chat>,
    ]
    const [a, b] = (await links) as [Link, Link]
    expect([a.remote, b.remote, a.initiator === b.initiator]).toEqual([other.identity.id, one.identity.id, false])
    const bulk = Promise.all([exchange(a, 10_000_000), exchange(b, 10_000_000)])
    for (let index = 0; index < 100; index++) {
      const [atRight, atLeft] = [right.next(), left.next()]
      left.say(`to the right ${index}`)
      right.say(`to the left ${index}`)
      await Promise.all([atRight, atLeft])
    }
    expect(await bulk).toEqual([true, true])
    expect([left.heard[99], right.heard[99], left.heard.length]).toEqual(['to the left 99', 'to the right 99', 100])
    await Promise.all(pools.map((each) => each.close()))
    const again = right.next()
    left.say('still here')
    expect(await again).toBe('still here')
  })

  it('are made of connections that were open before, whoever comes first', async () => {
    const [one, other] = [program(), program()]
    await meet(one.swarm, other.swarm)
    const a = poolOf(one)
    await a.listen()
    // The other program does not know us: the offer is refused and nothing happens.
    const ping = chat([...one.swarm.connections][0] as object)
    const pong = chat([...other.swarm.connections][0] as object)
    const refused = ping.next()
    pong.say('and the connection lives')
    await refused
    expect(a.links.size).toBe(0)
    const b = poolOf(other)
    const links = Promise.all([nextLink(a), nextLink(b)])
    await b.listen()
    expect((await links).map(({ remote }) => remote)).toEqual([other.identity.id, one.identity.id])
  })

  it('are made again on the connection, under another handshake hash, when one side comes back', async () => {
    const [one, other] = [program(), program()]
    const [a, first] = [poolOf(one), poolOf(other)]
    await Promise.all([a.listen(), first.listen()])
    const links = Promise.all([nextLink(a), nextLink(first)])
    await meet(one.swarm, other.swarm)
    const [before] = await links
    const ended = new Promise((resolve) => a.once('unlink', resolve))
    await first.close()
    await ended
    const second = poolOf(other)
    const again = Promise.all([nextLink(a), nextLink(second)])
    await second.listen()
    const [left, right] = await again
    expect(left.handshakeHash).toEqual(right.handshakeHash)
    expect(left.handshakeHash).not.toEqual(before.handshakeHash)
  })

  it('end with the connection', async () => {
    const [one, other] = [program(), program()]
    const [a, b] = [poolOf(one), poolOf(other)]
    await Promise.all([a.listen(), b.listen()])
    const links = Promise.all([nextLink(a), nextLink(b)])
    const [stream] = await meet(one.swarm, other.swarm)
    await links
    const ended = Promise.all([a, b].map((each) => new Promise((resolve) => each.once('unlink', resolve))))
    stream.destroy()
    await ended
    expect([a.links.size, b.links.size]).toEqual([0, 0])
  })

  it('end alone when a peer breaks the protocol on its channel', async () => {
    const [one, other] = [program(), program()]
    const a = poolOf(one)
    await a.listen()
    const heard = nextStream(other.swarm)
    void meet(one.swarm, other.swarm)
    const stream = await heard
    const { raw } = load('compact-encoding') as { raw: object }
    const channel = Protomux.from(stream).createChannel({
      protocol: CARRIER_PROTOCOL,
      handshake: raw,
      onclose: () => closed(),
    })
    let closed: () => void = () => {}
    const gone = new Promise<void>((resolve) => {
      closed = resolve
    })
    const garbage = channel?.addMessage({ encoding: string })
    channel?.open(Buffer.alloc(32))
    for (let index = 0; index < 20; index++) garbage?.send('\u0000\u0001 no message of a link')
    await gone
    const [left, right] = [chat([...one.swarm.connections][0] as object), chat(stream)]
    const next = right.next()
    left.say('the connection lives')
    expect([await next, a.links.size]).toEqual(['the connection lives', 0])
  })

  it('cannot be dialled, nor taken twice at once, nor under another key', async () => {
    const { swarm, identity } = program()
    const transport = hyperswarmLinks(swarm, { identity })
    const listener = await transport.listen({}, () => {})
    expect(listener.addresses).toEqual([])
    expect(await outcome(transport.listen({}, () => {}))).toMatchObject({ code: 'ERR_LISTEN' })
    const address = { scheme: 'hyperswarm', peer: null, host: 'x', port: 0, path: '' }
    expect(await outcome(transport.dial(address))).toMatchObject({ code: 'ERR_DIAL' })
    await listener.close()
    await (await transport.listen({}, () => {})).close()
    await transport.close()
    expect(await outcome(transport.listen({}, () => {}))).toMatchObject({ code: 'ERR_CLOSED' })
    expect(() => hyperswarmLinks(swarm, { identity: createIdentity() })).toThrow(TypeError)
  })
})
