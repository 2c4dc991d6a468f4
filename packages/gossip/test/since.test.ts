// What a node that comes late is given of what was said before.

import { createIdentity, createRecord, createTopic, PREV_BYTES } from '@hearsay/core'
import { memoryLinkPair, settle } from '@hearsay/core/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { createGossip, type Engine, type Since } from '../src/index.js'
import { decodeFrame, encodeFrame } from '../src/machine.js'
import { OWED_MS } from '../src/repair/fillings.js'
import { author, createBench, crypto, faultOf, nameOf, seqsOf, topic } from './frame-bench.js'
import {
  at,
  bytes,
  createNode,
  ENGINES,
  createNetwork as join,
  linkNodes,
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
    await network?.close()
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

    it.each([
      [{ last: 3 }, [[0]]],
      [{ last: 3 }, [[1]]],
      [{ last: 3 }, [[0, 1]]],
      [{ last: 3 }, [[0], [1]]],
      [{ last: 99 }, [[1]]],
      [{ last: 100 }, [[1]]],
      [{ last: 103 }, [[1]]],
    ] as const)(
      'with since %j hears so many, though a hundred were said in one tick, from %j',
      async (since, links) => {
        network = createNetwork(2)
        await network.link(0, 1)
        const [author, relay] = [at(network.nodes, 0), at(network.nodes, 1)]
        const say = (from: number, count: number): Promise<unknown> =>
          Promise.all(Array.from({ length: count }, (_, index) => author.gossip.publish(bytes(`${from + index} `))))
        await say(0, 5)
        await settle()
        await say(5, 100)
        await settle()
        network.clock.advance(1_000)
        await settle()
        const [first = [], ...more] = links
        const node = await joiner(since, first)
        const gaps: unknown[] = []
        node.gossip.on('gap', (gap) => gaps.push(gap))
        for (const [index = 0] of more) await linkNodes(node, at(network.nodes, index))
        network.clock.advance(3_000)
        await settle()
        await author.gossip.publish(bytes('new'))
        await relay.gossip.publish(bytes('other'))
        await settle()
        network.clock.advance(3_000)
        await settle()
        const expected = Array.from({ length: since.last }, (_, index) => `${105 - since.last + index} `)
        const heard = node.heard.filter((delivery) => delivery.author === author.identity.id).map(textOf)
        expect(heard).toEqual([...expected, 'new'])
        expect(gaps).toEqual([])
        const history: string[] = []
        for await (const delivery of node.gossip.history({ author: author.identity.id })) history.push(textOf(delivery))
        expect(history).toEqual(heard)
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

  describe('a neighbour that says where the last messages begin', () => {
    const record = createRecord(
      { epoch: 7, firstSeq: 10, time: 0, prev: new Uint8Array(PREV_BYTES), messages: ['a', 'b', 'c'].map(bytes) },
      ...([topic, author, crypto] as const),
    )
    const heardAfter = (seqs: readonly number[], since: Since): readonly number[] => {
      const bench = createBench(engine, 3, {}, { since })
      for (const [index, seq] of seqs.entries()) {
        bench.send(index + 1, nameOf(author.id))
        bench.send(index + 1, { type: 'begin', name: 0, seq })
      }
      return seqsOf([...bench.record(1, record), ...bench.timer(OWED_MS)])
    }

    it.each([
      [[12], [12]],
      [
        [12, 11],
        [11, 12],
      ],
      [[10], [10, 11, 12]],
      [[13], [10, 11, 12]],
      [[2 ** 50], [10, 11, 12]],
    ])('at %j is believed as far as it is within the first record: %j', (seqs, heard) => {
      expect(heardAfter(seqs, { last: 2 })).toEqual(heard)
    })

    it.each<[Since]>([['live'], ['all'], [{ age: 5 }]])('is not believed by who asks for %j', (since) => {
      expect(heardAfter([12], since)).toEqual([10, 11, 12])
    })

    it('loses its link if it never named the author', () => {
      const outputs = createBench(engine, 1).send(1, { type: 'begin', name: 3, seq: 0 })
      expect(faultOf(outputs)).toMatchObject({ code: 'ERR_FRAME', ban: false })
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
