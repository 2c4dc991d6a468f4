// Topics with a secret: who does not know it can neither open the channel, nor read what it may have got hold of.

import {
  createIdentity,
  createRecord,
  createTopic,
  decodeRecord,
  encodeRecord,
  PREV_BYTES,
  recordMessages,
  sodiumCrypto,
  type Topic,
} from '@hearsay/core'
import { memoryLinkPair, settle, virtualClock } from '@hearsay/core/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { decodeFrame, encodeFrame } from '../src/machine.js'
import { bytes, createNode, ENGINES, linkRawPeer, type TestNode, textOf } from './network.js'

const crypto = sodiumCrypto()
const secret = new Uint8Array(16).fill(9)
const team = createTopic('team', { secret })
const TEXT = 'meet me at the usual place'

describe.each(ENGINES)('%s', (_name, engine) => {
  const clock = virtualClock()
  let nodes: TestNode[] = []
  afterEach(async () => {
    for (const { gossip } of nodes) await gossip.close()
    nodes = []
  })

  function member(topic: Topic, seed: number): TestNode {
    const node = createNode({ topic, clock, seed, epoch: 1, engine: engine() })
    nodes.push(node)
    return node
  }

  async function link(a: TestNode, b: TestNode): Promise<void> {
    const [left, right] = memoryLinkPair({ a: a.identity.id, b: b.identity.id })
    a.gossip.addLink(left)
    b.gossip.addLink(right)
    await settle()
  }

  describe('a topic with a secret', () => {
    it('its members hear each other', async () => {
      const [a, b] = [member(team, 1), member(team, 2)]
      await link(a, b)
      await (await a.gossip.publish(bytes(TEXT))).confirmed()
      expect(b.heard.map(textOf)).toEqual([TEXT])
    })

    it.each([16_384, 100_000, 4_194_304])('its members hear a message of %i bytes whole', async (length) => {
      const [a, b] = [member(team, 1), member(team, 2)]
      await link(a, b)
      await (await a.gossip.publish(new Uint8Array(length).fill(7))).confirmed()
      const [delivery] = b.heard
      expect(delivery && Buffer.compare(delivery.payload, new Uint8Array(length).fill(7))).toBe(0)
    })

    it.each([
      ['no secret', createTopic('team')],
      ['another secret', createTopic('team', { secret: new Uint8Array(16) })],
    ])('a topic of the same name with %s opens no channel and hears nothing', async (_name, other) => {
      const [a, stranger] = [member(team, 1), member(other, 2)]
      await link(a, stranger)
      await a.gossip.publish(bytes(TEXT))
      await settle()
      expect([a.gossip.peers.size, stranger.gossip.peers.size, stranger.heard.length]).toEqual([0, 0, 0])
    })

    it('who names the channel without the proof loses the link before anything is said', async () => {
      const node = member(team, 1)
      const peer = await linkRawPeer(node, 7, new Uint8Array(32))
      await node.gossip.publish(bytes(TEXT))
      await settle()
      expect(peer.ended()).toMatchObject({ code: 'ERR_TOPIC_PROOF' })
      expect(peer.frames).toEqual([])
    })

    it('payloads are sealed on the wire, and opened with the secret alone', async () => {
      const node = member(team, 1)
      const peer = await linkRawPeer(node, 7)
      peer.hello()
      await node.gossip.publish(bytes(TEXT))
      await settle()
      const [frame] = peer.frames.map((bytes) => decodeFrame(bytes)).filter(({ type }) => type === 'record')
      if (frame?.type !== 'record') throw new Error('no record came')
      expect(Buffer.from(frame.record).includes(TEXT)).toBe(false)
      const record = decodeRecord(frame.record, team, crypto)
      expect(recordMessages(record, team, crypto)).toEqual([bytes(TEXT)])
      const open = { ...team, payloadKey: null } as Topic
      const guessed = { ...team, payloadKey: new Uint8Array(32) } as Topic
      for (const topic of [open, guessed]) expect(() => recordMessages(record, topic, crypto)).toThrow()
    })

    it('a record that is not sealed under its key is not delivered and ends the link', async () => {
      const node = member(team, 1)
      const peer = await linkRawPeer(node, 7)
      peer.hello()
      const draft = { epoch: 1, firstSeq: 0, time: 0, prev: new Uint8Array(PREV_BYTES), messages: [bytes(TEXT)] }
      const plain = Object.defineProperty({ ...team }, 'payloadKey', { value: null }) as Topic
      const record = createRecord(draft, plain, createIdentity(), crypto)
      peer.channel.send(encodeFrame({ type: 'record', hops: 0, record: encodeRecord(record) }))
      await settle()
      expect(node.heard).toEqual([])
      expect(peer.ended()).toMatchObject({ code: 'ERR_RECORD' })
    })
  })
})
