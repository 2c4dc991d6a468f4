import { createSocket, type Socket } from 'node:dgram'
import { fileURLToPath } from 'node:url'
import {
  type Candidate,
  type DiscoverySession,
  discoveryKeys,
  printAddress,
  seededRandom,
  sodiumCrypto,
  systemClock,
} from '@hearsay/core'
import { settle, virtualClock } from '@hearsay/core/memory'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type MainlineOptions, mainline } from '../src/index.js'
import { isPlausible, MainlineSession, type MainlineSessionParts } from '../src/mainline/session.js'
import { createSession } from '../src/session.js'
import { type MainlineNetwork, mainlineNetwork } from './support/mainline-network.js'
import { freePort } from './support/port.js'
import { freshTopic, nextCandidate, wishOf } from './support/wish.js'

let network: MainlineNetwork
beforeAll(async () => {
  network = await mainlineNetwork()
})
afterAll(() => network.close())

const opened: { close(): Promise<void> }[] = []
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())))

function discovery(options: MainlineOptions = {}) {
  const one = mainline({ bootstrap: [network.address], host: '127.0.0.1', ...options })
  opened.push(one)
  return one
}

const isAt =
  (port: number) =>
  ({ addresses }: Candidate): boolean =>
    addresses.some((address) => address.port === port)

/** Places that the network stores under the key. */
function lookup(key: Uint8Array): Promise<string[]> {
  const [, asked = network.nodes[0]] = network.nodes
  const found = new Set<string>()
  asked?.on('peer', ({ host, port }, infoHash) => {
    if (Buffer.from(infoHash).equals(keyOf(key))) found.add(`${host}:${port}`)
  })
  return new Promise((resolve) => asked?.lookup(keyOf(key), () => resolve([...found].sort())))
}

const keyOf = (key: Uint8Array): Buffer => Buffer.from(key.subarray(0, 20))
const announceAt = (key: Uint8Array, port: number): Promise<void> =>
  new Promise((resolve) => network.nodes[3]?.announce(keyOf(key), port, () => resolve()))

describe('a node of the mainline DHT', () => {
  test('is found by host and port, and by nothing that says who it is', async () => {
    const topic = freshTopic()
    discovery().join(topic, wishOf(4_001, { lookup: false }))
    const found = await nextCandidate(discovery().join(topic, wishOf(null, { announce: false })))
    expect({ ...found, addresses: found.addresses.map(printAddress) }).toEqual({
      peer: null,
      addresses: ['tcp://127.0.0.1:4001'],
      source: 'mainline',
    })
  })

  test('that accepts no TCP looks, and announces nothing', async () => {
    const topic = freshTopic()
    await discovery().join(topic, wishOf(null)).flushed()
    expect(await lookup(discoveryKeys(topic, Date.now())[0] as Uint8Array)).toEqual([])
  })

  test('announces and looks under the keys of both days near midnight', async () => {
    const [topic, nearMidnight] = [freshTopic(), Date.UTC(2025, 5, 15, 23, 30)]
    const clock = { ...systemClock(), wall: () => nearMidnight }
    const keys = discoveryKeys(topic, nearMidnight)
    expect(keys).toHaveLength(2)
    const session = discovery({ clock }).join(topic, wishOf(4_001))
    await session.flushed()
    for (const key of keys) expect(await lookup(key)).toEqual(['127.0.0.1:4001'])
    await announceAt(keys[1] as Uint8Array, 4_002)
    session.refresh()
    expect(await nextCandidate(session, isAt(4_002))).toBeDefined()
  })

  test('puts nothing of the topic into its packets but twenty bytes of the day', async () => {
    const topic = freshTopic()
    const seen = new Set<string>()
    const onAnnounce = (_peer: unknown, infoHash: Uint8Array): void =>
      void seen.add(Buffer.from(infoHash).toString('hex'))
    for (const node of network.nodes) node.on('announce', onAnnounce)
    await discovery().join(topic, wishOf(4_001)).flushed()
    const keys = discoveryKeys(topic, Date.now()).map((key) => keyOf(key).toString('hex'))
    expect([...seen].filter((key) => !keys.includes(key))).toEqual([])
    for (const part of [topic.key, topic.idBytes])
      expect(keys.join().includes(Buffer.from(part).toString('hex', 0, 8))).toBe(false)
  })

  test('is not announced when it leaves while it looks for where', async () => {
    const topic = freshTopic()
    const session = discovery().join(topic, wishOf(4_001))
    await session.leave()
    const other = discovery().join(topic, wishOf(4_002))
    await other.flushed()
    expect(await lookup(discoveryKeys(topic, Date.now())[0] as Uint8Array)).toEqual(['127.0.0.1:4002'])
  })

  test('that has left is not announced again, and is forgotten where it was stored', async () => {
    const forgetful = await mainlineNetwork({ maxAge: 150 })
    opened.push(forgetful)
    const topic = freshTopic()
    const session = discovery({ bootstrap: [forgetful.address] }).join(topic, wishOf(4_001))
    await session.flushed()
    await session.leave()
    const key = keyOf(discoveryKeys(topic, Date.now())[0] as Uint8Array)
    const isStored = async (): Promise<boolean> => {
      let found = false
      const asked = forgetful.nodes[1]
      asked?.on('peer', (_peer, infoHash) => {
        found ||= Buffer.from(infoHash).equals(key)
      })
      await new Promise<void>((resolve) => asked?.lookup(key, () => resolve()))
      return found
    }
    await expect.poll(isStored, { timeout: 5_000 }).toBe(false)
  })
})

