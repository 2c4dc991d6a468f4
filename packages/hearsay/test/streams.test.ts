// Streams of a room at their edges: a room that closes while one is opened, and a peer that opens more than its share.

import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import type { Node, Room } from '../src/index.js'
import { addressOf, localNode } from './nodes.js'

const open: Node[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close()))
})

/** Rooms of one topic, each linked with the first. */
async function star(count: number): Promise<{ nodes: Node[]; rooms: Room<unknown>[] }> {
  const nodes = Array.from({ length: count }, () => localNode({ exchange: false }))
  open.push(...nodes)
  const rooms = await Promise.all(nodes.map((node) => node.join('streams')))
  for (const node of nodes.slice(1)) await node.connect(addressOf(nodes[0] as Node))
  await rooms[0]?.ready({ peers: count - 1 })
  return { nodes, rooms }
}

describe('a stream that is opened while the room closes', () => {
  it('ends with the room, however far it has come', async () => {
    const { nodes, rooms } = await star(2)
    const [one, other] = nodes as [Node, Node]
    let room = rooms[0] as Room<unknown>
    rooms[1]?.on('stream', (stream) => stream.resume())
    const left: number[] = []
    for (let turns = 0; turns < 30; turns++) {
      let stream: Duplex | null = null
      const opening = room.openStream(other.id).then(
        (made) => {
          stream = made
          made.resume()
        },
        () => {},
      )
      for (let turn = 0; turn < turns; turn++) await null
      await room.close()
      await opening
      await new Promise((resolve) => setImmediate(resolve))
      if (stream !== null && !(stream as Duplex).destroyed) left.push(turns)
      room = await one.join('streams')
      await room.ready()
      await room.send(other.id, 'here?')
    }
    expect(left).toEqual([])
  })
})

describe('a peer that opens streams without end', () => {
  it('leaves places for those of others', async () => {
    const { nodes, rooms } = await star(3)
    const [hub] = nodes as [Node]
    const [room, hostile, honest] = rooms as [Room<unknown>, Room<unknown>, Room<unknown>]
    let count = 0
    room.on('stream', (stream) => {
      count++
      stream.resume()
    })
    const streams = await Promise.all(Array.from({ length: 300 }, () => hostile.openStream(hub.id)))
    for (const stream of streams) stream.on('error', () => {})
    await honest.send(hub.id, 'I was here')
    await hostile.send(hub.id, 'so was I')
    expect(count).toBeGreaterThan(100)
    const before = count
    const stream = await honest.openStream(hub.id)
    stream.on('error', () => {})
    stream.write('x')
    await honest.send(hub.id, 'again')
    expect(count).toBe(before + 1)
  })
})
