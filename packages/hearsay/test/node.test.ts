import { execFile } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Address, Discovery, DiscoveryJoin } from '@hearsay/core'
import { afterEach, describe, expect, it } from 'vitest'
import { resolveHost } from '../src/host.js'
import { createNode, join, type Node, type Peer, readEnvironment, safeJson, safeText } from '../src/index.js'
import { addressOf, localNode, next, TOPIC } from './nodes.js'

const run = promisify(execFile)
const open: Node[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close()))
})

function start(...args: Parameters<typeof localNode>): Node {
  const node = localNode(...args)
  open.push(node)
  return node
}

describe('a node', () => {
  it('tells where it can be dialled: never a wildcard', async () => {
    const node = createNode({ discovery: [] })
    open.push(node)
    await node.ready()
    expect(node.addresses.length).toBeGreaterThan(0)
    for (const { host, port } of node.addresses) {
      expect(['0.0.0.0', '::']).not.toContain(host)
      expect(port).toBeGreaterThan(0)
    }
  })

  it('rejects with a code when its port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await next((listener) => taken.once('listening', listener))
    const node = start({ port: (taken.address() as { port: number }).port })
    await expect(node.ready()).rejects.toMatchObject({ code: 'ERR_LISTEN' })
    await expect(node.join(TOPIC)).rejects.toMatchObject({ code: 'ERR_LISTEN' })
    taken.close()
  })

  it('links to an address, and tells of links that come and go', async () => {
    const [a, b] = [start(), start()]
    await a.ready()
    const linked = next<[{ remote: string }]>((listener) => a.on('link', listener))
    const link = await b.connect(addressOf(a))
    expect([link.remote, (await linked)[0].remote]).toEqual([a.id, b.id])
    expect([...a.links.keys()]).toEqual([b.id])
    const unlinked = next((listener) => a.on('unlink', listener))
    await b.disconnect(a.id)
    await unlinked
    expect(a.links.size).toBe(0)
  })

  it('tells a room of its peers by their key, their address and who dialled', async () => {
    const [a, b] = [start(), start()]
    const [ours, theirs] = [await a.join(TOPIC), await b.join(TOPIC)]
    const told = [ours, theirs].map((room) => next<[Peer]>((listener) => room.on('peer', listener)))
    await b.connect(addressOf(a))
    const [[inward], [outward]] = (await Promise.all(told)) as [[Peer], [Peer]]
    expect(inward).toMatchObject({ id: b.id, direction: 'in' })
    expect(outward).toMatchObject({ id: a.id, direction: 'out' })
    const [listening] = a.addresses as [Address]
    expect(outward.address).toMatchObject({ scheme: listening.scheme, host: listening.host, port: listening.port })
    expect(inward.address).toMatchObject({ host: '127.0.0.1' })
    const left = next<[Peer]>((listener) => ours.on('peer-leave', listener))
    await b.close()
    expect(await left).toEqual([inward])
    expect([...ours.peers.values()]).toEqual([])
  })

  it('refuses to be in one topic twice, and takes it again after leaving', async () => {
    const node = start()
    const room = await node.join(TOPIC)
    await expect(node.join(TOPIC)).rejects.toMatchObject({ code: 'ERR_JOINED' })
    const first = await room.publish(1)
    await room.close()
    const again = await (await node.join(TOPIC)).publish(1)
    expect(again.epoch).toBeGreaterThan(first.epoch)
  })

  it.each(['', 'x'.repeat(257), new Uint8Array(31)])('refuses a topic that is none (%#)', async (topic) => {
    await expect(start().join(topic)).rejects.toMatchObject({ code: 'ERR_TOPIC' })
  })

  it('refuses everything with a code after it is closed, and closes twice as once', async () => {
    const node = start()
    await node.close()
    await node.close()
    await expect(node.join(TOPIC)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(node.connect('tcp://127.0.0.1:9')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  it('says in inspect() where it listens, what it has joined and who is there', async () => {
    const [a, b] = [start(), start()]
    await a.ready()
    await b.connect(addressOf(a))
    const room = await a.join(TOPIC)
    await b.join(TOPIC)
    await room.ready()
    expect(a.inspect()).toMatchObject({
      id: a.id,
      addresses: expect.arrayContaining([addressOf(a)]),
      topics: [{ topic: TOPIC, peers: [b.id] }],
    })
  })

  it('listens for uTP, too, and is reached by that alone where TCP does not get through', async () => {
    const [a, b] = [start(), start()]
    await a.ready()
    const byUtp = a.inspect().addresses.find((address) => address.startsWith('utp:')) ?? ''
    await b.connect(byUtp)
    await a.join(TOPIC)
    const room = await b.join(TOPIC)
    await room.ready()
    expect(b.inspect().topics).toMatchObject([{ peers: [a.id] }])
  })

  it('does not show its secret key when printed', async () => {
    const { createIdentity } = await import('../src/index.js')
    const identity = createIdentity()
    const secret = Buffer.from(identity.secretKey).toString('hex')
    const { inspect } = await import('node:util')
    expect(inspect(identity, { depth: 9, maxArrayLength: 999 }) + JSON.stringify(identity)).not.toContain(
      secret.slice(0, 8),
    )
    expect(Object.keys(identity)).not.toContain('secretKey')
  })
})

describe('options outside their bounds', () => {
  it.each([
    { minPeers: -1 },
    { minPeers: Number.NaN },
    { maxPeers: 0 },
    { pingIntervalMs: 0.5 },
    { limits: { graceMs: -1 } },
  ])('such as %j are refused with a code', (options) => {
    expect(() => createNode({ discovery: [], ...options })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  })
})

describe('minPeers', () => {
  it('lets discoveries take a room with fewer peers for an empty one', async () => {
    const wishes: DiscoveryJoin[] = []
    const discovery: Discovery = {
      name: 'listening',
      capabilities: { identifies: false, local: true },
      join: (_topic, wish) => {
        wishes.push(wish)
        return { flushed: async () => {}, refresh: () => {}, leave: async () => {}, async *[Symbol.asyncIterator]() {} }
      },
      close: async () => {},
    }
    const hub = start({ discovery: [discovery], minPeers: 2 })
    const room = await hub.join('few')
    for (const [index, linked] of [0, 2, 3].entries()) {
      const other = start({ dial: [hub] })
      await other.join('few')
      await room.ready({ peers: index + 1 })
      expect(wishes[0]?.linked()).toBe(linked)
    }
  })
})

describe('the end of a node', () => {
  it('leaves nothing that keeps the process alive', async () => {
    const script = `
      import { createNode, createBootstrapServer, hyperdht, mdns, seeds } from 'hearsay'
      const server = await createBootstrapServer({ host: '127.0.0.1' })
      const discovery = () => [mdns({ host: '127.0.0.1' }), hyperdht({ bootstrap: [server.address], host: '127.0.0.1' }), seeds(['tcp://127.0.0.1:9'])]
      const nodes = [0, 1].map(() => createNode({ host: '127.0.0.1', discovery: discovery() }))
      const rooms = await Promise.all(nodes.map((node) => node.join('end-' + process.pid)))
      await Promise.all(rooms.map((room) => room.ready()))
      await (await rooms[0].publish('x')).confirmed(1)
      await Promise.all([...nodes.map((node) => node.close()), nodes[0].close()])
      await server.close()
      // Sockets that are destroyed need a turn of the event loop to go.
      await new Promise((resolve) => setImmediate(resolve))
      await new Promise((resolve) => setImmediate(resolve))
      console.log(process.getActiveResourcesInfo().filter((name) => !/^(TTYWrap|PipeWrap)$/.test(name)).join() || 'nothing')
    `
    const cwd = fileURLToPath(new URL('../../../examples', import.meta.url))
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd, timeout: 25_000 })
    expect(stdout).toBe('nothing\n')
  })
})

describe('join', () => {
  it('closes its node with its room', async () => {
    const room = await join(TOPIC, { host: '127.0.0.1', discovery: [] })
    await room.publish('x')
    await room.close()
    await expect(room.publish('y')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  it('rejects with a code and leaves nothing when its options are wrong', async () => {
    await expect(join(TOPIC, { host: 'nowhere', discovery: [] })).rejects.toMatchObject({ code: 'ERR_HOST' })
    await expect(join('', { host: '127.0.0.1', discovery: [] })).rejects.toMatchObject({ code: 'ERR_TOPIC' })
  })
})

describe('the environment', () => {
  it('is read whole', () => {
    const env = readEnvironment({
      HEARSAY_NO_MDNS: '1',
      HEARSAY_NO_DHT: 'false',
      HEARSAY_BOOTSTRAP: '127.0.0.1:1, 127.0.0.1:2',
      HEARSAY_SEED_PEER: 'tcp://127.0.0.1:3',
      HEARSAY_HOST: '127.0.0.1',
      HEARSAY_PORT: '4',
      HEARSAY_NO_LISTEN: 'yes',
      HEARSAY_TRANSPORT: 'tcp,ws',
      HEARSAY_WS: '5',
      HEARSAY_MAINLINE: '1',
      HEARSAY_MAINLINE_BOOTSTRAP: '127.0.0.1:6',
      HEARSAY_NO_EXCHANGE: '1',
    })
    expect(env).toEqual({
      mdns: false,
      dht: true,
      bootstrap: ['127.0.0.1:1', '127.0.0.1:2'],
      seedPeers: ['tcp://127.0.0.1:3'],
      host: '127.0.0.1',
      port: 4,
      listen: false,
      transports: ['tcp', 'ws'],
      websocketPort: 5,
      mainline: true,
      mainlineBootstrap: ['127.0.0.1:6'],
      exchange: false,
    })
  })

  it.each([
    { HEARSAY_NO_DHT: 'perhaps' },
    { HEARSAY_PORT: '-1' },
    { HEARSAY_PORT: '65536' },
    { HEARSAY_TRANSPORT: 'tcp,pigeon' },
    { HEARSAY_TRANSPORT: ',' },
    { HEARSAY_WS: 'x' },
  ])('refuses %j with a code', (env) => {
    expect(() => readEnvironment(env)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  })
})

describe('the host', () => {
  const own = ['127.0.0.1', '192.168.2.7', 'fd00::7']

  it.each([
    ['192.168.2.0/24', '192.168.2.7'],
    ['fd00::/8', 'fd00::7'],
    ['10.0.0.1', '10.0.0.1'],
  ])('%s means %s', (host, address) => {
    expect(resolveHost(host, own)).toBe(address)
  })

  it.each(['10.0.0.0/8', '192.168.2.0/33', 'x/8', '192.168.2.0/', '192.168.2.0/24/1', 'localhost'])(
    '%s is refused with a code',
    (host) => {
      expect(() => resolveHost(host, own)).toThrow(expect.objectContaining({ code: 'ERR_HOST' }))
    },
  )
})

describe('remote text', () => {
  const evil = 'a\u001b[2J\u0000\u007f\u009b\u202e\u200b\u2028\ufeff\u{e0041}b'

  it('is shown with everything that is not plainly visible escaped', () => {
    expect(safeText(evil)).toBe('a\\u{1b}[2J\\u{0}\\u{7f}\\u{9b}\\u{202e}\\u{200b}\\u{2028}\\u{feff}\\u{e0041}b')
    expect(safeText('häns 日本 🙂')).toBe('häns 日本 🙂')
    expect(safeText(`e${'\u0301'.repeat(50)}`)).toBe(`e${'\u0301'.repeat(4)}`)
  })

  it('parses back from its JSON to the very same value', () => {
    const line = safeJson({ data: evil })
    expect(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(line)).toBe(false)
    expect(JSON.parse(line)).toEqual({ data: evil })
  })
})
