// Rooms joined by memory links, for tests.

import {
  type Channel,
  type CloseReason,
  channelId,
  channelProof,
  createIdentity,
  createTopic,
  type Delivery,
  type Identity,
  type Link,
  seededRandom,
  type Topic,
} from '@hearsay/core'
import { memoryLinkPair, settle, type VirtualClock, virtualClock } from '@hearsay/core/memory'
import {
  createGossip,
  type Engine,
  flood,
  type GossipOptions,
  type KeptGossip,
  type Since,
  trees,
} from '../src/index.js'
import { encodeFrame } from '../src/machine.js'

/** Every engine: what a room promises does not depend on how it spreads. */
export const ENGINES = [
  ['flood', flood],
  ['trees', trees],
] as const

export interface TestNode {
  readonly identity: Identity
  readonly gossip: KeptGossip
  readonly heard: Delivery[]
}

export interface TestNetwork {
  readonly topic: Topic
  readonly clock: VirtualClock
  readonly nodes: readonly TestNode[]
  /** Links two nodes and waits until both know it. */
  link(a: number, b: number): Promise<readonly [Link, Link]>
  close(): Promise<void>
}

/** So many nodes of one topic, not linked yet. */
export function createNetwork(count: number, engine: Engine = trees()): TestNetwork {
  const topic = createTopic('test')
  const clock = virtualClock()
  const random = seededRandom(1)
  const nodes = Array.from({ length: count }, (_, index) =>
    createNode({ topic, clock, engine, seed: index, epoch: index + 1 }),
  )
  return {
    topic,
    clock,
    nodes,
    async link(a, b) {
      const [left, right] = [at(nodes, a), at(nodes, b)]
      const pair = memoryLinkPair({ a: left.identity.id, b: right.identity.id, random })
      left.gossip.addLink(pair[0])
      right.gossip.addLink(pair[1])
      await settle()
      return pair
    },
    async close() {
      for (const { gossip } of nodes) await gossip.close()
    },
  }
}

/** One node on a topic and clock, with a key that its seed decides. */
export function createNode(own: {
  topic: Topic
  clock: VirtualClock
  engine?: Engine
  seed: number
  epoch: number
  since?: Since
  more?: Partial<GossipOptions>
}): TestNode {
  const identity = createIdentity({ seed: new Uint8Array(32).fill(own.seed + 1) })
  const { topic, clock, engine = trees(), epoch, since = 'live', more = {} } = own
  const gossip = createGossip({ topic, author: identity, epoch, engine, clock, since, ...more })
  const heard: Delivery[] = []
  gossip.on('delivery', (delivery) => heard.push(delivery))
  return { identity, gossip, heard }
}

/** Links two nodes, whichever network they are of. */
export async function linkNodes(one: TestNode, other: TestNode): Promise<void> {
  const [a, b] = memoryLinkPair({ a: one.identity.id, b: other.identity.id })
  one.gossip.addLink(a)
  other.gossip.addLink(b)
  await settle()
}

/** A peer that says on the topic's channel whatever a test makes it say. */
export interface RawPeer {
  readonly identity: Identity
  readonly channel: Channel
  /** All frames that came, copied. */
  readonly frames: readonly Uint8Array[]
  /** Why its link ended; null while it lasts. */
  readonly ended: () => CloseReason | null
  /** The first frame of every peer that behaves. */
  hello(): void
}

/** Links a raw peer to the node; it knows the topic, unless it is given another proof. */
export async function linkRawPeer(node: TestNode, seed: number, proof?: Uint8Array): Promise<RawPeer> {
  const identity = createIdentity({ seed: new Uint8Array(32).fill(seed) })
  const { topic } = node.gossip
  const [raw, link] = memoryLinkPair({ a: identity.id, b: node.identity.id })
  const handshake = proof ?? channelProof(topic, raw)
  const channel = raw.openChannel({ protocol: 'hearsay/room/1', id: channelId(topic, raw.handshakeHash), handshake })
  const frames: Uint8Array[] = []
  let reason: CloseReason | null = null
  channel.on('frame', (frame) => frames.push(Uint8Array.from(frame)))
  raw.on('close', (why) => {
    reason = why
  })
  node.gossip.addLink(link)
  await settle()
  const hello = encodeFrame({ type: 'hello', author: identity.id, epoch: 1, presentMs: 0, since: 'live', heads: [] })
  return { identity, channel, frames, ended: () => reason, hello: () => void channel.send(hello) }
}

export function at<T>(list: readonly T[], index: number): T {
  const item = list[index]
  if (item === undefined) throw new Error(`nothing at ${index}`)
  return item
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const textOf = (delivery: Delivery): string => new TextDecoder().decode(delivery.payload)
