import { settle } from '@hearsay/core/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { flood } from '../src/index.js'
import { at, bytes, createNetwork, createNode, type TestNetwork, textOf } from './network.js'

let network: TestNetwork
afterEach(() => network.close())

describe('three nodes in a line', () => {
  it('the far end verifies and delivers the message of the other end, with its author and two hops', async () => {
    network = createNetwork(3)
    await network.link(0, 1)
    await network.link(1, 2)
    await at(network.nodes, 0).gossip.publish(bytes('hello'))
    await settle()
    const [delivery] = at(network.nodes, 2).heard
    expect(delivery && textOf(delivery)).toBe('hello')
    expect(delivery).toMatchObject({
      author: at(network.nodes, 0).identity.id,
      seq: 0,
      hops: 2,
      via: at(network.nodes, 1).identity.id,
    })
  })

  it('the author does not hear itself, but its history has its own message', async () => {
    network = createNetwork(3)
    await network.link(0, 1)
    await network.link(1, 2)
    await at(network.nodes, 0).gossip.publish(bytes('hello'))
    await settle()
    expect(at(network.nodes, 0).heard).toEqual([])
    const own = []
    for await (const delivery of at(network.nodes, 0).gossip.history()) own.push(textOf(delivery))
    expect(own).toEqual(['hello'])
  })
})

describe('four nodes in a loop', () => {
  it('each other node delivers each message once and in order', async () => {
    network = createNetwork(4)
    for (const [a, b] of [
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 0],
    ] as const)
      await network.link(a, b)
    for (let index = 0; index < 50; index++) await at(network.nodes, index % 4).gossip.publish(bytes(String(index)))
    await settle()
    for (const [number, node] of network.nodes.entries()) {
      expect(node.heard).toHaveLength(50 - Math.ceil((50 - number) / 4))
      for (const author of network.nodes) {
        const seqs = node.heard.filter((delivery) => delivery.author === author.identity.id).map(({ seq }) => seq)
        expect(seqs).toEqual(seqs.map((_, index) => index))
      }
    }
  })
})

describe('joining and rejoining', () => {
  it('what was published before the first link is delivered when it comes', async () => {
    network = createNetwork(2)
    const receipt = await at(network.nodes, 0).gossip.publish(bytes('early'))
    expect(receipt.peers).toBe(0)
    await network.link(0, 1)
    expect(at(network.nodes, 1).heard.map(textOf)).toEqual(['early'])
  })

  it('what a peer has confirmed is not told to one that joins later', async () => {
    network = createNetwork(3)
    await network.link(0, 1)
    const receipt = await at(network.nodes, 0).gossip.publish(bytes('old'))
    await receipt.confirmed(1)
    await network.link(0, 2)
    await at(network.nodes, 0).gossip.publish(bytes('new'))
    await settle()
    expect(at(network.nodes, 2).heard.map(textOf)).toEqual(['new'])
  })

  it('a peer that lost its link catches up on the authors that it followed', async () => {
    network = createNetwork(2)
    const [link] = await network.link(0, 1)
    await at(network.nodes, 0).gossip.publish(bytes('0'))
    await settle()
    await link.close()
    await settle()
    await at(network.nodes, 0).gossip.publish(bytes('1'))
    await at(network.nodes, 0).gossip.publish(bytes('2'))
    await network.link(0, 1)
    expect(at(network.nodes, 1).heard.map(textOf)).toEqual(['0', '1', '2'])
  })

  it('messages of a new epoch of the same author are delivered to those who heard the earlier one', async () => {
    network = createNetwork(2)
    await network.link(0, 1)
    await at(network.nodes, 0).gossip.publish(bytes('before'))
    await settle()
    await at(network.nodes, 0).gossip.close()
    const again = createNode({ topic: network.topic, clock: network.clock, seed: 0, epoch: 99 })
    const restarted: TestNetwork = { ...network, nodes: [again, at(network.nodes, 1)] }
    const { memoryLinkPair } = await import('@hearsay/core/memory')
    const [a, b] = memoryLinkPair({ a: again.identity.id, b: at(network.nodes, 1).identity.id })
    at(restarted.nodes, 0).gossip.addLink(a)
    at(restarted.nodes, 1).gossip.addLink(b)
    await settle()
    await again.gossip.publish(bytes('after'))
    await settle()
    expect(at(network.nodes, 1).heard.map((delivery) => [textOf(delivery), delivery.epoch, delivery.seq])).toEqual([
      ['before', 1, 0],
      ['after', 99, 0],
    ])
    await again.gossip.close()
  })
})

