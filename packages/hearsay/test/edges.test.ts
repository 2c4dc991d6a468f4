// What users do that no example shows: suspending while it starts, joining again at once, options that are none, clocks that
// step, a part that does not work.

import { type Candidate, createIdentity, type Discovery, parseAddress, type Topic } from '@hearsay/core'
import { virtualClock } from '@hearsay/core/memory'
import { dhtNode } from '@hearsay/discovery'
import { afterEach, describe, expect, it } from 'vitest'
import { defaultTransports } from '../src/defaults.js'
import { createNode, createSwarm, type Node, printAddress, readEnvironment, type Swarm, seeds } from '../src/index.js'
import { ownRecord } from '../src/own-record.js'
import { localNode, next, TOPIC } from './nodes.js'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

function start(...args: Parameters<typeof localNode>): Node {
  const node = localNode(...args)
  open.push(node)
  return node
}

/** A discovery that finds whom it is told to, and writes down who comes and goes; leaving takes a moment. */
function diary(candidates: readonly Candidate[] = []) {
  const log: string[] = []
  let sessions = 0
  const discovery: Discovery = {
    name: 'diary',
    capabilities: { identifies: false, local: true },
    join(_topic: Topic, { announce }) {
      const number = ++sessions
      log.push(`join ${number}${announce ? ' announcing' : ''}`)
      return {
        flushed: async () => {},
        refresh: () => void log.push(`refresh ${number}`),
        async leave() {
          await new Promise((resolve) => setTimeout(resolve, 20))
          log.push(`left ${number}`)
        },
        async *[Symbol.asyncIterator]() {
          yield* candidates
        },
      }
    },
    close: async () => void log.push('closed'),
  }
  return { log, discovery }
}

describe('a node', () => {
  it('that is suspended before it listens can be joined when it wakes', async () => {
    const node = start()
    await node.suspend()
    await node.ready()
    expect(node.addresses).toEqual([])
    await node.resume()
    const room = await node.join(TOPIC)
    const other = start({ dial: [node] })
    await other.join(TOPIC)
    await room.ready({ peers: 1 })
  })

  it('announces and looks for nobody while it is suspended, and does again when it wakes', async () => {
    const { log, discovery } = diary()
    const node = start({ discovery: [discovery] })
    await node.join(TOPIC)
    await node.suspend()
    expect(log).toEqual(['join 1 announcing', 'left 1'])
    await node.join('while it sleeps')
    expect(log).toHaveLength(2)
    await node.resume()
    expect(log.slice(2)).toEqual(['join 2 announcing', 'join 3 announcing'])
    await Promise.all([node.suspend(), node.resume(), node.suspend(), node.resume()])
    const [joined, left] = ['join', 'left'].map((word) => log.filter((line) => line.startsWith(word)).length)
    expect((joined ?? 0) - (left ?? 0)).toBe(2)
  })

  it('withdraws what it announced before it announces the same topic again', async () => {
    const { log, discovery } = diary()
    const node = start({ discovery: [discovery] })
    const room = await node.join(TOPIC)
    const closing = room.close()
    while (node.inspect().topics.length > 0) await Promise.resolve()
    await node.join(TOPIC)
    await closing
    await expect.poll(() => log.length).toBe(3)
    expect(log).toEqual(['join 1 announcing', 'left 1', 'join 2 announcing'])
  })

  it('that refuses an encoding that is none announces nothing', async () => {
    const { log, discovery } = diary()
    const clock = virtualClock()
    const node = start({ discovery: [discovery], listen: false, clock })
    await expect(node.join(TOPIC, { encoding: 'none' as 'json' })).rejects.toThrow()
    expect([log, clock.pending]).toEqual([[], 0])
    await node.join(TOPIC)
  })

  it('does not dial on behalf of a room that was closed', async () => {
    const address = parseAddress('tcp://127.255.255.254:9')
    const { discovery } = diary([{ peer: null, addresses: [address], source: 'diary', persistent: true }])
    const node = start({ discovery: [discovery] })
    const room = await node.join(TOPIC)
    await expect.poll(() => node.inspect().pool.queue.length).toBe(1)
    await room.close()
    expect(node.inspect().pool.queue).toMatchObject([
      { state: 'idle', why: expect.stringMatching(/unwanted|ERR_DIAL/) },
    ])
  })

  it('lives by TCP when the DHT has no socket, and says so', async () => {
    const identity = createIdentity()
    const env = { ...readEnvironment({}), mdns: false, dht: false }
    const dht = dhtNode({ host: '203.0.113.1', port: 4_000, bootstrap: [] })
    open.push(dht)
    const transports = defaultTransports(env, identity, { clock: virtualClock(), dht })
    const node = createNode({ identity, host: '127.0.0.1', discovery: [], transports })
    open.push(node)
    const warned = next<[Error]>((listener) => node.on('warning', listener))
    await node.ready()
    expect(node.addresses.map(({ scheme }) => scheme)).toEqual(['tcp', 'utp'])
    expect((await warned)[0].message).toContain('the shared DHT node is not open')
  })

  it('does not listen when the DHT is all that it was told to use, and has no socket', async () => {
    const identity = createIdentity()
    const env = { ...readEnvironment({}), mdns: false, dht: false, transports: ['hyper'] as const }
    const dht = dhtNode({ host: '203.0.113.1', port: 4_000, bootstrap: [] })
    open.push(dht)
    const node = createNode({
      identity,
      host: '127.0.0.1',
      discovery: [],
      transports: defaultTransports(env, identity, { clock: virtualClock(), dht }),
    })
    open.push(node)
    await expect(node.ready()).rejects.toMatchObject({ code: 'ERR_LISTEN' })
  })
})

