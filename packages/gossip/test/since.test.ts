// What a node that comes late is given of what was said before.

import { createIdentity, createRecord, createTopic, PREV_BYTES } from '@hearsay/core'
import { memoryLinkPair, settle } from '@hearsay/core/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { createGossip, type Engine, type Order, type Since } from '../src/index.js'
import { markOf } from '../src/machine/arrivals.js'
import { decodeFrame, encodeFrame, type Frame, type MachineContext, type Output } from '../src/machine.js'
import { OWED_MS } from '../src/repair/fillings.js'
import { author, createBench, crypto, faultOf, helloOf, identityOf, nameOf, seqsOf, topic } from './frame-bench.js'
import {
  at,
  bytes,
  createNode,
  ENGINES,
  createNetwork as join,
  linkNodes,
  linkRawPeer,
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
        // The record in whose midst they begin is there as a whole.
        const begun = since.last > 100 ? 0 : 5
        expect(history).toEqual([...Array.from({ length: 105 - begun }, (_, index) => `${begun + index} `), 'new'])
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
    const offer: Frame = {
      type: 'run',
      runs: [{ name: 0, first: 10, count: 3, last: 3, mark: markOf(record) }],
    }
    type Bench = ReturnType<typeof createBench>
    const saying = (seqs: readonly number[], since: Since, more: Partial<MachineContext> = {}): Bench => {
      const bench = createBench(engine, 3, {}, { since, ...more })
      for (const [index, seq] of seqs.entries()) {
        bench.send(index + 1, nameOf(author.id))
        bench.send(index + 1, { type: 'begin', name: 0, seq })
      }
      return bench
    }
    const outputsAfter = (seqs: readonly number[], since: Since): readonly Output[] => {
      const bench = saying(seqs, since)
      bench.send(1, offer)
      return [...bench.record(1, record), ...bench.timer(OWED_MS)]
    }
    const heardAfter = (seqs: readonly number[], since: Since): readonly number[] => seqsOf(outputsAfter(seqs, since))

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

    it('keeps no words from the history', () => {
      const late = outputsAfter([12], { last: 2 }).flatMap((one) => (one.type === 'late' ? [one.delivery.seq] : []))
      expect(late).toEqual([10, 11])
    })

    it.each<[Order]>([['author'], ['none']])('takes nothing from what is new, in order %j', (order) => {
      const bench = saying([12], { last: 2 }, { order })
      expect(seqsOf([...bench.record(1, record), ...bench.timer(OWED_MS)])).toEqual([10, 11, 12])
    })

    it('takes nothing from what others send', () => {
      const bench = saying([12], { last: 2 })
      bench.send(2, nameOf(author.id))
      bench.send(2, offer)
      expect(seqsOf([...bench.record(2, record), ...bench.timer(OWED_MS)])).toEqual([10, 11, 12])
    })

    it('is believed once, and before all else that it says', () => {
      const often = saying([12], { last: 2 })
      often.send(1, { type: 'begin', name: 0, seq: 11 })
      often.send(1, offer)
      expect(seqsOf([...often.record(1, record), ...often.timer(OWED_MS)])).toEqual([12])
      const late = saying([], { last: 2 })
      late.send(1, nameOf(author.id))
      late.send(1, offer)
      late.send(1, { type: 'begin', name: 0, seq: 12 })
      expect(seqsOf([...late.record(1, record), ...late.timer(OWED_MS)])).toEqual([10, 11, 12])
    })

    it("is believed of the first record only, in order 'none' too", () => {
      const bench = saying([14], { last: 2 }, { order: 'none' })
      const next = createRecord(
        {
          ...{ epoch: 7, firstSeq: 13, time: 0 },
          prev: record.id.slice(0, PREV_BYTES),
          messages: ['d', 'e'].map(bytes),
        },
        ...([topic, author, crypto] as const),
      )
      bench.send(1, { type: 'run', runs: [{ name: 0, first: 10, count: 5, last: 2, mark: markOf(next) }] })
      expect(seqsOf([...bench.record(1, record), ...bench.record(1, next)])).toEqual([10, 11, 12, 13, 14])
    })

    it.each<[Order]>([['author'], ['none']])(
      'takes nothing from a hundred that are said live, in order %j',
      async (order) => {
        network = createNetwork(1)
        const { topic, clock } = network
        const said = at(network.nodes, 0)
        const more = { order }
        const node = createNode({ topic, clock, seed: 90, epoch: 1, since: { last: 3 }, engine: engine(), more })
        late.push(node)
        const liar = await linkRawPeer(node, 7)
        liar.hello()
        await settle()
        liar.channel.send(encodeFrame(nameOf(said.identity.id, 1)))
        liar.channel.send(encodeFrame({ type: 'begin', name: 0, seq: 99 }))
        await settle()
        await linkNodes(said, node)
        await clock.play(2_000)
        await Promise.all(Array.from({ length: 100 }, (_, index) => said.gossip.publish(bytes(`${index}`))))
        await clock.play(10_000)
        expect(node.heard.map(textOf)).toEqual(Array.from({ length: 100 }, (_, index) => `${index}`))
      },
    )

    it('loses its link if it never named the author', () => {
      const outputs = createBench(engine, 1).send(1, { type: 'begin', name: 3, seq: 0 })
      expect(faultOf(outputs)).toMatchObject({ code: 'ERR_FRAME', ban: false })
    })
  })

  describe('a node that says where the last messages begin', () => {
    const [confirmer, asker] = [identityOf(20), identityOf(21)]

    /** What an asker of the last three of a hundred is sent, with so much window left after the hello, and whole afterwards. */
    const sentWith = (left: number): string[] => {
      const { machine } = createBench(engine, 0)
      const payloads = Array.from({ length: 100 }, () => new Uint8Array(4))
      const hear = (peer: number, frame: Frame, now: number): readonly Output[] =>
        machine.handle({ type: 'frame', peer, frame: encodeFrame(frame) }, now)
      machine.handle({ type: 'publish', payloads, wall: 0 }, 0)
      machine.handle({ type: 'peer-up', peer: 1, remote: confirmer.id, window: 1e9 }, 0)
      hear(1, helloOf(confirmer.id), 0)
      hear(1, { type: 'ack', from: 0, to: 100 }, 0)
      const kinds: string[] = []
      let window = 1
      // As a channel does it: what finds no window is not sent.
      const send = (outputs: readonly Output[]): void => {
        for (const output of outputs) {
          if (output.type !== 'send' || output.peer !== 2 || window <= 0) continue
          window -= output.frame.byteLength
          kinds.push(decodeFrame(output.frame).type)
        }
      }
      send(machine.handle({ type: 'peer-up', peer: 2, remote: asker.id, window }, 5_000))
      for (const bytes of [left, 1e6]) {
        window = bytes
        send(machine.handle({ type: 'window', peer: 2, bytes }, 5_000))
        if (bytes === left) send(hear(2, { ...helloOf(asker.id), since: { last: 3 } } as Frame, 5_000))
      }
      send(machine.handle({ type: 'timer' }, 6_000))
      return kinds
    }

    it.each([[1e6], [1], [60]])('says so before all else, with %i bytes of window after its hello', (left) => {
      expect(sentWith(left)).toEqual(['hello', 'name', 'begin', 'run'])
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
