// Plays the table of socket-faults.ts against one node that has to live through all of it. No socket, stream or pool here
// has a handler of the application for errors: one that the package does not handle ends this process. Prints a line of
// JSON for each case: whether the fault came to pass, and whether the two link afterwards.

import { subscribe } from 'node:diagnostics_channel'
import { connect, createServer, type Socket } from 'node:net'
import { type Address, createIdentity, type Identity, type Link, parseAddress } from '@hearsay/core'
import { createPool, type Pool, tcp } from '@hearsay/transport'
import { type DhtNode, type DhtStream, hyper } from '@hearsay/transport/hyperdht'
import { websocket } from '@hearsay/transport/ws'
import { CASES, type Case, type Site } from './socket-faults.js'
import { createTestnet } from './testnet.js'

type Side = 'near' | 'far'

/** The fault that is to come; null for none. */
let armed: { readonly site: Site; readonly kind: string; readonly what: string } | null = null
let fired = false
/** What the armed site got last. */
let target: { fail(way: string): void } | null = null

const sideOf = (site: Site): Side => (/dial|initiator/.test(site) ? 'near' : 'far')

function fire(): void {
  if (!armed || !target || fired) return
  fired = true
  target.fail(armed.kind)
}

/** Called at moments that both sides pass. */
function pass(side: Side, moment: string): void {
  if (armed?.what === moment && sideOf(armed.site) === side) fire()
}

/** True once, for the callback that is to throw. */
function mistake(side: Side, callback: string): void {
  if (armed?.kind !== 'throw' || armed.what !== callback || sideOf(armed.site) !== side) return
  fired = true
  throw new Error(`a mistake of the application in ${callback}`)
}

function onSocket(side: Side, socket: Socket): void {
  if (!armed || armed.kind === 'throw' || sideOf(armed.site) !== side || !/tcp|ws|attach/.test(armed.site)) return
  const fail = (way: string): void => {
    if (way === 'reset') socket.resetAndDestroy()
    else socket.destroy(new Error('injected'))
  }
  target = { fail }
  const { what, site } = armed
  if (what === 'connected' && !site.startsWith('attach')) {
    if (side === 'near') socket.prependOnceListener('connect', fire)
    else fire()
  }
  const isPast = PROGRESS[what]?.[site.startsWith('ws') ? 'ws' : 'plain']?.[side]
  if (isPast) until(() => socket.destroyed || isPast(socket), fire)
}

type Test = (socket: Socket) => boolean
/** An upgrade has some 200 bytes each way; the first message of the handshake has 34. */
const PROGRESS: Readonly<Record<string, Partial<Record<'plain' | 'ws', Record<Side, Test>>>>> = {
  upgrade: { ws: { near: (socket) => socket.bytesWritten > 0, far: (socket) => socket.bytesRead > 0 } },
  upgraded: { ws: { near: (socket) => socket.bytesRead > 0, far: (socket) => socket.bytesWritten > 0 } },
  handshake: {
    plain: { near: (socket) => socket.bytesWritten > 0, far: (socket) => socket.bytesRead > 0 },
    ws: {
      near: (socket) => socket.bytesRead > 0 && socket.bytesWritten > 240,
      far: (socket) => socket.bytesWritten > 0 && socket.bytesRead > 240,
    },
  },
}

function until(isSo: () => boolean, then: () => void): void {
  if (isSo()) then()
  else setImmediate(() => until(isSo, then))
}

subscribe('net.client.socket', (message) => onSocket('near', (message as { socket: Socket }).socket))
subscribe('net.server.socket', (message) => onSocket('far', (message as { socket: Socket }).socket))

/** A node whose streams can be failed. */
function failing(node: DhtNode): DhtNode {
  const take = (side: Side, stream: DhtStream): DhtStream => {
    if (armed?.site.startsWith('hyper') && sideOf(armed.site) === side) {
      const raw = (): { destroy(): void } => (stream.rawStream ?? stream) as unknown as { destroy(): void }
      target = { fail: (way) => (way === 'reset' ? raw().destroy() : void stream.destroy(new Error('injected'))) }
      pass(side, 'connected')
    }
    return stream
  }
  return {
    connect: (key, options) => take('near', node.connect(key, options)),
    createServer: (options, onConnection) => node.createServer(options, (stream) => onConnection(take('far', stream))),
    bind: () => node.bind(),
    destroy: (options) => node.destroy(options),
  }
}

