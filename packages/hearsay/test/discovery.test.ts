// How nodes with nothing but a topic in common come to be linked: at the same moment, through one seed, after a restart.

import { afterEach, describe, expect, it } from 'vitest'
import { mainlineNetwork } from '../../discovery/test/support/mainline-network.js'
import {
  type AddressBook,
  createAddressBook,
  createBootstrapServer,
  createNode,
  createSwarm,
  type Discovery,
  hyperdht,
  mainline,
  mdns,
  type Node,
  type NodeOptions,
  type Room,
  type Swarm,
  seeds,
  type Transport,
  tcp,
  utp,
} from '../src/index.js'
import { addressOf } from './nodes.js'

const RUNS = Number(process.env.HEARSAY_RUNS ?? 10)
const DEADLINE_MS = 5_000
const host = '127.0.0.1'

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

function node(discovery: readonly Discovery[], options: NodeOptions = {}): Node {
  const made = createNode({ host, discovery, ...options })
  open.push(made)
  return made
}

async function until(holds: () => boolean | Promise<boolean>, ms = DEADLINE_MS): Promise<void> {
  const end = performance.now() + ms
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

interface Network {
  readonly address: string
  close(): Promise<unknown>
}

describe('over mDNS, which tells the port of TCP alone', () => {
  it('a node that TCP does not get out of is linked by uTP at the same port', async () => {
    const real = tcp()
    const blocked: Transport = {
      scheme: real.scheme,
      capabilities: real.capabilities,
      listen: (...given) => real.listen(...given),
      close: () => real.close(),
      dial: () => Promise.reject(new Error('blocked')),
    }
    const [near, far] = [blocked, tcp()].map((transport) =>
      createSwarm({ host, discovery: [mdns({ host })], transports: [transport, utp()] }),
    ) as [Swarm, Swarm]
    open.push(near, far)
    const types = [near, far].map(
      (swarm) => new Promise((resolve) => swarm.once('connection', (_, info) => resolve(info.type))),
    )
    // Only one of them dials.
    far.join(`by uTP ${process.pid}`, { announce: true, lookup: false })
    near.join(`by uTP ${process.pid}`, { lookup: true, announce: false })
    expect(await Promise.all(types)).toEqual(['utp', 'utp'])
  })
})

describe.each<[string, () => Promise<Network>, (bootstrap: readonly string[]) => Discovery]>([
  ['HyperDHT', () => createBootstrapServer({ host }), (bootstrap) => hyperdht({ host, port: 0, bootstrap })],
  ['mDNS', async () => ({ address: '', close: async () => {} }), () => mdns({ host })],
  ['mainline', () => mainlineNetwork(), (bootstrap) => mainline({ host, bootstrap })],
])('over %s alone', (name, createNetwork, create) => {
  it(
    `two fresh nodes that join in the same moment are linked, ${RUNS} times of ${RUNS}`,
    async () => {
      const network = await createNetwork()
      open.push(network)
      const times: number[] = []
      for (let run = 0; run < RUNS; run++) {
        const nodes = [0, 1].map(() => createNode({ host, discovery: [create([network.address])] }))
        await Promise.all(nodes.map((each) => each.ready()))
        const startedAt = performance.now()
        const rooms = await Promise.all(nodes.map((each) => each.join(`${name} ${process.pid} ${run}`)))
        const signal = AbortSignal.timeout(DEADLINE_MS)
        await Promise.all(rooms.map((room) => room.ready({ signal })))
        times.push(performance.now() - startedAt)
        await Promise.all(nodes.map((each) => each.close()))
      }
      times.sort((a, b) => a - b)
      const at = (share: number): number => Math.round(times[Math.ceil(times.length * share) - 1] ?? 0)
      console.log(`${name}: linked ${times.length} of ${RUNS}, ms: p50 ${at(0.5)}, p99 ${at(0.99)}, most ${at(1)}`)
      expect(times).toHaveLength(RUNS)
    },
    20_000 + RUNS * DEADLINE_MS,
  )
})

describe('one seed', () => {
  it('is enough for twelve nodes to have five links each, and is not needed any more then', async () => {
    const seed = node([])
    await seed.join('crowd')
    const others = Array.from({ length: 12 }, () => node([seeds([addressOf(seed)])]))
    const rooms: Room<unknown>[] = await Promise.all(others.map((each) => each.join('crowd')))
    await until(() => rooms.every(({ peers }) => peers.size >= 5), 15_000)
    await seed.close()
    await until(() => rooms.every(({ peers }) => !peers.has(seed.id)))
    expect(Math.min(...rooms.map(({ peers }) => peers.size))).toBeGreaterThanOrEqual(5)
    const newcomer = node([seeds([addressOf(others[7] as Node)])])
    const room = await newcomer.join('crowd')
    await until(() => room.peers.size >= 5)
  }, 30_000)

  it('tells nobody of others when exchange is off', async () => {
    const seed = node([], { exchange: false })
    await seed.join('crowd')
    const others = Array.from({ length: 3 }, () => node([seeds([addressOf(seed)])], { exchange: false }))
    const rooms = await Promise.all(others.map((each) => each.join('crowd')))
    await Promise.all(rooms.map((room) => room.ready()))
    for (const each of others) await seed.connect(addressOf(each))
    expect(rooms.map(({ peers }) => [...peers.keys()])).toEqual(rooms.map(() => [seed.id]))
  })

  it('is not told of by those who share another topic only', async () => {
    const seed = node([])
    await Promise.all([seed.join('one'), seed.join('two')])
    const [a, b] = [node([seeds([addressOf(seed)])]), node([seeds([addressOf(seed)])])]
    const rooms = await Promise.all([a.join('one'), b.join('two')])
    await Promise.all(rooms.map((room) => room.ready()))
    const third = node([seeds([addressOf(seed)])])
    const room = await third.join('two')
    await until(() => room.peers.size === 2)
    expect(a.links.size).toBe(1)
  })
})

describe('the address book', () => {
  const remembered = async (book: AddressBook, peer: string): Promise<boolean> => {
    for await (const known of book.known()) if (known.peer === peer && known.topics.length > 0) return true
    return false
  }

  it('leads a node that starts again to those it was linked with, when the seeds are gone', async () => {
    const book = createAddressBook()
    open.push(book)
    const stays = node([])
    await stays.join('again')
    const first = node([seeds([addressOf(stays)])], { addressBook: book })
    await (await first.join('again')).ready()
    await until(() => remembered(book, stays.id))
    await first.close()
    const second = node([], { addressBook: book })
    const room = await second.join('again')
    await room.ready({ signal: AbortSignal.timeout(DEADLINE_MS) })
    expect([...room.peers.keys()]).toEqual([stays.id])
  })

  it('is there for every node, and knows whom it reached and what failed', async () => {
    const other = node([])
    const own = node([])
    await other.ready()
    await own.connect(addressOf(other))
    await until(async () => (await own.addressBook.getStats(other.id))?.successes === 1)
    await expect(own.connect('tcp://127.255.255.254:4000')).rejects.toMatchObject({ code: 'ERR_DIAL' })
    expect(await own.addressBook.getStats()).toMatchObject({ peers: 1, proven: 1 })
    await own.addressBook.remove(other.id)
    expect(await own.addressBook.getStats(other.id)).toBeNull()
  })

  it('takes addresses by hand, which the next room tries', async () => {
    const other = node([])
    await other.join('by hand')
    const own = node([])
    await own.addressBook.save(addressOf(other))
    const room = await own.join('by hand')
    await room.ready({ signal: AbortSignal.timeout(DEADLINE_MS) })
    expect(room.peers.has(other.id)).toBe(true)
  })
})
