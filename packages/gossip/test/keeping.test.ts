// A room that was here before: what its store kept is history, what it missed is fetched, and nothing is delivered twice.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import {
  createIdentity,
  createRecord,
  type Delivery,
  encodeRecord,
  type Identity,
  PREV_BYTES,
  type SignedRecord,
  type Store,
  sodiumCrypto,
} from '@hearsay/core'
import { memoryStore, settle } from '@hearsay/core/memory'
import { ClassicLevel } from 'classic-level'
import { afterEach, describe, expect, it } from 'vitest'
import { type GossipOptions, levelStore, type Since } from '../src/index.js'
import { encodeFrame } from '../src/machine.js'
import { OWED_MS } from '../src/repair/fillings.js'
import { Keeper } from '../src/store/keeper.js'
import {
  at,
  bytes,
  createNetwork,
  createNode,
  linkNodes,
  linkRawPeer,
  type TestNetwork,
  type TestNode,
  textOf,
} from './network.js'

let network: TestNetwork
const open: TestNode[] = []
afterEach(async () => {
  for (const { gossip } of open.splice(0)) await gossip.close()
  await network.close()
})

/** A memory store that outlives the room that closes it. */
const lasting = (): Store => {
  const kept = memoryStore()
  return { ...wrap(kept), close: async () => {} }
}

const wrap = (store: Store): Store => ({
  append: (records) => store.append(records),
  read: (range) => store.read(range),
  vector: () => store.vector(),
  prune: (limits) => store.prune(limits),
  remember: async (note) => store.remember?.(note),
  remembered: async () => (await store.remembered?.()) ?? null,
  close: () => store.close(),
})

/** Consecutive records, a message each. */
function chainOf(author: Identity | undefined, texts: readonly string[], epoch = 1): SignedRecord[] {
  let prev: Uint8Array = new Uint8Array(PREV_BYTES)
  return texts.map((text, firstSeq) => {
    const draft = { epoch, firstSeq, time: 0, prev, messages: [bytes(text)] }
    const record = createRecord(draft, network.topic, author ?? createIdentity(), sodiumCrypto())
    prev = record.id.slice(0, PREV_BYTES)
    return record
  })
}

const frameOf = (record: SignedRecord | undefined): Uint8Array =>
  encodeFrame({ type: 'record', hops: 0, record: record ? encodeRecord(record) : new Uint8Array() })

let epoch = 100
async function join(seed: number, more: Partial<GossipOptions>): Promise<TestNode> {
  const { topic, clock } = network
  const node = createNode({ topic, clock, seed, epoch: epoch++, more })
  open.push(node)
  await node.gossip.restored
  return node
}

async function say(node: TestNode, ...texts: string[]): Promise<void> {
  for (const text of texts) {
    await node.gossip.publish(bytes(text))
    await settle()
  }
}

async function historyOf({ gossip }: TestNode): Promise<string[]> {
  const all: Delivery[] = []
  for await (const delivery of gossip.history()) all.push(delivery)
  return all.map(textOf)
}

async function pass(ms: number): Promise<void> {
  network.clock.advance(ms)
  await settle()
}