describe('of what strangers say, it tells', () => {
  test('no service’s port', async () => {
    const [topic, key] = topicAndKey()
    await announceAt(key, 80)
    await announceAt(key, 4_001)
    const session = discovery().join(topic, wishOf(null, { announce: false }))
    await session.flushed()
    expect(await waiting(session)).toEqual([4_001])
  })

  test('at most eight of three hundred that one node tells, by chance', async () => {
    const [topic, key] = topicAndKey()
    for (let port = 10_000; port < 10_300; port++) await announceAt(key, port)
    const told = async (seed: number): Promise<number[]> => {
      const session = discovery({ random: seededRandom(seed) }).join(topic, wishOf(null, { announce: false }))
      await session.flushed()
      return waiting(session)
    }
    const [one, other] = [await told(1), await told(2)]
    // The first node that a newcomer asks knows them all, and so tells no other node.
    expect([one.length, other.length]).toEqual([8, 8])
    expect(one).not.toEqual(other)
  })

  test('at most 64 in one look, however many nodes tell however many', async () => {
    const control = createSession({ refresh: () => {}, leave: async () => {} })
    const node: MainlineSessionParts['node'] = {
      async lookup(_key, { onPeers }) {
        for (let from = 1; from < 50; from++) {
          onPeers(
            [...Array(300).keys()].map((n) => ({ host: `8.8.${from % 200}.${n % 200}`, port: 2_000 + n })),
            '8.8.8.8',
          )
        }
        return true
      },
      announce: async () => true,
    }
    const parts = { node, control, clock: virtualClock(), random: seededRandom(1), crypto: sodiumCrypto() }
    const session = new MainlineSession(freshTopic(), wishOf(null), { ...parts, isOwnHost: () => false })
    session.start()
    await control.session.flushed()
    session.leave()
    expect(await waiting(control.session)).toHaveLength(64)
  })

  test.each([
    ['a public place', '8.8.8.8', '9.9.9.9', true],
    ['a public place of what was announced here', '8.8.8.8', null, true],
    ['nobody’s place', '224.0.0.1', '9.9.9.9', false],
    ['no place at all', '0.0.0.0', '127.0.0.1', false],
    ['this machine by the word of another', '127.0.0.1', '9.9.9.9', false],
    ['this machine by the word of this machine', '127.0.0.1', '127.0.0.1', true],
    ['a local network by the word of a stranger', '192.168.1.1', '9.9.9.9', false],
    ['a local network by the word of one of it', '192.168.1.1', '192.168.1.2', true],
    ['a local network by the word of this machine', '10.0.0.1', '127.0.0.1', true],
    ['this machine by the word of the local network', '127.0.0.1', '10.0.0.1', false],
  ])('%s: %s, told by %s: %s', (_what, host, teller, plausible) => {
    expect(isPlausible({ host, port: 4_001 }, teller)).toBe(plausible)
    expect(isPlausible({ host, port: 1_023 }, teller)).toBe(false)
  })
})