function createNode(identity: Identity, side: Side, dht: DhtNode): Pool {
  const pool = createPool({
    identity,
    transports: [tcp(), websocket(), hyper({ identity, dht })],
    network: 'test',
    limits: { pingIntervalMs: 400, handshakeTimeoutMs: 1_000 },
    validatePeer() {
      pass(side, 'authenticated')
      mistake(side, 'validatePeer')
      // A warning has to have a reason.
      if (armed?.what === 'warning' && sideOf(armed.site) === side) throw new Error('a reason to warn')
      return true
    },
  })
  pool.on('link', (link) => {
    pass(side, 'linked')
    answer(link, side)
    mistake(side, 'link')
  })
  return pool
}

/** Sends back what comes. */
function answer(link: Link, side: Side): void {
  const channel = link.openChannel({ protocol: 'echo' })
  if (side === 'near') channel.on('open', () => channel.send(Uint8Array.of(1)))
  channel.on('open', () => mistake(side, 'channel'))
  channel.on('frame', (frame) => {
    if (side === 'far') channel.send(frame)
    else heard.add(link)
    mistake(side, 'channel')
  })
}
const heard = new WeakSet<Link>()

async function soon(isSo: () => boolean, what: string, ms = 5_000): Promise<void> {
  const late = performance.now() + ms
  while (!isSo()) {
    if (performance.now() > late) throw new Error(`not in time: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Both ends as an application may hand them in: without a handler. */
async function socketPair(): Promise<readonly [Socket, Socket]> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const near = connect(port, '127.0.0.1')
  const far = await accepted
  if (near.connecting) await new Promise((resolve) => near.once('connect', resolve))
  server.close()
  return [near, far]
}

const testnet = await createTestnet(3)
const [nearDht, farDht] = [testnet.createNode(), testnet.createNode()].map(failing) as [DhtNode, DhtNode]
const hub = createIdentity()
const far = createNode(hub, 'far', farDht)
await far.listen({ host: '127.0.0.1' })

function addressFor(site: Site): Address {
  const [scheme = ''] = site.split(' ')
  if (scheme === 'hyper') return parseAddress(`hyper://${hub.id}`)
  const address = far.addresses.find((each) => each.scheme === scheme)
  if (!address) throw new Error(`listening on ${scheme}`)
  return address
}

/** The stranger says half of a request, so that the server is in the middle of the upgrade. */
async function halfUpgrade(): Promise<void> {
  const { host, port } = addressFor('ws accept')
  const stranger = connect(port, host)
  stranger.on('error', () => {})
  stranger.resume()
  stranger.write('GET / HTTP/1.1\r\nHost: x\r\n')
  await soon(() => fired && stranger.destroyed, 'the end of half an upgrade')
}

/** One try to link; what comes of it is looked at by whoever calls. */
async function meet(near: Pool, site: Site): Promise<void> {
  if (!site.startsWith('attach')) return void (await near.connect(addressFor(site)))
  const [one, other] = await socketPair()
  pass('near', 'connected')
  pass('far', 'connected')
  const both = await Promise.allSettled([
    near.attach(one, { initiator: true }),
    far.attach(other, { initiator: false }),
  ])
  for (const each of both) if (each.status === 'rejected') throw each.reason
}

async function play({ site, fault }: Case): Promise<object> {
  const startedAt = performance.now()
  const [kind = '', what = ''] = fault.split(' ')
  const near = createNode(createIdentity(), 'near', nearDht)
  const pools = { near, far }
  const stop = what === 'warning' ? pools[sideOf(site)].on('warning', () => mistake(sideOf(site), 'warning')) : null
  fired = false
  target = null
  armed = { site, kind, what }
  if (site === 'ws accept' && what === 'upgrade') await halfUpgrade()
  else await meet(near, site).catch(() => {})
  await soon(() => fired, `${site}: ${fault}`)
  if (kind === 'throw' && what !== 'validatePeer' && what !== 'warning') await near.disconnect(hub.id)
  await soon(() => near.links.size + far.links.size + far.inspect().halfOpen === 0, `the end after ${site}: ${fault}`)
  armed = null
  stop?.()
  await meet(near, site)
  await soon(() => [...near.links.values()].some((link) => heard.has(link)), `an echo after ${site}: ${fault}`)
  await near.close()
  await soon(() => far.links.size === 0, `the goodbye after ${site}: ${fault}`)
  return { site, fault, linked: true, ms: Math.round(performance.now() - startedAt) }
}

for (const each of CASES) console.log(JSON.stringify(await play(each)))
await far.close()
await testnet.close()
