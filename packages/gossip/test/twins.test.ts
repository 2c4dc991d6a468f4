// Two that sign with one key in one epoch, and what neighbours say of it.

import { createIdentity, createRecord, encodeForkProof, encodeRecord, type Link, PREV_BYTES } from '@hearsay/core'
import { memoryLinkPair, settle } from '@hearsay/core/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { decodeFrame, encodeFrame } from '../src/machine.js'
import { crypto } from './frame-bench.js'
import { at, bytes, createNetwork, createNode, ENGINES, linkRawPeer, type TestNode, textOf } from './network.js'

describe.each(ENGINES)('twins of one key and epoch (%s)', (_name, engine) => {
  const open: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of open.splice(0)) await close()
  })

  /** Twins with keys of their own for links, and a third node. */
  function scene(more: Parameters<typeof createNode>[0]['more'] = {}) {
    const network = createNetwork(1, engine())
    const { topic, clock } = network
    open.push(network.close)
    const twin = (linkSeed: number, ...epochs: number[]) => {
      const source = { next: async () => epochs.shift() ?? Promise.reject(new RangeError('no epoch is left')) }
      const own = { topic, clock, engine: engine(), seed: 50, epoch: 5 }
      const node = createNode({ ...own, more: { ...more, epochs: source } })
      const warnings: Error[] = []
      node.gossip.on('warning', (warning) => warnings.push(warning))
      open.push(() => node.gossip.close())
      return { ...node, warnings, linkId: createIdentity({ seed: new Uint8Array(32).fill(linkSeed) }).id }
    }
    const third = at(network.nodes, 0)
    return {
      clock,
      topic,
      third: { ...third, linkId: third.identity.id },
      one: twin(60, 201),
      two: twin(61, 302),
      twin,
    }
  }

  type Linked = TestNode & { readonly linkId: string }

  async function link(a: Linked, b: Linked): Promise<() => boolean> {
    const [left, right]: readonly Link[] = memoryLinkPair({ a: a.linkId, b: b.linkId } as Parameters<
      typeof memoryLinkPair
    >[0])
    let isOver = false
    left?.on('close', () => {
      isOver = true
    })
    if (left) a.gossip.addLink(left)
    if (right) b.gossip.addLink(right)
    await settle()
    return () => isOver
  }

  async function say(node: TestNode, text: string) {
    const receipt = await node.gossip.publish(bytes(text))
    await settle()
    return receipt
  }

  const recordOf = (node: TestNode, seq: number, text: string) => {
    const draft = { epoch: 5, firstSeq: seq, time: 0, prev: new Uint8Array(PREV_BYTES), messages: [bytes(text)] }
    return createRecord(draft, node.gossip.topic, node.identity, crypto)
  }

  it('a brought back one learns of what it said from a third that heard it, and goes on in a new epoch', async () => {
    const { clock, third, one, two } = scene()
    await link(one, third)
    for (const text of ['a', 'b', 'c']) await say(one, text)
    const isOver = await link(two, third)
    await clock.play(1_000)
    expect(await say(two, 'two')).toMatchObject({ epoch: 302, seq: 0 })
    await clock.play(1_000)
    expect(third.heard.map(textOf)).toEqual(['a', 'b', 'c', 'two'])
    expect(isOver()).toBe(false)
    expect(two.warnings).toEqual([])
  })

  it('one that is silent learns of the other when that is acknowledged to both', async () => {
    const { clock, third, one, two } = scene()
    await link(one, third)
    const isOver = await link(two, third)
    await say(one, 'one')
    await clock.play(1_000)
    expect(await say(two, 'two')).toMatchObject({ epoch: 302, seq: 0 })
    await clock.play(1_000)
    expect(third.heard.map(textOf)).toEqual(['one', 'two'])
    expect(isOver()).toBe(false)
  })

  it('those that are linked with each other go on in new epochs as soon as one speaks', async () => {
    const { clock, one, two } = scene()
    const isOver = await link(one, two)
    await say(one, 'one')
    await clock.play(1_000)
    expect(await say(two, 'two')).toMatchObject({ epoch: 302, seq: 0 })
    await clock.play(1_000)
    expect(one.heard.map(textOf)).toEqual(['two'])
    expect(two.heard.map(textOf)).toEqual(['one'])
    expect(isOver()).toBe(false)
  })

  it('who only claims that there is one costs one question', async () => {
    const { clock, two } = scene()
    await say(two, 'first')
    const liar = await linkRawPeer(two, 7)
    const heads = [{ author: two.identity.id, epoch: 5, next: 2 ** 52 }]
    const { id: author } = liar.identity
    liar.channel.send(encodeFrame({ type: 'hello', author, epoch: 1, presentMs: 0, since: 'live', heads }))
    for (let to = 3; to < 9; to++) liar.channel.send(encodeFrame({ type: 'ack', from: 1, to }))
    await clock.play(1_000)
    const questions = liar.frames.map((frame) => decodeFrame(frame)).filter(({ type }) => type === 'pull')
    expect(questions).toMatchObject([{ ranges: [{ first: 1, count: 1_024 }] }])
    expect(await say(two, 'second')).toMatchObject({ epoch: 5, seq: 1, peers: 1 })
    expect(liar.ended()).toBe(null)
  })

  it('who claims to be one is given what is said, and is believed nothing', async () => {
    const { clock, two } = scene()
    const liar = await linkRawPeer(two, 7)
    const { id: author } = two.identity
    liar.channel.send(encodeFrame({ type: 'hello', author, epoch: 5, presentMs: 0, since: 'live', heads: [] }))
    await settle()
    expect(await say(two, 'mine')).toMatchObject({ epoch: 5, seq: 0, peers: 1 })
    await clock.play(1_000)
    const types = liar.frames.map((frame) => decodeFrame(frame).type)
    expect(types).toContain('record')
    expect(types).not.toContain('ack')
    expect(liar.ended()).toBe(null)
  })

  it('an acknowledgement of more than was said counts for what was', async () => {
    const { two } = scene()
    const peer = await linkRawPeer(two, 7)
    peer.hello()
    await settle()
    const receipt = await say(two, 'mine')
    peer.channel.send(encodeFrame({ type: 'ack', from: 0, to: 2 ** 52 }))
    await receipt.confirmed(1)
    expect(peer.ended()).toBe(null)
  })

  it('a proof against its epoch moves one that has said nothing yet', async () => {
    const { clock, two } = scene()
    const peer = await linkRawPeer(two, 7)
    peer.hello()
    const proof = encodeForkProof(recordOf(two, 0, 'theirs'), recordOf(two, 0, 'theirs too'))
    const forks: number[] = []
    two.gossip.on('fork', ({ epoch }) => forks.push(epoch))
    peer.channel.send(encodeFrame({ type: 'fork', proof }))
    await settle()
    await clock.play(1_000)
    expect(await say(two, 'mine')).toMatchObject({ epoch: 302, seq: 0 })
    expect(forks).toEqual([5])
  })

  it.each(['a gap before it', 'a validator that refuses it', 'one that never answers'])(
    'a record that it never said moves one whatever comes of it: %s',
    async (why) => {
      const validate = why.startsWith('a gap')
        ? undefined
        : () => (why.startsWith('one') ? new Promise<never>(() => {}) : ('reject' as const))
      const { clock, two } = scene(validate ? { validate } : {})
      const peer = await linkRawPeer(two, 7)
      peer.hello()
      const record = encodeRecord(recordOf(two, 3, 'theirs'))
      peer.channel.send(encodeFrame({ type: 'record', hops: 0, record }))
      await settle()
      await clock.play(1_000)
      expect(await say(two, 'mine')).toMatchObject({ epoch: 302, seq: 0 })
    },
  )
})
