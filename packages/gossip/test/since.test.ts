// What a node that comes late is given of what was said before.

import { createIdentity, createTopic } from '@hearsay/core'
import { memoryLinkPair, settle } from '@hearsay/core/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { createGossip, type Engine, type Since } from '../src/index.js'
import { decodeFrame, encodeFrame } from '../src/machine.js'
import {
  at,
  bytes,
  createNode,
  ENGINES,
  createNetwork as join,
  type TestNetwork,
  type TestNode,
  textOf,
} from './network.js'

describe.each(ENGINES)('%s', (_name, engine) => {
  const createNetwork = (count: number, made: Engine = engine()): TestNetwork => join(count, made)
  let network: TestNetwork
  const late: TestNode[] = []
  afterEach(async () => {
    for (const { gossip } of late.splice(0)) await gossip.close()
    await network.close()
  })

  /** A node that joins with this wish, linked to those of the network. */
  async function joiner(since: Since, to: readonly number[] = [0]): Promise<TestNode> {
    const { topic, clock, nodes } = network
    const node = createNode({ topic, clock, seed: 100 + late.length, epoch: 1, since, engine: engine() })
    late.push(node)
    for (const index of to) {
      const [a, b] = memoryLinkPair({ a: node.identity.id, b: at(nodes, index).identity.id })
      node.gossip.addLink(a)
      at(nodes, index).gossip.addLink(b)
    }
    await settle()
    return node
  }

  /** Two nodes of which the first has said `0` to `9`, one each second, which the second confirmed. */
  async function tenSaid(): Promise<void> {
    network = createNetwork(2)
    await network.link(0, 1)
    for (let number = 0; number < 10; number++) {
      await at(network.nodes, 0).gossip.publish(bytes(String(number)))
      await settle()
      network.clock.advance(1_000)
      await settle()
    }
  }

  describe('a node that joins', () => {
    it.each<[Since, string]>([
      ['live', ''],
      ['all', '0123456789'],
      [{ last: 0 }, ''],
      [{ last: 3 }, '789'],
      [{ last: 99 }, '0123456789'],
      [{ age: 0 }, ''],
      [{ age: 4_500 }, '6789'],
      [{ age: 3_600_000 }, '0123456789'],
    ])(
      'with since %j hears %j of ten earlier messages, from their author and from a relay',
      async (since, expected) => {
        await tenSaid()
        const nodes = [await joiner(since, [0]), await joiner(since, [1])]
        network.clock.advance(2_000)
        await settle()
        for (const { heard } of nodes) expect(heard.map(textOf).join('')).toBe(expected)
      },
    )

    it('hears each earlier message once and in order from several neighbours, and then what is new', async () => {
      await tenSaid()
      const node = await joiner('all', [0, 1])
      await at(network.nodes, 1).gossip.publish(bytes('a'))
      await at(network.nodes, 0).gossip.publish(bytes('b'))
      await settle()
      network.clock.advance(2_000)
      await settle()
      expect(
        node.heard
          .map(textOf)
          .filter((text) => text !== 'a')
          .join(''),
      ).toBe('0123456789b')
      expect(node.heard.map(textOf)).toContain('a')
    })

    it('waits for the beginning, when a neighbour that has less of the history answers first', async () => {
      await tenSaid()
      const newcomer = await joiner('live', [0])
      await at(network.nodes, 0).gossip.publish(bytes('+'))
      await settle()
      const { topic, clock } = network
      const node = createNode({ topic, clock, seed: 120, epoch: 1, since: 'all', engine: engine() })
      late.push(node)
      const linkTo = async (other: TestNode): Promise<void> => {
        const [a, b] = memoryLinkPair({ a: node.identity.id, b: other.identity.id })
        node.gossip.addLink(a)
        other.gossip.addLink(b)
        await settle()
      }
      await linkTo(newcomer)
      clock.advance(500)
      await linkTo(at(network.nodes, 1))
      clock.advance(5_000)
      await settle()
      expect(node.heard.map(textOf).join('')).toBe('0123456789+')
    })

    it('is given what the history has let go as a sequence that begins later', async () => {
      network = createNetwork(2, engine({ capacity: 4 }))
      await network.link(0, 1)
      for (const text of '0123456789') {
        await at(network.nodes, 0).gossip.publish(bytes(text))
        await settle()
      }
      const node = await joiner('all')
      network.clock.advance(2_000)
      await settle()
      expect(node.heard.map(textOf).join('')).toBe('6789')
    })
  })

  describe('a wish for history', () => {
    it.each<[unknown]>([['some'], [{ last: -1 }], [{ age: 1.5 }], [{ last: Number.NaN }], [{}], [null], [7]])(
      'is refused if it is %j',
      async (since) => {
        network = createNetwork(0)
        const make = (): unknown =>
          createGossip({ topic: createTopic('x'), author: createIdentity(), epoch: 1, since: since as Since })
        expect(make).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
      },
    )

    it.each<[Since]>([['live'], ['all'], [{ last: 7 }], [{ age: 90_000 }]])(
      '%j travels in the hello',
      async (since) => {
        network = createNetwork(0)
        const { id: author } = createIdentity()
        const hello = { type: 'hello', author, epoch: 3, presentMs: 4, since, heads: [] } as const
        expect(decodeFrame(encodeFrame(hello))).toEqual(hello)
      },
    )
  })
})
