import {
  createIdentity,
  createRecord,
  createTopic,
  type Drop,
  encodeRecord,
  type Fork,
  fromPeerId,
  type Gap,
  type Identity,
  PREV_BYTES,
  type SignedRecord,
  sodiumCrypto,
} from '@hearsay/core'
import { memoryLinkPair, settle } from '@hearsay/core/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { createGossip, type Engine, type GossipError } from '../src/index.js'
import { encodeFrame } from '../src/machine.js'
import { OWED_MS } from '../src/repair/fillings.js'
import {
  at,
  bytes,
  createNode,
  ENGINES,
  createNetwork as join,
  linkRawPeer,
  type TestNetwork,
  textOf,
} from './network.js'

describe.each(ENGINES)('%s', (_name, engine) => {
  const createNetwork = (count: number, made: Engine = engine()): TestNetwork => join(count, made)
  let network: TestNetwork
  afterEach(() => network.close())

  /** A frame with one message of the author in epoch 1. */
  function recordFrame(by: Identity, said: { readonly firstSeq: number; readonly text: string }): Uint8Array {
    return encodeFrame({ type: 'record', hops: 0, record: encodeRecord(recordOf(by, said)) })
  }

  /** It joins to records that say the same. */
  function recordOf(by: Identity, { firstSeq, text }: { firstSeq: number; text: string }): SignedRecord {
    const first = new Uint8Array(PREV_BYTES)
    const prev = firstSeq === 0 ? first : recordOf(by, { firstSeq: firstSeq - 1, text }).id.slice(0, PREV_BYTES)
    const draft = { epoch: 1, firstSeq, time: 0, prev, messages: [bytes(text)] }
    return createRecord(draft, createTopic('test'), by, sodiumCrypto())
  }

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
      const again = createNode({ topic: network.topic, clock: network.clock, seed: 0, epoch: 99, engine: engine() })
      const restarted: TestNetwork = { ...network, nodes: [again, at(network.nodes, 1)] }
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

    it('a confirmation that is asked for after the end of the room is refused with a code', async () => {
      network = createNetwork(1)
      const receipt = await at(network.nodes, 0).gossip.publish(bytes('x'))
      await at(network.nodes, 0).gossip.close()
      await expect(receipt.confirmed(1)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    })

    it('a message is confirmed although its listener closes the room', async () => {
      network = createNetwork(2)
      await network.link(0, 1)
      const { gossip } = at(network.nodes, 1)
      gossip.on('delivery', () => gossip.close())
      const receipt = await at(network.nodes, 0).gossip.publish(bytes('x'))
      await receipt.confirmed(1)
      expect(network.clock.pending).toBe(0)
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

  describe('publishing', () => {
    it('takes 200,000 messages in one tick', async () => {
      network = createNetwork(1)
      const { gossip } = at(network.nodes, 0)
      const receipts = await Promise.all(Array.from({ length: 200_000 }, () => gossip.publish(new Uint8Array())))
      expect(receipts.at(-1)?.seq).toBe(199_999)
    })

    it('signs no more at once than the history holds: all of one tick arrives, though it is more than that', async () => {
      network = createNetwork(2, engine({ capacityBytes: 500_000 }))
      await network.link(0, 1)
      const { gossip } = at(network.nodes, 0)
      const receipts = await Promise.all(Array.from({ length: 100 }, () => gossip.publish(new Uint8Array(20_000))))
      await receipts.at(-1)?.confirmed(1)
      expect(at(network.nodes, 1).heard.map(({ seq }) => seq)).toEqual(receipts.map((_, index) => index))
    })

    it('ends when what waited for a slow peer is pushed out of the history', async () => {
      network = createNetwork(1, engine({ capacityBytes: 500_000 }))
      const node = at(network.nodes, 0)
      const slow = await linkRawPeer(node, 7)
      slow.hello()
      slow.channel.setFlowing(false)
      await settle()
      const results = Array.from({ length: 20 }, () => node.gossip.publish(new Uint8Array(20_000)))
      await settle()
      for (let firstSeq = 0; firstSeq < 40; firstSeq++) {
        slow.channel.send(recordFrame(slow.identity, { firstSeq, text: 'x'.repeat(20_000) }))
        await settle()
      }
      expect((await Promise.all(results)).map(({ seq }) => seq)).toEqual(results.map((_, seq) => seq))
    })

    it('that is aborted before it is signed is refused with a code, and nobody hears it', async () => {
      network = createNetwork(2)
      await network.link(0, 1)
      const { gossip } = at(network.nodes, 0)
      const abort = new AbortController()
      const aborted = gossip.publish(bytes('no'), { signal: abort.signal })
      const other = gossip.publish(bytes('yes'))
      abort.abort(new Error('mine'))
      await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: abort.signal.reason })
      await expect(gossip.publish(bytes('no'), { signal: abort.signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' })
      await (await other).confirmed(1)
      expect(at(network.nodes, 1).heard.map((delivery) => [delivery.seq, textOf(delivery)])).toEqual([[0, 'yes']])
    })

    it('that is aborted after it was signed ends with a receipt: it cannot be taken back', async () => {
      network = createNetwork(2)
      const node = at(network.nodes, 0)
      // It says no hello, so nothing is handed to it.
      await linkRawPeer(node, 7)
      const abort = new AbortController()
      const waiting = node.gossip.publish(bytes('x'), { signal: abort.signal })
      await settle()
      abort.abort()
      const receipt = await waiting
      expect(receipt).toMatchObject({ seq: 0, peers: 0 })
      await network.link(0, 1)
      await receipt.confirmed(1)
      expect(at(network.nodes, 1).heard.map(textOf)).toEqual(['x'])
    })

    it('does not wait for a peer that says nothing longer than that peer has to say hello', async () => {
      network = createNetwork(1)
      const node = at(network.nodes, 0)
      const mute = await linkRawPeer(node, 7)
      const receipt = node.gossip.publish(bytes('x'))
      await network.clock.play(10_000)
      expect(await receipt).toMatchObject({ peers: 0 })
      expect(mute.ended()).toMatchObject({ code: 'ERR_FRAME' })
    })

    it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('works while the clock says %d', async (wall) => {
      network = createNetwork(1)
      const clock = { ...network.clock, wall: () => wall }
      const gossip = createGossip({
        topic: network.topic,
        author: at(network.nodes, 0).identity,
        epoch: 7,
        clock,
        engine: engine(),
      })
      expect(await gossip.publish(bytes('x'))).toMatchObject({ seq: 0 })
      await gossip.close()
    })

    it('is refused with the error of a key that cannot sign', async () => {
      network = createNetwork(1)
      const { identity } = at(network.nodes, 0)
      const sign = (): Uint8Array => {
        throw new Error('the key is locked')
      }
      const gossip = createGossip({
        topic: network.topic,
        author: { ...identity, sign },
        epoch: 7,
        clock: network.clock,
        engine: engine(),
      })
      await expect(gossip.publish(bytes('x'))).rejects.toThrow('the key is locked')
      await gossip.close()
    })
  })

  describe('links', () => {
    it('two that lead to one peer are one peer, until both have ended', async () => {
      network = createNetwork(2)
      const { gossip } = at(network.nodes, 0)
      const told: string[] = []
      for (const name of ['peer', 'peer-leave'] as const) gossip.on(name, () => told.push(name))
      const [first] = await network.link(0, 1)
      const [second] = await network.link(0, 1)
      await first.close()
      await settle()
      expect([...gossip.peers.values()]).toEqual([second])
      await second.close()
      await settle()
      expect(told).toEqual(['peer', 'peer-leave'])
    })

    it('one that does not carry a message that large does not stop the others, nor what follows', async () => {
      network = createNetwork(3)
      const [a, b, c] = [at(network.nodes, 0), at(network.nodes, 1), at(network.nodes, 2)]
      const [left, right] = memoryLinkPair({ a: a.identity.id, b: b.identity.id, frameLimit: 1_000 })
      const warnings: unknown[] = []
      a.gossip.on('warning', (error) => warnings.push(error))
      a.gossip.addLink(left)
      b.gossip.addLink(right)
      await network.link(0, 2)
      await a.gossip.publish(new Uint8Array(5_000))
      await a.gossip.publish(bytes('small'))
      await settle()
      // It was promised what does not come, and bears with that for a while.
      await network.clock.play(6_000)
      expect(c.heard).toHaveLength(2)
      expect(b.heard.map(textOf)).toEqual(['small'])
      expect(new Set(warnings.map((warning) => (warning as GossipError).code))).toEqual(new Set(['ERR_FRAME_SIZE']))
    })

    it('one that carries everything at once loses nothing', async () => {
      network = createNetwork(2)
      const [a, b] = [at(network.nodes, 0), at(network.nodes, 1)]
      let isInstant = false
      const carry = (arrive: () => void): void => (isInstant ? arrive() : queueMicrotask(arrive))
      const [left, right] = memoryLinkPair({ a: a.identity.id, b: b.identity.id, carry })
      a.gossip.addLink(left)
      b.gossip.addLink(right)
      await settle()
      isInstant = true
      const receipts = await Promise.all(Array.from({ length: 100 }, () => a.gossip.publish(new Uint8Array(20_000))))
      await receipts.at(-1)?.confirmed(1)
      expect(b.heard).toHaveLength(100)
    })
  })

  describe('what is told', () => {
    it('two signed messages for one place are told as a fork, with a proof that anybody can check', async () => {
      network = createNetwork(1)
      const node = at(network.nodes, 0)
      const forks: Fork[] = []
      node.gossip.on('fork', (fork) => forks.push(fork))
      const peer = await linkRawPeer(node, 7)
      peer.hello()
      for (const text of ['one', 'two']) peer.channel.send(recordFrame(peer.identity, { firstSeq: 0, text }))
      await settle()
      expect(node.heard.map(textOf)).toEqual(['one'])
      expect(forks).toMatchObject([{ author: peer.identity.id, epoch: 1 }])
      const publicKey = fromPeerId(peer.identity.id)
      for (const header of forks[0]?.headers ?? []) {
        const [signed, signature] = [header.subarray(0, -64), header.subarray(-64)]
        expect(sodiumCrypto().verify(signature, signed, publicKey)).toBe(true)
      }
      expect(peer.ended()).toBeNull()
    })

    it('records of authors beyond the bound are told as dropped', async () => {
      network = createNetwork(1, engine({ maxEpochs: 1, maxCounters: 0 }))
      const node = at(network.nodes, 0)
      const dropped: Drop[] = []
      node.gossip.on('drop', (drop) => dropped.push(drop))
      const peer = await linkRawPeer(node, 7)
      peer.hello()
      const stranger = createIdentity()
      peer.channel.send(recordFrame(peer.identity, { firstSeq: 0, text: 'one' }))
      peer.channel.send(recordFrame(stranger, { firstSeq: 0, text: 'two' }))
      await settle()
      expect(dropped).toEqual([{ author: stranger.id, epoch: 1, from: 0, to: 1, reason: 'authors' }])
    })

    it('a hole is told as a gap when nobody who could fill it does', async () => {
      network = createNetwork(1)
      const node = at(network.nodes, 0)
      const gaps: Gap[] = []
      node.gossip.on('gap', (gap) => gaps.push(gap))
      const peer = await linkRawPeer(node, 7)
      peer.hello()
      for (const firstSeq of [0, 3]) peer.channel.send(recordFrame(peer.identity, { firstSeq, text: String(firstSeq) }))
      await network.clock.play(OWED_MS - 1)
      expect(node.heard.map(textOf)).toEqual(['0'])
      await network.clock.play(1)
      expect(node.heard.map(textOf)).toEqual(['0', '3'])
      expect(gaps).toEqual([{ author: peer.identity.id, epoch: 1, from: 1, to: 3 }])
    })
  })

  describe('bounds', () => {
    it('a capacity of 100 keeps the newest 100 and tells what it dropped', async () => {
      network = createNetwork(1, engine({ capacity: 100 }))
      const { gossip } = at(network.nodes, 0)
      const dropped: number[] = []
      gossip.on('drop', ({ from, reason }) => reason === 'history' && dropped.push(from))
      for (let index = 0; index < 150; index++) await gossip.publish(bytes(String(index)))
      const kept = []
      for await (const delivery of gossip.history()) kept.push(textOf(delivery))
      expect(kept).toEqual(Array.from({ length: 100 }, (_, index) => String(index + 50)))
      expect(dropped).toEqual(Array.from({ length: 50 }, (_, index) => index))
    })

    it.each([0, 1, 16_381, 16_384, 1_000_000, 4_194_304])('a payload of %i bytes arrives whole', async (length) => {
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
      await expect(gossip.publish(new Uint8Array(4_194_305))).rejects.toMatchObject({ code: 'ERR_MESSAGE_SIZE' })
    })

    it.each([[{ capacity: 0 }], [{ capacity: 1.5 }], [{ maxMessageBytes: 16_777_217 }], [{ holdMs: -1 }]])(
      'the option %j is refused with a code',
      (limits) => {
        network = createNetwork(0)
        expect(() => createNode({ ...network, engine: engine(limits), seed: 1, epoch: 1 })).toThrow(
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
})
