// A room that falls apart: it says so, looks for the others again and again, and says when they are back.

import type { Discovery, PeerId } from '@hearsay/core'
import { memoryStreamPair, settle, virtualClock } from '@hearsay/core/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { createNode, type Node, type Room, type Split } from '../src/index.js'

const open: Node[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close()))
})

const HOURS_MS = 36_000_000

/** A discovery that finds nobody and counts how often it is asked. */
function counting() {
  const counted = { refreshes: 0 }
  const discovery: Discovery = {
    name: 'counting',
    capabilities: { identifies: false, local: true },
    join: () => ({
      flushed: async () => {},
      refresh: () => void counted.refreshes++,
      leave: async () => {},
      async *[Symbol.asyncIterator]() {},
    }),
    close: async () => {},
  }
  return { counted, discovery }
}

/** A room of one node and three others, linked over streams that can be cut. */
async function partedRoom() {
  const clock = virtualClock()
  const { counted, discovery } = counting()
  const start = (discoveries: readonly Discovery[]): Node => {
    // An overlay asks for strangers every half minute too; what is counted here is what a split makes a room ask.
    const quiet = { listen: false, exchange: false, membership: 'given' } as const
    const node = createNode({ ...quiet, discovery: discoveries, clock, pingIntervalMs: HOURS_MS })
    open.push(node)
    return node
  }
  const hub = start([discovery])
  const others = [start([]), start([]), start([])]
  const room = await hub.join('parted')
  const rooms = await Promise.all(others.map((other) => other.join('parted')))
  const told: [string, readonly PeerId[]][] = []
  for (const name of ['split', 'healed'] as const) room.on(name, ({ lost }: Split) => told.push([name, lost]))
  const attach = async (other: Node): Promise<() => void> => {
    const [left, right] = memoryStreamPair()
    await Promise.all([hub.attach(left, { initiator: true }), other.attach(right, { initiator: false })])
    await until(room, () => room.peers.has(other.id))
    return () => left.destroy()
  }
  return { clock, counted, room, rooms, others, told, attach }
}

async function until(room: Room<unknown>, holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000 && !holds(); turn++) await settle()
  if (!holds()) throw new Error(`not so: ${room.peers.size} peers`)
}

describe('a room that loses most of its peers at once without a word', () => {
  it('tells of the split, looks for them every half minute, and tells when the first is back', async () => {
    const { clock, counted, room, others, told, attach } = await partedRoom()
    const cuts = []
    for (const other of others) cuts.push(await attach(other))
    const [first, second] = others as [Node, Node, Node]
    cuts[0]?.()
    await until(room, () => room.peers.size === 2)
    expect(told).toEqual([])
    cuts[1]?.()
    await until(room, () => told.length === 1)
    expect(told).toEqual([['split', [first.id, second.id]]])
    for (let minute = 0; minute < 10; minute++) clock.advance(60_000)
    expect(counted.refreshes).toBeGreaterThanOrEqual(15)
    await attach(second)
    expect(told.at(-1)).toEqual(['healed', [first.id]])
    const before = counted.refreshes
    clock.advance(120_000)
    expect(counted.refreshes).toBe(before)
  })

  it('tells of nothing when they say goodbye', async () => {
    const { room, others, told, attach } = await partedRoom()
    for (const other of others) await attach(other)
    for (const other of others) await other.close()
    await until(room, () => room.peers.size === 0)
    expect(told).toEqual([])
  })

  it('tells of nothing when those that had left lose their links later', async () => {
    const { room, rooms, others, told, attach } = await partedRoom()
    const cuts = []
    for (const other of others) cuts.push(await attach(other))
    for (const other of rooms) await other.close()
    await until(room, () => room.peers.size === 0)
    for (const cut of cuts) cut()
    for (let turn = 0; turn < 50; turn++) await settle()
    expect(told).toEqual([])
  })
})
