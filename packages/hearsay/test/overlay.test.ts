// Small overlays of real nodes over TCP.

import { afterEach, describe, expect, it } from 'vitest'
import type { Node, Room } from '../src/index.js'
import { localNode, TOPIC, take } from './nodes.js'

const open: Node[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close()))
})

async function start(...args: Parameters<typeof localNode>): Promise<Node> {
  const node = localNode(...args)
  open.push(node)
  await node.ready()
  return node
}

const joinAll = (nodes: readonly Node[]): Promise<Room<unknown>[]> => Promise.all(nodes.map((node) => node.join(TOPIC)))

describe('three nodes in a line, linked by seeds only, the ends dial only', () => {
  it('the far end verifies and delivers through the middle, with the author and two hops; the author does not hear itself', async () => {
    const b = await start()
    const [a, c] = [await start({ dial: [b], listen: false }), await start({ dial: [b], listen: false })]
    const [roomA, roomB, roomC] = (await joinAll([a, b, c])) as [Room<unknown>, Room<unknown>, Room<unknown>]
    await roomB.ready({ peers: 2 })
    const heardByAuthor: unknown[] = []
    roomA.on('message', (message) => heardByAuthor.push(message.data))
    await roomA.publish('hello')
    const [message] = await take(roomC, 1)
    expect(message).toMatchObject({ author: a.author, via: b.id, hops: 2, seq: 0, data: 'hello' })
    await roomC.publish('back')
    const [answer] = await take(roomA, 1)
    expect(answer).toMatchObject({ author: c.author, data: 'back' })
    expect(heardByAuthor).toEqual(['back'])
  })
})

describe('four nodes in a loop', () => {
  it('each hears each message once', async () => {
    const a = await start()
    const b = await start({ dial: [a] })
    const c = await start({ dial: [b] })
    const d = await start({ dial: [c, a] })
    const rooms = await joinAll([a, b, c, d])
    await Promise.all(rooms.map((room) => room.ready({ peers: 2 })))
    const heard = rooms.map(() => [] as unknown[])
    for (const [index, room] of rooms.entries()) room.on('message', ({ data }) => heard[index]?.push(data))
    for (let round = 0; round < 10; round++) {
      for (const [index, room] of rooms.entries()) await room.publish(`${index} ${round}`)
    }
    await Promise.all(rooms.map((room) => take(room, 30)))
    for (const [index, messages] of heard.entries()) {
      const others = [0, 1, 2, 3].filter((other) => other !== index)
      const expected = others.flatMap((other) => Array.from({ length: 10 }, (_, round) => `${other} ${round}`))
      expect([...messages].sort()).toEqual(expected.sort())
    }
  })
})

describe('two nodes', () => {
  it('have one link for two topics, and leaving one keeps the other', async () => {
    const a = await start()
    const b = await start({ dial: [a] })
    const [one, two] = [await a.join('one'), await a.join('two')]
    const [first, second] = [await b.join('one'), await b.join('two')]
    await Promise.all([one.ready(), two.ready()])
    expect([a.links.size, b.links.size]).toEqual([1, 1])
    await first.close()
    await second.publish('still here')
    expect((await take(two, 1))[0]?.data).toBe('still here')
    expect(a.links.size).toBe(1)
  })

  it('do not meet in a room whose secret one of them lacks', async () => {
    const a = await start()
    const b = await start({ dial: [a] })
    const secret = new Uint8Array(16).fill(3)
    const hidden = await a.join('team', { secret })
    await b.join('team')
    await b.join('open')
    await (await a.join('open')).ready()
    expect(hidden.peers.size).toBe(0)
    const member = await start({ dial: [a] })
    const inside = await member.join('team', { secret })
    await hidden.publish('for us')
    expect((await take(inside, 1))[0]?.data).toBe('for us')
  })

  it('do not link when they are of different networks', async () => {
    const a = await start({ network: 'one' })
    const b = await start({ network: 'two' })
    const [address] = a.addresses
    if (!address) throw new Error('not listening')
    await expect(b.connect(address)).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_/) })
    expect(a.links.size + b.links.size).toBe(0)
  })

  it('keep what was published before the first link', async () => {
    const a = await start()
    const room = await a.join(TOPIC)
    const receipt = await room.publish('early')
    expect(receipt.peers).toBe(0)
    const b = await start({ dial: [a] })
    const late = await b.join(TOPIC)
    expect((await take(late, 1))[0]?.data).toBe('early')
    await receipt.confirmed(1)
  })

  it('a restart with the same key begins a new epoch, and those who heard the earlier one hear on', async () => {
    const a = await start()
    const room = await a.join(TOPIC)
    const { createIdentity } = await import('../src/index.js')
    const identity = createIdentity()
    const places: unknown[] = []
    room.on('message', ({ author, epoch, seq, data }) => places.push({ author, epoch, seq, data }))
    for (const data of ['before', 'after']) {
      const node = await start({ dial: [a], identity })
      const receipt = await (await node.join(TOPIC)).publish(data)
      await receipt.confirmed(1)
      await node.close()
    }
    expect(places).toMatchObject([
      { author: identity.id, seq: 0, data: 'before' },
      { author: identity.id, seq: 0, data: 'after' },
    ])
    const [first, second] = places as { epoch: number }[]
    expect(second?.epoch).not.toBe(first?.epoch)
  })
})
