// What must not make a room wait forever, or remember without end: timers that fire early, questions that are answered with
// what is not wanted any more, neighbours that take nothing.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  channelId,
  channelProof,
  createIdentity,
  createRecord,
  createTopic,
  encodeRecord,
  type Identity,
  PREV_BYTES,
  type SignedRecord,
  seededRandom,
  sodiumCrypto,
} from '@hearsay/core'
import { memoryLinkPair, settle, type VirtualClock, virtualClock } from '@hearsay/core/memory'
import { describe, expect, it } from 'vitest'
import { createGossip } from '../src/index.js'
import { Alarm } from '../src/machine/alarm.js'
import { markOf } from '../src/machine/arrivals.js'
import { Neighbour } from '../src/machine/neighbour.js'
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  type GossipLimits,
  type Output,
  resolveLimits,
  trees,
} from '../src/machine.js'
import { Queries } from '../src/queries/driver.js'
import { encodeQueryFrame } from '../src/queries/frames.js'
import { OWED_MS } from '../src/repair/fillings.js'
import { MAX_QUEUED, Notices } from '../src/serving/notices.js'
import { at, bytes, ENGINES, linkRawPeer } from './network.js'
import { World } from './seeded-world.js'

const crypto = sodiumCrypto()
const topic = createTopic('test')
const identityOf = (seed: number): Identity => createIdentity({ seed: new Uint8Array(32).fill(seed) })
const author = identityOf(3)

/** So many records of one author, one message each, of one chain. */
function chainOf(count: number, { text = 'x', size = 5 } = {}): SignedRecord[] {
  const records: SignedRecord[] = []
  for (let firstSeq = 0; firstSeq < count; firstSeq++) {
    const prev = records.at(-1)?.id.subarray(0, PREV_BYTES) ?? new Uint8Array(PREV_BYTES)
    const messages = [new Uint8Array(size).fill(text.charCodeAt(0))]
    records.push(createRecord({ epoch: 7, firstSeq, time: 0, prev, messages }, topic, author, crypto))
  }
  return records
}

/** A machine whose neighbours are numbered from 1 and have said hello. */
function benchOf(engine = trees, peers = 2, limits: Partial<GossipLimits> = {}) {
  const machine = engine().createMachine({
    ...{ topic, author: identityOf(1), epoch: 1, crypto },
    limits: resolveLimits(limits),
  })
  const send = (peer: number, frame: Frame, now = 0) =>
    machine.handle({ type: 'frame', peer, frame: encodeFrame(frame) }, now)
  for (let peer = 1; peer <= peers; peer++) {
    const { id } = identityOf(100 + peer)
    machine.handle({ type: 'peer-up', peer, remote: id, window: 1e9 }, 0)
    send(peer, { type: 'hello', author: id, epoch: 5, presentMs: 0, since: 'live', heads: [] })
    send(peer, { type: 'name', author: author.id, epoch: 7 })
  }
  return {
    machine,
    send,
    record: (peer: number, record: SignedRecord, now = 0) =>
      send(peer, { type: 'record', hops: 0, record: encodeRecord(record) }, now),
    offer: (peer: number, records: readonly SignedRecord[], now = 0) =>
      send(peer, { type: 'offer', ranges: records.map((one) => rangeOf(one)) }, now),
  }
}

const rangeOf = (record: SignedRecord) => ({ name: 0, first: record.header.firstSeq, count: 1, mark: markOf(record) })
const pulled = (outputs: readonly Output[], peer: number): number[] =>
  outputs.flatMap((output) => {
    const frame = output.type === 'send' && output.peer === peer ? decodeFrame(output.frame) : null
    return frame?.type === 'pull' ? frame.ranges.map(({ first }) => first) : []
  })

/** Node fires timers up to a millisecond before their time: so does this. */
function earlyClock(clock: VirtualClock): VirtualClock {
  return { ...clock, setTimer: (ms, run) => clock.setTimer(Math.max(ms > 1 ? ms - 0.5 : ms, 0), run) }
}

