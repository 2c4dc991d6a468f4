// A discovery of the user's own that breaks its contract: whatever it throws, the room lives on with the others.

import type { Discovery, DiscoverySession } from '@hearsay/core'
import { afterEach, describe, expect, it } from 'vitest'
import { createSwarm, type Node, seeds } from '../src/index.js'
import { addressOf, localNode, TOPIC } from './nodes.js'

const open: { close(): Promise<void> }[] = []
const unhandled: unknown[] = []
const onUnhandled = (error: unknown): void => void unhandled.push(error)
process.on('unhandledRejection', onUnhandled)
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled.splice(0)).toEqual([])
})

type Faulty = 'flushed' | 'refresh' | 'leave' | 'iterate' | 'close' | 'join'

/** Throws where it is told to. */
function faulty(where: Faulty): Discovery {
  const fail = (at: Faulty): void => {
    if (at === where) throw new Error(`in ${at}`)
  }
  const session: DiscoverySession = {
    flushed: () => {
      fail('flushed')
      return Promise.resolve()
    },
    refresh: () => fail('refresh'),
    leave: () => {
      fail('leave')
      return Promise.resolve()
    },
    [Symbol.asyncIterator]: () => {
      fail('iterate')
      return { next: () => new Promise(() => {}) }
    },
  }
  return {
    name: 'faulty',
    capabilities: { identifies: false, local: true },
    join: () => {
      fail('join')
      return session
    },
    close: () => {
      fail('close')
      return Promise.resolve()
    },
  }
}

describe.each<Faulty>(['flushed', 'refresh', 'leave', 'iterate', 'close', 'join'])(
  'a discovery that throws in %s',
  (where) => {
    it('costs a room nothing', async () => {
      const other = localNode()
      open.push(other)
      await other.join(TOPIC)
      const node: Node = localNode({ discovery: [faulty(where), seeds([addressOf(other)])] })
      open.push(node)
      const room = await node.join(TOPIC)
      await room.ready()
      await room.close()
      await (await node.join(TOPIC)).ready()
    })

    it('costs a swarm nothing', async () => {
      const other = createSwarm({ host: '127.0.0.1', discovery: [] })
      open.push(other)
      await other.ready()
      other.join(TOPIC)
      const [address] = other.addresses
      const found = { peer: null, addresses: address ? [address] : [], source: 'test' }
      const swarm = createSwarm({ host: '127.0.0.1', discovery: [faulty(where)] })
      open.push(swarm)
      const session = swarm.join(TOPIC)
      await session.flushed()
      expect(() => session.refresh()).not.toThrow()
      const connected = new Promise((resolve) => swarm.on('connection', resolve))
      await swarm.connect(found)
      await connected
      await swarm.leave(TOPIC)
    })
  },
)
