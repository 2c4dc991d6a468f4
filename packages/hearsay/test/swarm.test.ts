// dwebswarm's surface over real nodes on loopback.

import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { createSwarm, type PeerInfo, printAddress, type Swarm, type SwarmOptions, seeds } from '../src/index.js'
import { next } from './nodes.js'

const open: Swarm[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((swarm) => swarm.close()))
})

/** A swarm on loopback that knows these others by address. */
async function start(options: SwarmOptions = {}, dial: readonly Swarm[] = []): Promise<Swarm> {
  const addresses = dial.map(({ addresses: [address] }) => (address ? printAddress(address) : ''))
  const swarm = createSwarm({
    host: '127.0.0.1',
    discovery: addresses.length > 0 ? [seeds(addresses)] : [],
    ...options,
  })
  open.push(swarm)
  await swarm.ready()
  return swarm
}

const connection = (swarm: Swarm): Promise<[Duplex, PeerInfo]> =>
  next<[Duplex, PeerInfo]>((listener) => swarm.once('connection', listener))

/** What comes until the other side ends its direction. */
function received(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return new Promise((resolve) => stream.once('end', () => resolve(Buffer.concat(chunks))))
}

describe('a swarm', () => {
  it('gives an encrypted stream to a peer of the topic, on both sides, with who it is', async () => {
    const a = await start()
    const b = await start({}, [a])
    const both = Promise.all([connection(a), connection(b)])
    a.join('lobby', { announce: true })
    b.join('lobby')
    const [[toB, atA], [toA, atB]] = await both
    expect([atA.id, atB.id]).toEqual([b.id, a.id])
    expect([atA.client, atB.client, atA.type]).toEqual([false, true, 'tcp'])
    expect([atA.topics, atB.topics]).toEqual([['lobby'], ['lobby']])
    expect([atA.peer, atB.peer]).toEqual([null, a.addresses[0]])
    const [question, answer] = [randomBytes(1_000_000), randomBytes(300_000)]
    const all = Promise.all([received(toB), received(toA)])
    toA.end(question)
    toB.end(answer)
    const [heardA, heardB] = await all
    expect([Buffer.compare(heardA, question), Buffer.compare(heardB, answer)]).toEqual([0, 0])
  })

  it('has one connection for many topics, known on both sides, and leaving the first keeps the peer for the others', async () => {
    const topics = Array.from({ length: 20 }, (_, index) => `topic ${index}`)
    const a = await start()
    const b = await start({}, [a])
    let connections = 0
    b.on('connection', () => connections++)
    const both = Promise.all([connection(a), connection(b)])
    for (const topic of topics) {
      a.join(topic)
      b.join(topic)
    }
    const [, [stream, info]] = await both
    while (info.topics.length < topics.length) await next((listener) => info.once('topic', listener))
    expect(connections).toBe(1)
    await b.leave('topic 0')
    stream.write('still here')
    expect(a.connections.size).toBe(1)
    const [theirs] = [...a.connections] as [Duplex]
    expect(String(await next<[Buffer]>((listener) => theirs.once('data', listener)))).toBe('still here')
  })

  it('ends the connection when the last shared topic is left, and says so on both sides', async () => {
    const a = await start()
    const b = await start({}, [a])
    const both = Promise.all([connection(a), connection(b)])
    a.join('lobby')
    b.join('lobby')
    await both
    const gone = Promise.all([a, b].map((swarm) => next((listener) => swarm.once('disconnection', listener))))
    await b.leave('lobby')
    await gone
    expect([a.connections.size, b.connections.size]).toEqual([0, 0])
  })

  it('gives no stream to a peer that shares no topic', async () => {
    const a = await start()
    const b = await start()
    a.join('one')
    b.join('two')
    const [address] = a.addresses
    if (!address) throw new Error('not listening')
    const link = await b.connect(address)
    expect(link.remote).toBe(a.id)
    const both = Promise.all([connection(a), connection(b)])
    b.join('one')
    await both
    expect([a.connections.size, b.connections.size]).toEqual([1, 1])
  })

  it('tells its roles in a topic, changes them, and leaves an unknown topic without a word', async () => {
    const swarm = await start()
    expect(swarm.status('x')).toBeNull()
    swarm.join('x')
    expect(swarm.status('x')).toEqual({ announce: false, lookup: true })
    swarm.join('x', { announce: true, lookup: false })
    expect(swarm.status('x')).toEqual({ announce: true, lookup: false })
    await swarm.leave('x')
    await swarm.leave('never joined')
    expect(swarm.status('x')).toBeNull()
  })

  it('flushes, and tells that a topic is up to date and which candidates were found', async () => {
    const a = await start()
    const b = await start({}, [a])
    const told = Promise.all([
      next((listener) => b.once('updated', listener)),
      next((listener) => b.once('peer', listener)),
    ])
    await b.join('lobby').flushed()
    const [[topic], [candidate]] = await told
    expect(topic).toBe('lobby')
    expect(candidate).toMatchObject({ source: 'seeds' })
  })

  it('does not let in a peer that validatePeer refuses, in either direction', async () => {
    const a = await start()
    const b = await start({ validatePeer: ({ id }) => id !== a.id }, [a])
    const rejected = next((listener) => b.once('peer-rejected', listener))
    a.join('lobby')
    b.join('lobby')
    await rejected
    expect([a.connections.size, b.connections.size]).toEqual([0, 0])
  })

  it('ends the connection of a banned peer, which cannot come back', async () => {
    const a = await start()
    const b = await start({}, [a])
    const met = Promise.all([connection(a), connection(b)])
    a.join('lobby')
    b.join('lobby')
    const [[, info]] = await met
    const gone = Promise.all([a, b].map((swarm) => next((listener) => swarm.once('disconnection', listener))))
    info.ban('enough')
    await gone
    const [address] = a.addresses
    if (!address) throw new Error('not listening')
    await expect(b.connect(address)).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_/) })
  })

  it('refuses everything with a code after it is closed, and closes twice as once', async () => {
    const swarm = await start()
    await swarm.close()
    await swarm.close()
    expect(() => swarm.join('x')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    await expect(swarm.connect('tcp://127.0.0.1:9')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })
})
