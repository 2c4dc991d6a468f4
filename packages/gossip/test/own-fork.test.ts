// An author that meets somebody else who signs with its key in its epoch: a copied key, or a machine that was brought back.

import {
  createRecord,
  encodeForkProof,
  encodeRecord,
  type Fork,
  PREV_BYTES,
  type Receipt,
  type Topic,
} from '@hearsay/core'
import { settle } from '@hearsay/core/memory'
import { afterEach, describe, expect, it } from 'vitest'

import { encodeFrame } from '../src/machine.js'
import { crypto } from './frame-bench.js'
import {
  at,
  bytes,
  createNetwork,
  createNode,
  ENGINES,
  linkNodes,
  linkRawPeer,
  type TestNode,
  textOf,
} from './network.js'

/** A neighbour hands the node a record that somebody else has signed with its key, in its epoch 5. */
async function meetTwin(author: TestNode, topic: Topic): Promise<void> {
  const peer = await linkRawPeer(author, 7)
  peer.hello()
  const draft = { epoch: 5, firstSeq: 0, time: 0, prev: new Uint8Array(PREV_BYTES), messages: [bytes('theirs')] }
  const record = encodeRecord(createRecord(draft, topic, author.identity, crypto))
  peer.channel.send(encodeFrame({ type: 'record', hops: 0, record }))
  await settle()
}