describe('what it answers to others', () => {
  const [query, bencode] = ['1:y1:qe', (bytes: Uint8Array) => Buffer.concat([Buffer.from(`${bytes.length}:`), bytes])]

  /** One query of a bare socket, and the answer to it. */
  async function ask(socket: Socket, port: number, name: string, args: Buffer): Promise<string> {
    const answer = new Promise<string>((resolve) => {
      const onMessage = (message: Buffer): void => {
        const text = message.toString('latin1')
        // The node asks whoever it hears of, too.
        if (!text.includes('1:t2:aa')) return
        socket.off('message', onMessage)
        resolve(text)
      }
      socket.on('message', onMessage)
    })
    const head = Buffer.concat([Buffer.from('d1:ad2:id'), bencode(Buffer.alloc(20, 7)), args])
    socket.send(Buffer.concat([head, Buffer.from(`e1:q${name.length}:${name}1:t2:aa${query}`)]), port, '127.0.0.1')
    return await answer
  }

  test('fits a datagram: eight nodes, or a hundred of many peers', async () => {
    const socket = createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    opened.push({ close: () => new Promise<void>((resolve) => socket.close(() => resolve())) })
    const port = await freePort()
    await discovery({ port }).join(freshTopic(), wishOf(4_001)).flushed()
    const hash = Buffer.concat([Buffer.from('9:info_hash'), bencode(Buffer.alloc(20, 9))])
    const first = await ask(socket, port, 'get_peers', hash)
    expect(first).toContain(`5:nodes${8 * 26}:`)
    const [, length = '', rest = ''] = /5:token(\d+):(.*)/s.exec(first) ?? []
    const token = Buffer.concat([Buffer.from('5:token'), bencode(Buffer.from(rest.slice(0, Number(length)), 'latin1'))])
    for (let n = 10_000; n < 10_150; n++) {
      await ask(socket, port, 'announce_peer', Buffer.concat([hash, Buffer.from(`4:porti${n}e`), token]))
    }
    const answer = await ask(socket, port, 'get_peers', hash)
    expect(answer.split('6:\x7f\0\0\x01')).toHaveLength(101)
    expect(answer.length).toBeLessThan(1_200)
  })
})

test('closing leaves nothing that keeps a process alive', async () => {
  const { runChild } = await import('../../core/test/child.js')
  const program = fileURLToPath(new URL('support/mainline-program.ts', import.meta.url))
  const { code, stdout, stderr } = await runChild(program)
  expect([stderr, stdout.trim(), code]).toEqual(['', 'closed', 0])
})

describe('without a network', () => {
  const unreachable: [string, MainlineOptions][] = [
    ['no bootstrap node', { bootstrap: [] }],
    ['a dead bootstrap node', { bootstrap: ['127.255.255.254:9009'] }],
    ['a host of another machine', { host: '203.0.113.1' }],
  ]
  test.each(unreachable)('%s: leave and close return promptly, and flushed resolves', async (_what, options) => {
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
    const again = discovery(options)
    await again.join(freshTopic(), wishOf(4_001)).flushed()
  })

  test('a port that is taken is told to the logger, and tried again', async () => {
    const holder = createSocket('udp4')
    await new Promise<void>((resolve) => holder.bind(0, '127.0.0.1', resolve))
    const { port } = holder.address()
    const told: string[] = []
    const one = discovery({ port, logger: ({ message }) => told.push(message) })
    const [topic, key] = topicAndKey()
    const session = one.join(topic, wishOf(null, { announce: false }))
    await session.flushed()
    expect(told).toContain('the DHT cannot open its socket')
    await new Promise<void>((resolve) => holder.close(() => resolve()))
    await announceAt(key, 4_001)
    session.refresh()
    expect(await nextCandidate(session, isAt(4_001))).toBeDefined()
  })

  test('time alone ends a query that nobody answers', async () => {
    const clock = virtualClock()
    const silent = createSocket('udp4')
    await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve))
    const one = discovery({ bootstrap: [`127.0.0.1:${silent.address().port}`], clock })
    const session = one.join(freshTopic(), wishOf(null, { announce: false }))
    let flushed = false
    void session.flushed().then(() => {
      flushed = true
    })
    // The socket is opened in real time, and then the query has its timer beside the schedule's.
    await expect.poll(() => clock.pending).toBeGreaterThan(1)
    await clock.play(20_000)
    expect(flushed).toBe(true)
    await one.close()
    expect(clock.pending).toBe(0)
    await new Promise<void>((resolve) => silent.close(() => resolve()))
  })
})

test('join after close is refused, and close twice is once', async () => {
  const one = discovery()
  const session = one.join(freshTopic(), wishOf(4_001))
  await Promise.all([one.close(), one.close()])
  await session.leave()
  expect(() => one.join(freshTopic(), wishOf(4_001))).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
})

test('a malformed bootstrap address, an IPv6 host or no concurrency is the caller’s mistake', () => {
  expect(() => mainline({ bootstrap: ['nonsense'] })).toThrow(TypeError)
  expect(() => mainline({ bootstrap: ['192.0.2.1:0'] })).toThrow(TypeError)
  expect(() => mainline({ host: '2001:db8::1' })).toThrow(TypeError)
  expect(() => mainline({ concurrency: 0 })).toThrow(TypeError)
})

/** The ports of what waits for a reader. */
async function waiting(session: DiscoverySession): Promise<number[]> {
  const ports: number[] = []
  const reading = (async () => {
    for await (const { addresses } of session) ports.push(addresses[0]?.port ?? 0)
  })()
  await settle()
  await session.leave()
  await reading
  return ports
}

function topicAndKey() {
  const topic = freshTopic()
  return [topic, discoveryKeys(topic, Date.now())[0] as Uint8Array] as const
}
