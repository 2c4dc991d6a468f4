// The overlay of real nodes over TCP: more than a full mesh holds.

import type { PeerId } from '@hearsay/core'
import { afterEach, describe, expect, it } from 'vitest'
import type { Node, Room } from '../src/index.js'
import { localNode, TOPIC, take } from './nodes.js'

const NODES = 14

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

/** Resolves when it holds for the rooms, which is looked at whenever a peer comes or goes. */
async function when(rooms: readonly Room<unknown>[], holds: () => boolean): Promise<void> {
  if (holds()) return
  await new Promise<void>((resolve) => {
    const stops: (() => void)[] = []
    const look = (): void => {
      if (!holds()) return
      for (const stop of stops) stop()
      resolve()
    }
    for (const room of rooms) stops.push(room.on('peer', look), room.on('peer-leave', look))
  })
}

const least = (rooms: readonly Room<unknown>[]): number => Math.min(...rooms.map(({ peers }) => peers.size))
const most = (rooms: readonly Room<unknown>[]): number => Math.max(...rooms.map(({ peers }) => peers.size))

describe(`${NODES} nodes that join through one`, () => {
  it('have 5 to 12 peers each, deliver everything, and are still in one piece when some are gone', async () => {
    const first = await start()
    const others: Node[] = []
    while (others.length < NODES - 1) others.push(await start({ dial: [first] }))
    const nodes = [first, ...others]
    const rooms = await Promise.all(nodes.map((node) => node.join(TOPIC)))
    await when(rooms, () => least(rooms) >= 5)
    const heard = rooms.map((room) => take(room, NODES - 1))
    for (const [index, room] of rooms.entries()) await room.publish(index)
    for (const [index, messages] of (await Promise.all(heard)).entries()) {
      const said = messages.map(({ data }) => data as number).sort((a, b) => a - b)
      expect(said).toEqual(nodes.map((_, other) => other).filter((other) => other !== index))
    }
    expect(most(rooms)).toBeLessThanOrEqual(12)

    // The one that everybody knew goes, and others with it.
    await Promise.all(open.splice(0, 5).map((node) => node.close()))
    const left = rooms.slice(5)
    await when(left, () => least(left) >= 5)
    const again = left.map((room) => take(room, left.length - 1 + (NODES - 1)))
    for (const room of left) await room.publish('still here')
    for (const messages of await Promise.all(again)) {
      expect(messages.filter(({ data }) => data === 'still here')).toHaveLength(left.length - 1)
    }
  })

  it('keep as many as `minPeers` says', async () => {
    const first = await start({ minPeers: 11 })
    const others: Node[] = []
    while (others.length < NODES - 1) others.push(await start({ dial: [first], minPeers: 11 }))
    const rooms = await Promise.all([first, ...others].map((node) => node.join(TOPIC)))
    await when(rooms, () => least(rooms) >= 11)
    expect(least(rooms)).toBeGreaterThanOrEqual(11)
  })
})

describe('a room whose membership is given', () => {
  it('takes every link, and meets those of an overlay', async () => {
    const a = await start({ membership: 'given' })
    const b = await start({ dial: [a] })
    const c = await start({ dial: [a], membership: 'given' })
    const rooms = await Promise.all([a, b, c].map((node) => node.join(TOPIC)))
    await Promise.all(rooms.map((room) => room.ready({ peers: 2 })))
    const [given, overlay] = rooms as [Room<unknown>, Room<unknown>]
    await overlay.publish('from the overlay')
    expect((await take(given, 1))[0]?.data).toBe('from the overlay')
    await given.publish('to all')
    expect((await take(overlay, 1))[0]?.data).toBe('to all')
  })

  it('is one of two kinds', async () => {
    const membership = 'all' as 'given'
    expect(() => localNode({ membership })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  })
})

describe('a peer that is no neighbour', () => {
  it('is talked to directly all the same', async () => {
    const first = await start()
    const others: Node[] = []
    while (others.length < NODES - 1) others.push(await start({ dial: [first] }))
    const nodes = [first, ...others]
    const rooms = await Promise.all(nodes.map((node) => node.join(TOPIC)))
    await when(rooms, () => least(rooms) >= 5)
    const [room] = rooms as [Room<unknown>]
    const stranger = nodes.find(({ id }) => id !== first.id && !room.peers.has(id)) ?? (nodes.at(-1) as Node)
    const to: PeerId = stranger.id
    const far = rooms[nodes.indexOf(stranger)] as Room<unknown>
    const heard = new Promise((resolve) => far.on('direct-message', ({ data }) => resolve(data)))
    await room.send(to, 'a word')
    expect(await heard).toBe('a word')
  })
})

describe('nodes that sleep', () => {
  it('find their neighbours again when they wake', async () => {
    const a = await start()
    const b = await start({ dial: [a] })
    const [roomA, roomB] = (await Promise.all([a, b].map((node) => node.join(TOPIC)))) as [Room<unknown>, Room<unknown>]
    await Promise.all([roomA.ready(), roomB.ready()])
    await b.suspend()
    await when([roomA], () => roomA.peers.size === 0)
    await b.resume()
    await Promise.all([roomA.ready(), roomB.ready()])
    await roomB.publish('awake')
    expect((await take(roomA, 1))[0]?.data).toBe('awake')
  })
})