describe.each(ENGINES)('with %s', (_name, engine) => {
  it('a hole is told in time by a clock that fires early, though nothing else happens', async () => {
    const clock = virtualClock()
    const identity = identityOf(1)
    const gossip = createGossip({ topic, author: identity, epoch: 1, engine: engine(), clock: earlyClock(clock) })
    const node = { identity, gossip, heard: [] }
    const peer = await linkRawPeer(node, 9)
    peer.hello()
    const gaps: unknown[] = []
    gossip.on('gap', (gap) => gaps.push(gap))
    const records = chainOf(3)
    for (const index of [0, 2]) {
      peer.channel.send(encodeFrame({ type: 'record', hops: 0, record: encodeRecord(at(records, index)) }))
    }
    await settle()
    await clock.play(OWED_MS + 100)
    expect(gaps).toHaveLength(1)
    await gossip.close()
  })

  it('a neighbour whose answers were not wanted any more is asked again for what else it has', () => {
    const { record, offer, machine } = benchOf(engine, 2)
    const [one, other] = [chainOf(600), chainOf(600, { text: 'y' })]
    // All of it is asked of the first neighbour, and then the second one proves that the author forked.
    expect(pulled(offer(1, one.slice(1, 513)), 1)).toHaveLength(512)
    record(2, at(one, 0))
    record(2, at(other, 0), 1)
    for (const late of one.slice(1, 513)) record(1, late, 2)
    const fresh = createRecord(
      { epoch: 8, firstSeq: 0, time: 0, prev: new Uint8Array(PREV_BYTES), messages: [bytes('z')] },
      ...([topic, author, crypto] as const),
    )
    const name: Frame = { type: 'name', author: author.id, epoch: 8 }
    machine.handle({ type: 'frame', peer: 1, frame: encodeFrame(name) }, 3)
    const asked = machine.handle(
      {
        ...{ type: 'frame', peer: 1 },
        frame: encodeFrame({ type: 'offer', ranges: [{ ...rangeOf(fresh), name: 1 }] }),
      },
      3,
    )
    expect(pulled(asked, 1)).toEqual([0])
  })
})