describe('a room whose store has been here before', () => {
  it('has its own and others’ messages as history, delivers none of them again, and serves them', async () => {
    network = createNetwork(1)
    const store = lasting()
    const first = await join(20, { store })
    await linkNodes(at(network.nodes, 0), first)
    await say(at(network.nodes, 0), 'a', 'b')
    await say(first, 'own')
    await first.gossip.close()
    await at(network.nodes, 0).gossip.close()
    await pass(3_600_000)

    const again = await join(20, { store })
    expect((await historyOf(again)).sort()).toEqual(['a', 'b', 'own'])
    expect(again.heard).toEqual([])
    const late = await join(30, { since: 'all' })
    await linkNodes(again, late)
    await pass(3_000)
    expect(late.heard.map(textOf).sort()).toEqual(['a', 'b', 'own'])
  })

  it('fetches what it missed, of authors that it knew and of others, whatever it was to ask for', async () => {
    network = createNetwork(2)
    await network.link(0, 1)
    const store = lasting()
    const first = await join(20, { store })
    await linkNodes(at(network.nodes, 0), first)
    await say(at(network.nodes, 0), 'before')
    await first.gossip.close()
    await pass(60_000)
    await say(at(network.nodes, 0), 'known', 'known too')
    await say(at(network.nodes, 1), 'unknown')
    await pass(60_000)
    const again = await join(20, { store })
    await linkNodes(at(network.nodes, 0), again)
    await pass(3_000)
    expect(again.heard.map(textOf).sort()).toEqual(['known', 'known too', 'unknown'])
    expect(await historyOf(again)).toHaveLength(4)
  })

  it('goes on with an author where it was, without a gap', async () => {
    network = createNetwork(1)
    const store = lasting()
    for (const text of ['one', 'two', 'three']) {
      const node = await join(20, { store })
      const gaps: unknown[] = []
      node.gossip.on('gap', (gap) => gaps.push(gap))
      await linkNodes(at(network.nodes, 0), node)
      await say(at(network.nodes, 0), text)
      expect([node.heard.map(textOf), gaps]).toEqual([[text], []])
      await node.gossip.close()
    }
  })

  it('has in its author’s place what came after its gap was told, now and later', async () => {
    network = createNetwork(0)
    const store = lasting()
    const node = await join(20, { store })
    const peer = await linkRawPeer(node, 7)
    peer.hello()
    const [first, second, third] = chainOf(peer.identity, ['m0', 'm1', 'm2'])
    for (const record of [first, third]) peer.channel.send(frameOf(record))
    await network.clock.play(OWED_MS + 1_000)
    peer.channel.send(frameOf(second))
    await settle()
    expect(node.heard.map(textOf)).toEqual(['m0', 'm2'])
    expect(await historyOf(node)).toEqual(['m0', 'm1', 'm2'])
    await node.gossip.close()
    expect(await historyOf(await join(20, { store }))).toEqual(['m0', 'm1', 'm2'])
  })

  it('has each author’s messages in order though the clock stepped back, and authors by the time they came', async () => {
    network = createNetwork(0)
    const [one, other] = [3, 4].map((seed) => createIdentity({ seed: new Uint8Array(32).fill(seed) }))
    const store = lasting()
    const keep = (record: SignedRecord | undefined, receivedAt: number): Promise<void> =>
      store.append(record ? [{ record, receivedAt }] : [])
    const [a0, a1] = chainOf(one, ['a0', 'a1'])
    const [a2] = chainOf(one, ['a2'], 2)
    const [b0, b1] = chainOf(other, ['b0', 'b1'])
    await keep(b0, 500)
    await keep(a0, 1_000)
    await keep(a1, 900)
    await keep(a2, 700)
    await keep(b1, 800)
    expect(await historyOf(await join(20, { store }))).toEqual(['b0', 'a0', 'a1', 'a2', 'b1'])
  })

  it('gives what nobody heard in its earlier lives to who comes, and no more once somebody has it', async () => {
    network = createNetwork(1)
    const store = lasting()
    const first = await join(20, { store })
    await say(first, 'unheard', 'unheard too')
    await first.gossip.close()
    await pass(60_000)
    const second = await join(20, { store })
    await say(second, 'and this')
    await second.gossip.close()
    await pass(60_000)

    const third = await join(20, { store })
    const live = await join(30, {})
    await linkNodes(third, live)
    await pass(3_000)
    expect(live.heard.map(textOf)).toEqual(['unheard', 'unheard too', 'and this'])
    await third.gossip.close()
    await pass(60_000)
    const fourth = await join(20, { store })
    await linkNodes(fourth, live)
    await pass(3_000)
    await fourth.gossip.close()
    await pass(60_000)
    const fifth = await join(20, { store })
    const later = await join(31, {})
    await linkNodes(fifth, later)
    await pass(3_000)
    expect([live.heard.length, later.heard]).toEqual([3, []])
  })

  it('does not give to who comes what somebody confirmed in an earlier life', async () => {
    network = createNetwork(1)
    const store = lasting()
    const first = await join(20, { store })
    await linkNodes(at(network.nodes, 0), first)
    await say(first, 'heard')
    await at(network.nodes, 0).gossip.close()
    await settle()
    await say(first, 'unheard')
    await first.gossip.close()
    await pass(60_000)
    const again = await join(20, { store })
    const live = await join(30, {})
    await linkNodes(again, live)
    await network.clock.play(3_000)
    expect(live.heard.map(textOf)).toEqual(['unheard'])
  })

  it.each<[string, Uint8Array | null]>([
    ['no note', null],
    ['a damaged note', Uint8Array.of(1, 2, 3)],
  ])('does not give all that it said in earlier lives to who comes though its store has %s', async (_what, note) => {
    network = createNetwork(1)
    const kept = lasting()
    let isLost = true
    const remember: NonNullable<Store['remember']> = async (bytes) => {
      isLost = false
      await kept.remember?.(bytes)
    }
    const first = await join(20, { store: kept })
    await say(first, 'said', 'said too')
    await first.gossip.close()
    const store: Store = {
      ...kept,
      remember,
      remembered: async () => (isLost ? note : await kept.remembered?.()) ?? null,
    }
    for (const expected of [[], ['unheard']]) {
      await pass(60_000)
      const again = await join(20, { store })
      expect(isLost).toBe(false)
      const live = await join(30, {})
      await linkNodes(again, live)
      await pass(3_000)
      expect(live.heard.map(textOf)).toEqual(expected)
      await live.gossip.close()
      await pass(1_000)
      await say(again, 'unheard')
      await again.gossip.close()
    }
  })

  it('gives all that it said in an earlier life to who comes if its store remembers nothing', async () => {
    network = createNetwork(0)
    const { remember, remembered, ...store } = lasting()
    const first = await join(20, { store })
    await say(first, 'said')
    await first.gossip.close()
    await pass(60_000)
    const live = await join(30, {})
    await linkNodes(await join(20, { store }), live)
    await pass(3_000)
    expect(live.heard.map(textOf)).toEqual(['said'])
  })

  it.each<[Since, string[]]>([
    ['live', ['while it was away']],
    [{ age: 60_000 }, ['shortly before', 'while it was away']],
    ['all', ['long before', 'shortly before', 'while it was away']],
  ])('that ended before anything was kept is no newcomer: with since %j it is given %j', async (since, expected) => {
    network = createNetwork(2)
    await network.link(0, 1)
    await say(at(network.nodes, 0), 'long before')
    await pass(3_600_000)
    await say(at(network.nodes, 0), 'shortly before')
    await pass(30_000)
    const store = lasting()
    const first = await join(20, { store, since })
    await first.gossip.close()
    await pass(3_600_000)
    await say(at(network.nodes, 0), 'while it was away')
    await pass(3_600_000)
    const again = await join(20, { store, since })
    await linkNodes(at(network.nodes, 0), again)
    await pass(3_000)
    expect(again.heard.map(textOf)).toEqual(expected)
  })

  it('waits with publications and links until the store is read', async () => {
    network = createNetwork(1)
    let read: (() => void) | undefined
    const store: Store = {
      ...lasting(),
      vector: () => new Promise((resolve) => (read = () => resolve([]))),
    }
    const { topic, clock } = network
    const node = createNode({ topic, clock, seed: 20, epoch: 1, more: { store } })
    open.push(node)
    await linkNodes(at(network.nodes, 0), node)
    const published = node.gossip.publish(bytes('early'))
    await settle()
    expect([node.gossip.peers.size, at(network.nodes, 0).heard]).toEqual([0, []])
    read?.()
    await settle()
    await published
    await settle()
    expect(at(network.nodes, 0).heard.map(textOf)).toEqual(['early'])
  })
})

