// Messages of 4 MiB between real nodes on loopback, over TCP with its windows.

import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import type { Message, Node, NodeOptions, Room } from '../src/index.js'
import { addressOf, localNode } from './nodes.js'

const LIMIT = 4 * 1024 * 1024

const open: Node[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close()))
})

function start(options: NodeOptions = {}): Node {
  const node = localNode({ exchange: false, ...options })
  open.push(node)
  return node
}

/** A line of nodes in one topic, each linked to the next alone. */
async function line(count: number): Promise<Room<Uint8Array>[]> {
  const nodes = Array.from({ length: count }, () => start())
  const rooms = await Promise.all(nodes.map((node) => node.join('large', { encoding: 'bytes' })))
  for (const [index, node] of nodes.slice(1).entries()) await node.connect(addressOf(nodes[index] as Node))
  for (const [index, room] of rooms.entries()) {
    await room.ready({ peers: index === 0 || index === count - 1 ? 1 : 2 })
  }
  return rooms
}

/** Messages of the room as they come, until there are so many. */
function heard(room: Room<Uint8Array>, count: number): Promise<Message<Uint8Array>[]> {
  return new Promise((resolve) => {
    const messages: Message<Uint8Array>[] = []
    room.on('message', (message) => {
      if (messages.push(message) === count) resolve(messages)
    })
  })
}

const isSame = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0

describe('messages of 4 MiB over TCP', () => {
  it('arrive whole both ways at once, with what others say between them', { timeout: 60_000 }, async () => {
    const [a, b, c] = (await line(3)) as [Room<Uint8Array>, Room<Uint8Array>, Room<Uint8Array>]
    const [left, right] = [randomBytes(LIMIT), randomBytes(LIMIT)]
    const small = Array.from({ length: 20 }, (_, index) => Uint8Array.of(index))
    const all = [heard(a, 21), heard(b, 2), heard(c, 21)] as const
    const receipts = [a.publish(left), c.publish(right)]
    for (const message of small) await b.publish(message)
    for (const receipt of await Promise.all(receipts)) await receipt.confirmed()
    const [atA, atB, atC] = await Promise.all(all)
    const large = (messages: Message<Uint8Array>[]) => messages.filter(({ data }) => data.byteLength === LIMIT)
    expect(large(atA).map(({ data }) => isSame(data, right))).toEqual([true])
    expect(large(atC).map(({ data }) => isSame(data, left))).toEqual([true])
    expect(large(atB)).toHaveLength(2)
    for (const messages of [atA, atC]) {
      expect(messages.filter(({ data }) => data.byteLength === 1).map(({ data }) => data[0])).toEqual(
        small.map((_, index) => index),
      )
    }
  })

  it('are followed by what their author says next, in order', { timeout: 60_000 }, async () => {
    const [a, b] = (await line(2)) as [Room<Uint8Array>, Room<Uint8Array>]
    const all = heard(b, 4)
    await Promise.all([1, LIMIT, 2, LIMIT - 1].map((size) => a.publish(new Uint8Array(size))))
    expect((await all).map(({ data }) => data.byteLength)).toEqual([1, LIMIT, 2, LIMIT - 1])
  })

  it('have a limit: one byte more is refused with a code', async () => {
    const [a] = (await line(2)) as [Room<Uint8Array>]
    await expect(a.publish(new Uint8Array(LIMIT + 1))).rejects.toMatchObject({ code: 'ERR_MESSAGE_SIZE' })
  })
})
