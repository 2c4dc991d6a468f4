// Peer exchange over real multiplexed links with real signatures, on streams in memory.

import {
  createAddressRecord,
  createIdentity,
  createTopic,
  type Identity,
  type Link,
  type PeerId,
  parseAddress,
  sodiumCrypto,
  TopicChannels,
} from '@hearsay/core'
import { memoryStreamPair } from '@hearsay/core/memory'
import { streamLink } from '@hearsay/core/stream'
import { expect, test } from 'vitest'
import { type PeerExchange, peerExchange } from '../src/index.js'
import { encodeExchangeFrame } from '../src/machine.js'
import { nextCandidate, wishOf } from './support/wish.js'

const topic = createTopic('lobby')

interface TestNode {
  readonly identity: Identity
  readonly exchange: PeerExchange
  readonly codes: unknown[]
}

function createNode(others: ReadonlyMap<PeerId, Identity>): TestNode {
  const codes: unknown[] = []
  const identity = createIdentity()
  const recordOf = (peer: PeerId) => {
    const other = others.get(peer)
    return other ? createAddressRecord(other, { seq: 1, addresses: [parseAddress(`memory://${other.id}`)] }) : null
  }
  const exchange = peerExchange({ recordOf, logger: ({ fields }) => codes.push(fields?.code) })
  return { identity, exchange, codes }
}

async function linkOf(a: Identity, b: Identity): Promise<readonly [Link, Link]> {
  const [near, far] = memoryStreamPair()
  return Promise.all([
    streamLink(near, { identity: a, initiator: true }),
    streamLink(far, { identity: b, initiator: false }),
  ])
}

test('two members of one topic hear of each other through the third', async () => {
  const known = new Map<PeerId, Identity>()
  const nodes = [createNode(known), createNode(known), createNode(known)] as const
  const [a, hub, c] = nodes
  for (const { identity } of nodes) known.set(identity.id, identity)
  const [first, , last] = nodes.map(({ exchange, identity }) => exchange.join(topic, wishOf(null, { identity })))
  const links = [await linkOf(a.identity, hub.identity), await linkOf(c.identity, hub.identity)]
  for (const [n, [near, far]] of links.entries()) {
    ;[a, c][n]?.exchange.addLink(near)
    hub.exchange.addLink(far)
  }
  for (const [session, other] of [
    [first, c],
    [last, a],
  ] as const) {
    const candidate = session && (await nextCandidate(session))
    expect(candidate).toMatchObject({ peer: other.identity.id, source: 'exchange', referrer: hub.identity.id })
  }
  await Promise.all(nodes.map(({ exchange }) => exchange.close()))
  await Promise.all(links.flat().map((link) => link.close()))
})

test('who opens the channel anew after each fault loses the link with a code', async () => {
  const node = createNode(new Map())
  const attacker = createIdentity()
  node.exchange.join(topic, wishOf(null, { identity: node.identity }))
  const [own, theirs] = await linkOf(node.identity, attacker)
  node.exchange.addLink(own)
  const ended = new Promise<string>((resolve) => theirs.once('close', ({ code }) => resolve(code)))
  const frames = [
    encodeExchangeFrame({ type: 'hello', tellable: true }),
    encodeExchangeFrame({ type: 'news', record: new Uint8Array(99).fill(1) }),
  ]
  let opened = 0
  const open = (): void => {
    const channels = new TopicChannels({
      topic,
      protocol: 'hearsay/exchange/1',
      crypto: sodiumCrypto(),
      handlers: {
        onUp: (_, { channel }) => {
          opened += 1
          for (const frame of frames) channel.send(frame)
        },
        onDown: () => {
          channels.close()
          queueMicrotask(open)
        },
        onFrame: () => {},
        onDrain: () => {},
      },
    })
    channels.add(theirs)
  }
  open()
  expect(await ended).toBe('ERR_RECORD')
  expect([node.codes, opened]).toEqual([['ERR_RECORD', 'ERR_RECORD'], 2])
  await node.exchange.close()
})