describe('a store that fails', () => {
  it.each<[string, Partial<Store>]>([
    ['to be read', { vector: () => Promise.reject(new Error('broken')) }],
    ['to be written', { append: () => Promise.reject(new Error('broken')) }],
    ['to be pruned', { prune: () => Promise.reject(new Error('broken')) }],
  ])('%s costs one warning with a code, and the room goes on', async (_what, broken) => {
    network = createNetwork(1)
    const node = await join(20, { store: { ...lasting(), ...broken } })
    const warnings: unknown[] = []
    node.gossip.on('warning', (error) => warnings.push(error))
    await node.gossip.close()
    const other = createNode({
      ...{ topic: network.topic, clock: network.clock, seed: 21, epoch: 1 },
      more: { store: { ...lasting(), ...broken } },
    })
    open.push(other)
    other.gossip.on('warning', (error) => warnings.push(error))
    await settle()
    await linkNodes(at(network.nodes, 0), other)
    await say(at(network.nodes, 0), 'a', 'b')
    expect(other.heard.map(textOf)).toEqual(['a', 'b'])
    expect(warnings).toMatchObject([{ code: 'ERR_STORE' }])
  })

  it('to be read to its end gives nothing, not a part', async () => {
    network = createNetwork(0)
    const store = lasting()
    const author = createIdentity()
    await store.append(chainOf(author, ['a', 'b']).map((record) => ({ record, receivedAt: 0 })))
    const warnings: unknown[] = []
    const keeper = new Keeper({
      store: {
        ...store,
        async *read(range) {
          for await (const stored of store.read({ ...range, to: 1 })) yield stored
          throw new Error('broken')
        },
      },
      ...{ author: author.id, bounds: { messages: 10, bytes: 1_000_000 }, wall: () => 0 },
      warn: (error) => warnings.push(error),
    })
    expect(await keeper.load()).toEqual({ records: [], marks: null })
    expect(warnings).toMatchObject([{ code: 'ERR_STORE' }])
  })

  it('to keep up is given the newest of what waits, in its bounds, and goes on', async () => {
    network = createNetwork(0)
    const kept = lasting()
    const batches: number[][] = []
    let goOn = (): void => {}
    const append: Store['append'] = async (records) => {
      batches.push(records.map(({ record }) => record.header.firstSeq))
      if (batches.length === 1) await new Promise<void>((resolve) => (goOn = resolve))
      await kept.append(records)
    }
    const node = await join(22, { store: { ...kept, append }, limits: { capacity: 10 } })
    const warnings: unknown[] = []
    node.gossip.on('warning', (error) => warnings.push(error))
    await say(node, ...Array.from({ length: 30 }, (_, index) => String(index)))
    goOn()
    await settle()
    const newest = Array.from({ length: 10 }, (_, index) => 20 + index)
    expect([batches, warnings]).toEqual([[[0], newest], []])
    await node.gossip.close()
    const again = await join(22, { store: kept })
    expect(await historyOf(again)).toEqual(newest.map(String))
  })

  it('to keep up with 64 MiB costs one warning with a code', () => {
    const warnings: unknown[] = []
    const store: Store = { ...lasting(), append: () => new Promise(() => {}) }
    const bounds = { messages: 100, bytes: 1_000_000 }
    const { id: author } = createIdentity()
    const keeper = new Keeper({ store, author, bounds, wall: () => 0, warn: (error) => warnings.push(error) })
    const block = new Uint8Array(1_000_000)
    for (let seq = 0; seq < 200; seq++) keeper.keep({ header: { count: 1 }, block } as SignedRecord, seq)
    expect(warnings).toMatchObject([{ code: 'ERR_STORE' }])
  })

  it('to hold one record within its bounds keeps it, for it is the newest', async () => {
    network = createNetwork(0)
    const store = lasting()
    const node = await join(23, { store, limits: { capacity: 10 } })
    const texts = Array.from({ length: 100 }, (_, index) => String(index))
    await Promise.all(texts.map((text) => node.gossip.publish(bytes(text))))
    await node.gossip.close()
    expect(await historyOf(await join(23, { store }))).toEqual(texts)
  })
})