describe("a node's own record", () => {
  it('is newer with each change, also when the clock is set back or stands still', () => {
    const clock = virtualClock()
    let wall = 1_750_000_000_000.5
    let port = 4_000
    const record = ownRecord(createIdentity(), { ...clock, wall: () => wall }, () => [
      parseAddress(`tcp://192.0.2.1:${port}`),
    ])
    const seqs = [record()?.seq]
    for (const at of [wall, wall - 86_400_000, wall + 5_000]) {
      wall = at
      port++
      seqs.push(record()?.seq)
    }
    const first = seqs[0] ?? 0
    expect(seqs.map((seq) => (seq ?? 0) - first)).toEqual([0, 1, 2, 4_000 + 1_000])
    expect(Number.isSafeInteger(first)).toBe(true)
  })
})

describe('a swarm', () => {
  async function swarm(discovery: readonly Discovery[] = []): Promise<Swarm> {
    const made = createSwarm({ host: '127.0.0.1', discovery })
    open.push(made)
    return made
  }

  it('has a connection again when both come back to a topic before their link is gone', async () => {
    const a = await swarm()
    await a.ready()
    const [address] = a.addresses
    if (!address) throw new Error('listening')
    const b = await swarm([seeds([printAddress(address)])])
    a.join('lobby', { announce: true })
    b.join('lobby')
    await expect.poll(() => [a.connections.size, b.connections.size]).toEqual([1, 1])
    await b.leave('lobby')
    await expect.poll(() => [a.connections.size, b.connections.size]).toEqual([0, 0])
    b.join('lobby')
    await expect.poll(() => [a.connections.size, b.connections.size]).toEqual([1, 1])
    const [stream] = a.connections
    const [other] = b.connections
    stream?.write('again')
    const [chunk] = await next<[Buffer]>((listener) => other?.once('data', listener))
    expect(String(chunk)).toBe('again')
  })

  it('that is left and closed while it starts resolves everything', async () => {
    const { log, discovery } = diary()
    const made = await swarm([discovery])
    const session = made.join('lobby', { announce: true })
    const left = made.leave('lobby')
    const closed = made.close()
    await Promise.all([left, closed, session.flushed(), session.leave()])
    expect(log.filter((line) => line.startsWith('join')).length).toBe(
      log.filter((line) => line.startsWith('left')).length,
    )
  })

  it('never announces a topic before what it announced before is withdrawn, however often it is joined', async () => {
    const { log, discovery } = diary()
    const made = await swarm([discovery])
    made.join('lobby')
    made.join('lobby', { announce: true })
    await made.join('lobby', { announce: true }).flushed()
    const lines = ['join 1', 'left 1', 'join 2 announcing', 'left 2', 'join 3 announcing']
    expect(log.filter((line) => lines.includes(line))).toEqual(log)
    let live = 0
    for (const line of log) {
      live += line.startsWith('join') ? 1 : -1
      expect(live).toBeLessThanOrEqual(1)
    }
    expect(live).toBe(1)
  })
})

describe('the environment', () => {
  it('that leaves no transport at all is an error, not a node that reaches nobody', () => {
    const environment = { ...readEnvironment({}), mdns: false, dht: false, transports: ['hyper'] as const }
    expect(() => createNode({ environment })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  })
})