describe('a neighbour that takes nothing', () => {
  it('is owed no more words for its direct messages than it may wait for itself', async () => {
    const [ours, theirs] = [identityOf(1), identityOf(2)]
    const [raw, link] = memoryLinkPair({ a: theirs.id, b: ours.id, window: 1_000 })
    let heard = 0
    const queries = new Queries({
      ...{ topic, author: ours, crypto, clock: virtualClock(), random: seededRandom(1) },
      ...{
        onQuery: () => {},
        onStream: () => false,
        connect: async () => {},
        addressRecord: () => null,
        warn: () => {},
      },
      onDirect: () => heard++,
    })
    const id = channelId(topic, raw.handshakeHash)
    const channel = raw.openChannel({ protocol: 'hearsay/query/1', id, handshake: channelProof(topic, raw) })
    queries.addLink(link)
    await settle()
    let taken = 0
    channel.on('frame', () => taken++)
    channel.setFlowing(false)
    for (let number = 0; number < 5_000; number++) {
      channel.send(encodeQueryFrame({ type: 'direct', number, data: new Uint8Array() }))
      if (number % 50 === 0) await settle()
    }
    await settle()
    expect([heard, taken]).toEqual([5_000, 200])
    channel.setFlowing(true)
    await settle()
    expect(taken).toBeGreaterThan(1_000)
    expect(taken).toBeLessThanOrEqual(200 + 1_024)
    queries.close()
  })

  it('is sent 1,024 direct messages at most that it has not taken; the rest are refused with a code', async () => {
    const [ours, theirs] = [identityOf(1), identityOf(2)]
    const [raw, link] = memoryLinkPair({ a: theirs.id, b: ours.id, window: 1_000 })
    const queries = new Queries({
      ...{ topic, author: ours, crypto, clock: virtualClock(), random: seededRandom(1) },
      ...{
        onQuery: () => {},
        onStream: () => false,
        connect: async () => {},
        addressRecord: () => null,
        warn: () => {},
        onDirect: () => {},
      },
    })
    const id = channelId(topic, raw.handshakeHash)
    raw.openChannel({ protocol: 'hearsay/query/1', id, handshake: channelProof(topic, raw) }).setFlowing(false)
    queries.addLink(link)
    await settle()
    const codes = new Map<string, number>()
    const count = ({ code }: { readonly code: string }): void => void codes.set(code, (codes.get(code) ?? 0) + 1)
    const sent = Array.from({ length: 3_000 }, () => queries.send(theirs.id, new Uint8Array(10)).catch(count))
    await settle()
    expect([...codes]).toEqual([['ERR_LIMIT', 3_000 - 1_024]])
    queries.close()
    await Promise.all(sent)
    expect(codes.get('ERR_CLOSED')).toBe(1_024)
  })

  it('is not remembered an endless list of questions', () => {
    const notices = new Notices(1, new Alarm())
    const source = { author: author.id, epoch: 1 }
    for (let first = 0; first < 20_000; first++) {
      notices.pull({ source, first, count: 1 }, 0)
      notices.none({ source, first, count: 1 }, 0)
      notices.prune({ author: author.id, epoch: first }, 0)
      notices.graft({ author: author.id, epoch: first }, 0)
    }
    const seen = { pull: 0, none: 0, prune: 0, graft: 0 }
    for (let frame = notices.take(100); frame; frame = notices.take(100)) {
      const read = decodeFrame(frame)
      if (read.type === 'pull' || read.type === 'none') seen[read.type] += read.ranges.length
      if (read.type === 'prune' || read.type === 'graft') seen[read.type] += read.names.length
    }
    expect(seen).toEqual({ pull: MAX_QUEUED, none: MAX_QUEUED, prune: MAX_QUEUED, graft: MAX_QUEUED })
  })
})

describe('what a neighbour is known by', () => {
  it('is forgotten with the history of each author, however many come and go', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const log = { lastBefore: () => ({ position: 0, surplus: 0 }) } as never
    const neighbour = new Neighbour({
      handle: 1,
      remote: author.id,
      window: 1,
      oldest: 0,
      next: 0,
      helloBy: 0,
      alarm: new Alarm(),
    })
    const hello = { type: 'hello', author: author.id, epoch: 1, presentMs: 0, since: 'live', heads: [] } as const
    const publisher = { signs: () => false, nextSeq: 0 }
    neighbour.introduce(hello, { log, now: 0, presentSince: 0, publisher })
    const sources = Array.from({ length: 100 }, (_, epoch) => {
      const source = { author: author.id, epoch: epoch + 2 }
      neighbour.owedFrom(source)
      return new WeakRef(source)
    })
    await settle()
    collect()
    expect(sources.filter((source) => source.deref() !== undefined).length).toBeLessThan(5)
    expect(neighbour.owedFrom({ author: author.id, epoch: 1 })).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('an author of messages of all sizes', () => {
  it('is heard from the first one by who has no other neighbour, though it was large and a small one followed at once', () => {
    const world = new World(1, [trees(), trees(), trees()])
    world.link(0, 1)
    world.link(0, 2)
    world.at(500, () => world.publish(0, [16_384, 40]))
    world.run(5_000)
    for (const node of [1, 2]) expect(world.heard[node]?.map(({ seq }) => seq)).toEqual([0, 1])
  })

  it('sends a large one once over a slow link, however long it takes', () => {
    const world = new World(1, [trees(), trees(), trees()])
    world.link(0, 1, { bytesPerMs: 500 })
    world.link(0, 2, { bytesPerMs: 500 })
    world.at(500, () => world.publish(0, [1_000_000]))
    world.run(20_000)
    for (const node of [1, 2]) expect(world.heard[node]?.map(({ seq }) => seq)).toEqual([0])
    expect(world.parts).toBe(2 * Math.ceil(1_000_000 / 16_384))
  })
})