describe('a room on disk', () => {
  const VIEW = { keyEncoding: 'utf8', valueEncoding: 'view' } as const

  it('lets its peers fill in what the disk has damaged', async () => {
    network = createNetwork(1)
    const directory = await mkdtemp(joinPath(tmpdir(), 'hearsay-room-'))
    const database = new ClassicLevel<string, Uint8Array>(directory)
    const first = await join(20, { store: levelStore(database, network.topic) })
    await linkNodes(at(network.nodes, 0), first)
    await say(at(network.nodes, 0), ...'abcdef')
    await first.gossip.close()
    const damaged: string[] = []
    for await (const [key] of database.iterator({ ...VIEW, gte: 'hearsay/', lt: 'hearsay0' })) {
      if (key.includes('/r/')) damaged.push(key)
    }
    for (const key of damaged.slice(1, 3)) await database.put(key, Uint8Array.of(1, 2, 3), VIEW)

    const again = await join(20, { store: levelStore(database, network.topic) })
    expect(await historyOf(again)).toEqual(['a', 'd', 'e', 'f'])
    await linkNodes(at(network.nodes, 0), again)
    await pass(150)
    await pass(150)
    await again.gossip.close()
    const third = await join(20, { store: levelStore(database, network.topic) })
    expect((await historyOf(third)).sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
    expect([again.heard, third.heard]).toEqual([[], []])
    await third.gossip.close()
    await database.close()
    await rm(directory, { recursive: true })
  })

  it('keeps as much as its history may hold', async () => {
    network = createNetwork(1)
    const store = lasting()
    const first = await join(20, { store, limits: { capacity: 3 } })
    await linkNodes(at(network.nodes, 0), first)
    await say(at(network.nodes, 0), ...'abcdef')
    await first.gossip.close()
    const again = await join(20, { store })
    expect(await historyOf(again)).toEqual(['d', 'e', 'f'])
  })
})
