import { settle } from '@hearsay/core/memory'
import { string } from 'compact-encoding'
import { afterEach, describe, expect, it } from 'vitest'
import { createRoom, flood, type Message } from '../src/index.js'
import { at, bytes, createNetwork, type TestNetwork, textOf } from './network.js'

let network: TestNetwork
afterEach(() => network.close())

const gossipOf = (index: number) => at(network.nodes, index).gossip

async function take<T>(messages: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = []
  for await (const message of messages) if (taken.push(message) === count) break
  return taken
}

describe('a room', () => {
  it('carries JSON values by default', async () => {
    network = createNetwork(2)
    const [a, b] = [createRoom(gossipOf(0)), createRoom(gossipOf(1))]
    await network.link(0, 1)
    const values = [{ deep: [1, null, 'x'] }, 'text', 7, null, '']
    for (const value of values) await a.publish(value)
    expect((await take(b, values.length)).map(({ data }) => data)).toEqual(values)
  })

  it('carries text, bytes and any compact-encoding codec', async () => {
    for (const [encoding, value] of [
      ['text', 'häns'],
      ['bytes', bytes('x')],
      [string, 'compact'],
    ] as const) {
      network = createNetwork(2)
      const [a, b] = [0, 1].map((index) => createRoom(gossipOf(index), { encoding: encoding as 'bytes' }))
      await network.link(0, 1)
      await a?.publish(value as Uint8Array)
      const [message] = await take(b as AsyncIterable<Message<Uint8Array>>, 1)
      expect(message?.data).toEqual(value)
      await network.close()
    }
  })

  it('hands over a payload of another encoding as null with its bytes, never as an exception', async () => {
    network = createNetwork(2)
    const room = createRoom(gossipOf(1))
    await network.link(0, 1)
    await gossipOf(0).publish(bytes('{not json'))
    const [message] = await take(room, 1)
    expect(message).toMatchObject({ data: null, undecodable: true, bytes: bytes('{not json') })
  })

  it.each([undefined, 1n, () => 1])('refuses a value that JSON cannot write (%o)', async (value) => {
    network = createNetwork(1)
    await expect(createRoom(gossipOf(0)).publish(value)).rejects.toMatchObject({ code: 'ERR_ENCODING' })
  })

  it('gives time as dates, hops, and the peer that handed the message over', async () => {
    network = createNetwork(2)
    const room = createRoom(gossipOf(1))
    await network.link(0, 1)
    await gossipOf(0).publish(bytes('1'))
    const [message] = await take(room, 1)
    const { id } = at(network.nodes, 0).identity
    expect(message).toMatchObject({ author: id, via: id, hops: 1, epoch: 1, seq: 0, data: 1 })
    expect(message?.time).toEqual(new Date(network.clock.wall()))
    expect(message?.receivedAt).toEqual(new Date(network.clock.wall()))
  })

  it('tells who is there, the first that comes and the last that goes', async () => {
    network = createNetwork(3)
    const room = createRoom(gossipOf(0))
    const told: string[] = []
    for (const name of ['peer', 'peer-leave', 'online', 'offline'] as const) room.on(name, () => told.push(name))
    const [first] = await network.link(0, 1)
    const [second] = await network.link(0, 2)
    expect([...room.peers.keys()]).toEqual([at(network.nodes, 1).identity.id, at(network.nodes, 2).identity.id])
    await first.close()
    await second.close()
    await settle()
    expect(told).toEqual(['peer', 'online', 'peer', 'peer-leave', 'peer-leave', 'offline'])
  })

  it('is ready when so many peers are there, and says so with a code when it will not be', async () => {
    network = createNetwork(3)
    const room = createRoom(gossipOf(0))
    const two = room.ready({ peers: 2 })
    await network.link(0, 1)
    await room.ready()
    await network.link(0, 2)
    await two
    const abort = new AbortController()
    const three = room.ready({ peers: 3, signal: abort.signal })
    abort.abort()
    await expect(three).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    const four = room.ready({ peers: 4 })
    await room.close()
    await expect(four).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  it('lets an iterator that starts late read from the beginning', async () => {
    network = createNetwork(2)
    const room = createRoom(gossipOf(1))
    await network.link(0, 1)
    for (const text of ['1', '2']) await gossipOf(0).publish(bytes(text))
    await settle()
    expect((await take(room, 2)).map(({ data }) => data)).toEqual([1, 2])
    expect((await take(room, 2)).map(({ data }) => data)).toEqual([1, 2])
  })

  it('lets an iterator end that waits for a message', async () => {
    network = createNetwork(1)
    const reader = createRoom(gossipOf(0))[Symbol.asyncIterator]()
    const waiting = reader.next()
    await settle()
    expect(await reader.return?.()).toMatchObject({ done: true })
    expect(await waiting).toMatchObject({ done: true })
  })

  it('is not harmed, nor are those it relays to, by an application that writes into the bytes of a message', async () => {
    network = createNetwork(3)
    const room = createRoom(gossipOf(1), { encoding: 'bytes' })
    room.on('message', ({ bytes }) => bytes.fill(0))
    await network.link(0, 1)
    const [link] = await network.link(1, 2)
    await link.close()
    network.clock.advance(1)
    await gossipOf(0).publish(bytes('hello'))
    await settle()
    await network.link(1, 2)
    expect(at(network.nodes, 2).heard.map(textOf)).toEqual(['hello'])
    expect((await take(room, 1)).map(({ data }) => data)).toEqual([bytes('hello')])
  })

  it('ends its iterators when it closes, after what they had not read yet', async () => {
    network = createNetwork(2)
    const room = createRoom(gossipOf(1))
    await network.link(0, 1)
    await gossipOf(0).publish(bytes('1'))
    await settle()
    await room.close()
    const rest: unknown[] = []
    for await (const { data } of room) rest.push(data)
    expect(rest).toEqual([1])
  })

  it('skips to the newest for a reader that wants only that', async () => {
    network = createNetwork(2)
    const room = createRoom(gossipOf(1))
    await network.link(0, 1)
    const reader = room.subscribe({ whenSlow: 'latest' })[Symbol.asyncIterator]()
    for (const text of ['1', '2', '3']) await gossipOf(0).publish(bytes(text))
    await settle()
    expect((await reader.next()).value?.data).toBe(3)
    await reader.return?.()
  })

  it('stops taking from peers while a reader that must lose nothing is slow, and loses nothing', async () => {
    network = createNetwork(2, flood({ capacityBytes: 2_000_000 }))
    const room = createRoom(gossipOf(1), { encoding: 'bytes' })
    let dropped = 0
    room.on('drop', () => dropped++)
    await network.link(0, 1)
    const reader = room.subscribe({ whenSlow: 'pause' })[Symbol.asyncIterator]()
    const first = reader.next()
    const published = (async () => {
      for (let index = 0; index < 200; index++) await gossipOf(0).publish(new Uint8Array(20_000).fill(index))
    })()
    await first
    for (let turn = 0; turn < 50; turn++) await settle()
    const seen = [0]
    while (seen.length < 200) {
      const { value } = await reader.next()
      seen.push(value?.bytes[0] ?? -1)
      await settle()
    }
    await published
    expect(seen).toEqual(Array.from({ length: 200 }, (_, index) => index))
    await reader.return?.()
  })

  it('holds back a peer that comes while a reader is slow, as it does those that were there', async () => {
    network = createNetwork(3, flood({ capacityBytes: 2_000_000 }))
    const room = createRoom(gossipOf(2), { encoding: 'bytes' })
    await network.link(0, 2)
    const reader = room.subscribe({ whenSlow: 'pause' })[Symbol.asyncIterator]()
    const first = reader.next()
    const publish = async (index: number): Promise<void> => {
      for (let count = 0; count < 150; count++) await gossipOf(index).publish(new Uint8Array(20_000))
    }
    const published = [publish(0)]
    await first
    for (let turn = 0; turn < 50; turn++) await settle()
    await network.link(1, 2)
    published.push(publish(1))
    for (let turn = 0; turn < 50; turn++) await settle()
    const seqs: Record<string, number[]> = {
      [at(network.nodes, 0).identity.id]: [0],
      [at(network.nodes, 1).identity.id]: [],
    }
    for (let count = 1; count < 300; count++) {
      const { value } = await reader.next()
      seqs[value?.author ?? '']?.push(value?.seq ?? -1)
      await settle()
    }
    await Promise.all(published)
    const all = Array.from({ length: 150 }, (_, seq) => seq)
    expect(Object.values(seqs)).toEqual([all, all])
    await reader.return?.()
  })
})