describe.each(ENGINES)('an author in whose epoch somebody else signs (%s)', (_name, engine) => {
  const open: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of open.splice(0)) await close()
  })

  /** An author with a source of epochs, or none, and a neighbour. */
  async function scene(epochs: readonly number[] | null) {
    const network = createNetwork(1, engine())
    const { topic, clock } = network
    const left = [...(epochs ?? [])]
    const source = { next: async () => left.shift() ?? Promise.reject(new RangeError('no epoch is left')) }
    const own = { topic, clock, engine: engine(), seed: 50, epoch: 5 }
    const author = createNode({ ...own, more: epochs ? { epochs: source } : {} })
    const other = at(network.nodes, 0)
    open.push(() => author.gossip.close(), network.close)
    await linkNodes(author, other)
    const recordOf = (seq: number, text: string) => {
      const draft = { epoch: 5, firstSeq: seq, time: 0, prev: new Uint8Array(PREV_BYTES), messages: [bytes(text)] }
      return createRecord(draft, topic, author.identity, crypto)
    }
    return { author, other, recordOf, clock }
  }

  const say = async (node: TestNode, text: string): Promise<Receipt> => {
    const receipt = node.gossip.publish(bytes(text))
    await settle()
    return receipt
  }

  it.each(['a proof', 'the record'])('goes on in a new epoch when it is shown %s', async (way) => {
    const { author, other, recordOf, clock } = await scene([9])
    const forks: Fork[] = []
    author.gossip.on('fork', (fork) => forks.push(fork))
    await say(author, 'mine')
    const peer = await linkRawPeer(author, 7)
    peer.hello()
    const [one, two] = [recordOf(0, 'theirs'), recordOf(0, 'theirs too')]
    if (way === 'a proof') peer.channel.send(encodeFrame({ type: 'fork', proof: encodeForkProof(one, two) }))
    else peer.channel.send(encodeFrame({ type: 'record', hops: 0, record: encodeRecord(one) }))
    await settle()
    const receipt = await say(author, 'more')
    await clock.play(3_000)
    expect(forks).toMatchObject([{ author: author.identity.id, epoch: 5 }])
    expect(receipt).toMatchObject({ author: author.identity.id, epoch: 9, seq: 0 })
    await receipt.confirmed(1)
    const heard = other.heard.map((one) => [textOf(one), one.epoch, one.seq])
    expect(heard).toEqual([
      ['mine', 5, 0],
      ['more', 9, 0],
    ])
    expect(await say(author, 'and more')).toMatchObject({ epoch: 9, seq: 1 })
    const history: unknown[] = []
    for await (const one of author.gossip.history({ author: author.identity.id }))
      history.push([textOf(one), one.epoch, one.seq])
    expect(history).toEqual([...heard, ['and more', 9, 1]])
  })

  it('goes on in a new epoch before it forks, if it hears what it never said', async () => {
    const { author, recordOf } = await scene([9])
    const peer = await linkRawPeer(author, 7)
    peer.hello()
    peer.channel.send(encodeFrame({ type: 'record', hops: 0, record: encodeRecord(recordOf(0, 'theirs')) }))
    await settle()
    expect(await say(author, 'mine')).toMatchObject({ epoch: 9, seq: 0 })
  })

  it('signs nothing while it waits for the new one', async () => {
    const { author, recordOf } = await scene([9])
    await say(author, 'mine')
    const peer = await linkRawPeer(author, 7)
    peer.hello()
    const receipts: Promise<Receipt>[] = []
    author.gossip.on('fork', () => receipts.push(author.gossip.publish(bytes('at once'))))
    peer.channel.send(encodeFrame({ type: 'record', hops: 0, record: encodeRecord(recordOf(0, 'theirs')) }))
    await settle()
    expect(await Promise.all(receipts)).toMatchObject([{ epoch: 9, seq: 0 }])
  })

  it('takes what neighbours sent before for a reader that lags, and speaks when they are back', async () => {
    const network = createNetwork(0, engine())
    const { topic, clock } = network
    const talker = createNode({ topic, clock, engine: engine(), seed: 1, epoch: 1 })
    const more = { epochs: { next: async () => 9 }, limits: { capacity: 10 } }
    const author = createNode({ topic, clock, engine: engine(), seed: 50, epoch: 5, more })
    open.push(talker.gossip.close.bind(talker.gossip), author.gossip.close.bind(author.gossip))
    await say(author, 'mine')
    await linkNodes(talker, author)
    const peer = await linkRawPeer(author, 7)
    peer.hello()
    await settle()
    const reader = author.gossip.history({ follow: 'pause' })[Symbol.asyncIterator]()
    const read = [reader.next()]
    const said: string[] = []
    for (let i = 0; i < 60; i++) {
      said.push(`${i}`)
      void talker.gossip.publish(bytes(`${i}`)).catch(() => {})
      await settle()
    }
    expect(author.heard.length).toBeLessThan(said.length)
    const waiting = new Promise<Receipt>((resolve) => {
      author.gossip.on('fork', () => resolve(author.gossip.publish(bytes('more'))))
    })
    const { identity } = author
    const draft = { epoch: 5, firstSeq: 0, time: 0, prev: new Uint8Array(PREV_BYTES), messages: [bytes('theirs')] }
    const theirs = createRecord(draft, topic, identity, crypto)
    const too = createRecord({ ...draft, messages: [bytes('theirs too')] }, topic, identity, crypto)
    peer.channel.send(encodeFrame({ type: 'fork', proof: encodeForkProof(theirs, too) }))
    await settle()
    expect(await waiting).toMatchObject({ epoch: 9, seq: 0, peers: 1 })
    const gaps: unknown[] = []
    author.gossip.on('gap', (gap) => gaps.push(gap))
    for (let i = 0; i < 80; i++) {
      read.push(reader.next())
      await settle()
    }
    await clock.play(5_000)
    expect(author.heard.map(textOf)).toEqual(said)
    expect(gaps).toEqual([])
    await author.gossip.close()
    await Promise.allSettled(read)
  })

  it.each(['closes the room', 'removes the link'])('comes back to nobody if a listener %s meanwhile', async (what) => {
    const { author, other, recordOf, clock } = await scene([9])
    const [link] = author.gossip.peers.values()
    const peer = await linkRawPeer(author, 7)
    peer.hello()
    author.gossip.on('peer-leave', () => {
      if (what === 'closes the room') void author.gossip.close()
      else if (link) author.gossip.removeLink(link)
    })
    peer.channel.send(encodeFrame({ type: 'record', hops: 0, record: encodeRecord(recordOf(0, 'theirs')) }))
    await settle()
    await clock.play(2_000)
    expect(other.gossip.peers.size).toBe(0)
    expect(author.gossip.peers.size).toBe(0)
  })

  it('speaks also if nobody comes back', async () => {
    const { author, recordOf, clock } = await scene([9])
    const peer = await linkRawPeer(author, 7)
    peer.hello()
    for (const link of author.gossip.peers.values())
      author.gossip.on('peer-leave', () => author.gossip.removeLink(link))
    peer.channel.send(encodeFrame({ type: 'record', hops: 0, record: encodeRecord(recordOf(0, 'theirs')) }))
    await settle()
    const receipt = author.gossip.publish(bytes('mine'))
    await clock.play(2_000)
    expect(await receipt).toMatchObject({ epoch: 9, seq: 0 })
  })

  it('tells what becomes of what it said before: confirmed below the fork, and never from there on', async () => {
    const network = createNetwork(2, engine())
    const { topic, clock } = network
    const own = { topic, clock, engine: engine(), seed: 50, epoch: 5 }
    const author = createNode({ ...own, more: { epochs: { next: async () => 9 } } })
    open.push(() => author.gossip.close(), network.close)
    const receipts = [await say(author, 'a'), await say(author, 'b'), await say(author, 'c')]
    const [, , last] = receipts
    const early = last?.confirmed().catch((error: unknown) => error)
    const peer = await linkRawPeer(author, 7)
    peer.hello()
    const draft = { epoch: 5, firstSeq: 2, time: 0, prev: new Uint8Array(PREV_BYTES), messages: [bytes('x')] }
    const one = createRecord(draft, topic, author.identity, crypto)
    const two = createRecord({ ...draft, messages: [bytes('y')] }, topic, author.identity, crypto)
    peer.channel.send(encodeFrame({ type: 'fork', proof: encodeForkProof(one, two) }))
    await settle()
    expect(await early).toMatchObject({ code: 'ERR_FORKED' })
    await expect(last?.confirmed()).rejects.toMatchObject({ code: 'ERR_FORKED' })
    await clock.play(1_000)
    const next = await say(author, 'd')
    for (const node of network.nodes) await linkNodes(author, node)
    await clock.play(1_000)
    // What they have heard of the earlier epoch is in their hello, so they have to come once more.
    for (const { gossip } of network.nodes) for (const link of gossip.peers.values()) void link.close()
    await settle()
    for (const node of network.nodes) await linkNodes(author, node)
    await clock.play(1_000)
    await Promise.all(receipts.slice(0, 2).map((receipt) => receipt.confirmed(2)))
    await next.confirmed(1)
    await expect(last?.confirmed()).rejects.toMatchObject({ code: 'ERR_FORKED' })
  })

  it('asks a source that failed again when something is published', async () => {
    const network = createNetwork(1, engine())
    let tries = 0
    const next = async (): Promise<number> => (++tries < 3 ? Promise.reject(new RangeError('not now')) : 9)
    const own = { topic: network.topic, clock: network.clock, engine: engine(), seed: 50, epoch: 5 }
    const author = createNode({ ...own, more: { epochs: { next } } })
    open.push(() => author.gossip.close(), network.close)
    const warnings: Error[] = []
    author.gossip.on('warning', (warning) => warnings.push(warning))
    await meetTwin(author, network.topic)
    await expect(author.gossip.publish(bytes('one'))).rejects.toMatchObject({ message: 'not now' })
    const receipt = author.gossip.publish(bytes('two'))
    await network.clock.play(1_000)
    expect(await receipt).toMatchObject({ epoch: 9, seq: 0 })
    expect(warnings).toHaveLength(1)
  })

  it('tells of a source that does not answer', async () => {
    const network = createNetwork(0, engine())
    const own = { topic: network.topic, clock: network.clock, engine: engine(), seed: 50, epoch: 5 }
    const author = createNode({ ...own, more: { epochs: { next: () => new Promise<number>(() => {}) } } })
    const warnings: Error[] = []
    author.gossip.on('warning', (warning) => warnings.push(warning))
    await meetTwin(author, network.topic)
    const ended = author.gossip.publish(bytes('waits')).catch((error: unknown) => error)
    await network.clock.play(60_000)
    expect(warnings).toMatchObject([{ code: 'ERR_FORKED', message: expect.stringContaining('waits') }])
    await author.gossip.close()
    expect(await ended).toMatchObject({ code: 'ERR_CLOSED' })
  })

  it.each([
    [null, { code: 'ERR_FORKED', remedy: expect.stringContaining('source of epochs') }],
    [[], { message: 'no epoch is left' }],
  ])('says no more if there is no other: %j', async (epochs, error) => {
    const { author, recordOf } = await scene(epochs)
    const warnings: Error[] = []
    author.gossip.on('warning', (warning) => warnings.push(warning))
    await say(author, 'mine')
    const peer = await linkRawPeer(author, 7)
    peer.hello()
    peer.channel.send(encodeFrame({ type: 'record', hops: 0, record: encodeRecord(recordOf(0, 'theirs')) }))
    await settle()
    await expect(author.gossip.publish(bytes('more'))).rejects.toMatchObject(error)
    expect(warnings).toHaveLength(1)
  })
})
