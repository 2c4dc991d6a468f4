// A peer that is linked and hostile, over a real encrypted link: what it sends costs it the link, and others nothing.

import {
  type Channel,
  type CloseReason,
  channelId,
  channelProof,
  createIdentity,
  createRecord,
  createTopic,
  encodeRecord,
  type Link,
  sodiumCrypto,
  systemClock,
  systemRandom,
} from '@hearsay/core'
import { memoryStreamPair } from '@hearsay/core/memory'
import { encodeFrame } from '@hearsay/gossip/machine'
import { type SecureLinkOptions, secureLink } from '@hearsay/transport'
import { afterEach, describe, expect, it } from 'vitest'
import type { Node, Room } from '../src/index.js'
import { localNode, next, TOPIC, take } from './nodes.js'

const crypto = sodiumCrypto()
const topic = createTopic(TOPIC)
const author = createIdentity()

interface Scene {
  readonly victim: Node
  readonly room: Room<unknown>
  readonly honest: Room<unknown>
  readonly link: Link
  readonly channel: Channel
  readonly own: SecureLinkOptions
}

const open: Node[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close()))
})

/** A victim that is linked to an honest node and to us, who know the topic and have opened its channel. */
async function scene(): Promise<Scene> {
  const victim = localNode()
  open.push(victim)
  await victim.ready()
  const honestNode = localNode({ dial: [victim], listen: false })
  open.push(honestNode)
  const [room, honest] = [await victim.join(TOPIC), await honestNode.join(TOPIC)]
  await honest.ready()
  const [ours, theirs] = memoryStreamPair()
  const identity = createIdentity()
  const own = {
    identity,
    initiator: true,
    network: 'hearsay',
    clock: systemClock(),
    random: systemRandom(),
    address: null,
  }
  const [link] = await Promise.all([secureLink(ours, own), victim.attach(theirs, { initiator: false })])
  const handshake = channelProof(topic, link)
  const channel = link.openChannel({ protocol: 'hearsay/room/1', id: channelId(topic, link.handshakeHash), handshake })
  await next((listener) => channel.once('open', listener))
  channel.send(encodeFrame({ type: 'hello', author: identity.id, epoch: 1, presentMs: 0, since: 'live', heads: [] }))
  return { victim, room, honest, link, channel, own }
}

const ending = async (link: Link): Promise<CloseReason> =>
  (await next<[CloseReason]>((listener) => link.once('close', listener)))[0]

function recordFrame(text: string): Uint8Array {
  const draft = {
    epoch: 7,
    firstSeq: 0,
    time: 0,
    prev: new Uint8Array(16),
    messages: [new TextEncoder().encode(JSON.stringify(text))],
  }
  return encodeFrame({ type: 'record', hops: 0, record: encodeRecord(createRecord(draft, topic, author, crypto)) })
}

describe('a linked peer', () => {
  it.each([
    [
      'a forged record',
      () => recordFrame('x').map((byte, index, all) => (index === all.length - 2 ? byte ^ 1 : byte)),
      'ERR_RECORD_FORGED',
    ],
    ['an empty frame', () => new Uint8Array(), 'ERR_FRAME'],
    ['a frame of an unknown type', () => Uint8Array.of(200, 1, 2), 'ERR_FRAME'],
    ['a record that is cut short', () => recordFrame('x').subarray(0, 60), 'ERR_RECORD'],
  ])('that sends %s loses its link with a code, delivers nothing, and others talk on', async (_name, frame, code) => {
    const { victim, room, honest, link, channel } = await scene()
    const heard: unknown[] = []
    room.on('message', ({ data }) => heard.push(data))
    const ended = ending(link)
    channel.send(frame())
    expect(await ended).toMatchObject({ code, by: 'remote' })
    await honest.publish('still here')
    await take(room, 1)
    expect(heard).toEqual(['still here'])
    expect(victim.links.size).toBe(1)
  })

  it('that replays one record 1,000 times is heard once, and so is everybody after it', async () => {
    const { room, honest, channel } = await scene()
    const heard: unknown[] = []
    room.on('message', ({ data }) => heard.push(data))
    const frame = recordFrame('once')
    for (let round = 0; round < 1_000; round++) channel.send(frame)
    await take(room, 1)
    await honest.publish('after')
    await take(room, 2)
    expect(heard).toEqual(['once', 'after'])
  })

  it('whose forgery was seen cannot come back with the same key', async () => {
    const { victim, link, channel, own } = await scene()
    const ended = ending(link)
    channel.send(recordFrame('x').map((byte, index, all) => (index === all.length - 2 ? byte ^ 1 : byte)))
    await ended
    expect(victim.inspect().pool.bans).toBe(1)
    const [again, theirs] = memoryStreamPair()
    const back = await Promise.allSettled([secureLink(again, own), victim.attach(theirs, { initiator: false })])
    expect(back.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  it('that claims the topic without knowing it cannot name its channel', async () => {
    const { room, link } = await scene()
    const other = createTopic('elsewhere')
    const channel = link.openChannel({ protocol: 'hearsay/room/1', id: channelId(other, link.handshakeHash) })
    const [reason] = await next<[CloseReason]>((listener) => channel.once('close', listener))
    expect(reason.by).toBe('remote')
    await room.ready({ peers: 2 })
  })

  it('that sends a wrong proof of the topic loses its link with a code', async () => {
    const victim = localNode({ listen: false })
    open.push(victim)
    await victim.join(TOPIC)
    const [ours, theirs] = memoryStreamPair()
    const own = {
      identity: createIdentity(),
      initiator: true,
      network: 'hearsay',
      clock: systemClock(),
      random: systemRandom(),
      address: null,
    }
    const [link] = await Promise.all([secureLink(ours, own), victim.attach(theirs, { initiator: false })])
    const ended = ending(link)
    link.openChannel({
      protocol: 'hearsay/room/1',
      id: channelId(topic, link.handshakeHash),
      handshake: new Uint8Array(32),
    })
    expect(await ended).toMatchObject({ code: 'ERR_TOPIC_PROOF', by: 'remote' })
  })
})