describe('receipts', () => {
  it('tell to how many peers a message was handed, and resolve when so many have confirmed it', async () => {
    network = createNetwork(3)
    await network.link(0, 1)
    await network.link(0, 2)
    const receipt = await at(network.nodes, 0).gossip.publish(bytes('x'))
    expect(receipt).toMatchObject({ author: at(network.nodes, 0).identity.id, epoch: 1, seq: 0, peers: 2 })
    await receipt.confirmed(2)
  })

  it('a confirmation that never comes ends with the signal', async () => {
    network = createNetwork(2)
    await network.link(0, 1)
    const receipt = await at(network.nodes, 0).gossip.publish(bytes('x'))
    const abort = new AbortController()
    const waiting = receipt.confirmed(2, { signal: abort.signal })
    abort.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  })

  it('a confirmation that never comes ends with the room', async () => {
    network = createNetwork(1)
    const receipt = await at(network.nodes, 0).gossip.publish(bytes('x'))
    const waiting = receipt.confirmed(1)
    await at(network.nodes, 0).gossip.close()
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  it('messages of one tick share a record and keep their order', async () => {
    network = createNetwork(2)
    await network.link(0, 1)
    const texts = Array.from({ length: 3_000 }, (_, index) => `message ${index}`)
    const receipts = await Promise.all(texts.map((text) => at(network.nodes, 0).gossip.publish(bytes(text))))
    expect(receipts.map(({ seq }) => seq)).toEqual(texts.map((_, index) => index))
    await receipts.at(-1)?.confirmed(1)
    expect(at(network.nodes, 1).heard.map(textOf)).toEqual(texts)
  })
})

describe('bounds', () => {
  it('a capacity of 100 keeps the newest 100 and tells what it dropped', async () => {
    network = createNetwork(1, flood({ capacity: 100 }))
    const { gossip } = at(network.nodes, 0)
    const dropped: number[] = []
    gossip.on('drop', ({ from, reason }) => reason === 'history' && dropped.push(from))
    for (let index = 0; index < 150; index++) await gossip.publish(bytes(String(index)))
    const kept = []
    for await (const delivery of gossip.history()) kept.push(textOf(delivery))
    expect(kept).toEqual(Array.from({ length: 100 }, (_, index) => String(index + 50)))
    expect(dropped).toEqual(Array.from({ length: 50 }, (_, index) => index))
  })

  it.each([0, 1, 1_000_000])('a payload of %i bytes arrives whole', async (length) => {
    network = createNetwork(2)
    await network.link(0, 1)
    const payload = new Uint8Array(length).fill(7)
    await (await at(network.nodes, 0).gossip.publish(payload)).confirmed()
    const [delivery] = at(network.nodes, 1).heard
    expect(delivery && Buffer.compare(delivery.payload, payload)).toBe(0)
  })

  it('one byte more than the limit is refused with a code', async () => {
    network = createNetwork(1)
    const { gossip } = at(network.nodes, 0)
    await expect(gossip.publish(new Uint8Array(1_000_001))).rejects.toMatchObject({ code: 'ERR_MESSAGE_SIZE' })
  })

  it.each([[{ capacity: 0 }], [{ capacity: 1.5 }], [{ maxMessageBytes: 1_000_001 }], [{ holdMs: -1 }]])(
    'the option %j is refused with a code',
    (limits) => {
      network = createNetwork(0)
      expect(() => createNode({ ...network, engine: flood(limits), seed: 1, epoch: 1 })).toThrow(
        expect.objectContaining({ code: 'ERR_OPTION' }),
      )
    },
  )
})

describe('the end', () => {
  it('closing twice is once, and publishing afterwards is refused with a code', async () => {
    network = createNetwork(1)
    const { gossip } = at(network.nodes, 0)
    await gossip.close()
    await gossip.close()
    await expect(gossip.publish(bytes('x'))).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  it('leaves no timer behind', async () => {
    network = createNetwork(2)
    await network.link(0, 1)
    await at(network.nodes, 0).gossip.publish(bytes('x'))
    await settle()
    await network.close()
    expect(network.clock.pending).toBe(0)
  })

  it('a throwing listener ends neither the process nor the delivery to others', async () => {
    network = createNetwork(2)
    const warnings: Error[] = []
    const { gossip, heard } = at(network.nodes, 1)
    gossip.on('warning', (error) => warnings.push(error))
    gossip.on('delivery', () => {
      throw new Error('mine')
    })
    await network.link(0, 1)
    await at(network.nodes, 0).gossip.publish(bytes('a'))
    await at(network.nodes, 0).gossip.publish(bytes('b'))
    await settle()
    expect(heard.map(textOf)).toEqual(['a', 'b'])
    expect(warnings.map(({ message }) => message)).toEqual(['mine', 'mine'])
  })
})
