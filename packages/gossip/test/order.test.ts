// In which order messages reach the application: as their author said them, as they come, or after what they answer.

import {
  type Cause,
  CHUNK_BYTES,
  createIdentity,
  createRecord,
  createTopic,
  decodeRecord,
  encodeForkProof,
  encodeRecord,
  encodeRecordHead,
  type Identity,
  MerkleTree,
  PREV_BYTES,
  recordContents,
  type SignedRecord,
  sodiumCrypto,
} from '@hearsay/core'
import { settle } from '@hearsay/core/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { createGossip, createRoom, type Order } from '../src/index.js'
import { markOf } from '../src/machine/arrivals.js'
import { decodeFrame, encodeFrame, type Frame, flood, type Input, type Output, resolveLimits } from '../src/machine.js'
import { Causality } from '../src/order/causality.js'
import { OWED_MS } from '../src/repair/fillings.js'
import { at, bytes, createNetwork, createNode, linkRawPeer, type TestNetwork } from './network.js'

const crypto = sodiumCrypto()
const topic = createTopic('test')
const identityOf = (seed: number): Identity => createIdentity({ seed: new Uint8Array(32).fill(seed) })
const [self, ann, ben, cat] = [1, 2, 3, 4].map(identityOf) as [Identity, Identity, Identity, Identity]

/** A chain of records of one author, each with what it says it was caused by. */
function chainOf(by: Identity, said: readonly { text: string; causes?: readonly Cause[] }[]): SignedRecord[] {
  let prev: Uint8Array = new Uint8Array(PREV_BYTES)
  return said.map(({ text, causes }, firstSeq) => {
    const draft = { epoch: 7, firstSeq, time: 0, prev, messages: [bytes(text)], ...(causes && { causes }) }
    const record = createRecord(draft, topic, by, crypto)
    prev = record.id.slice(0, PREV_BYTES)
    return record
  })
}

function bench(order: Order, first?: Input) {
  const machine = flood().createMachine({ topic, author: self, epoch: 1, crypto, limits: resolveLimits(), order })
  if (first) machine.handle(first, 0)
  for (const [index, { id }] of [ann, ben].entries()) {
    machine.handle({ type: 'peer-up', peer: index, remote: id, window: 1e9 }, 0)
    const hello = encodeFrame({ type: 'hello', author: id, epoch: 5, presentMs: 0, since: 'live', heads: [] })
    machine.handle({ type: 'frame', peer: index, frame: hello }, 0)
  }
  const send = (peer: number, frame: Frame, now = 0): readonly Output[] =>
    machine.handle({ type: 'frame', peer, frame: encodeFrame(frame) }, now)
  const frame = (record: SignedRecord, now = 0): readonly Output[] =>
    send(0, { type: 'record', hops: 0, record: encodeRecord(record) }, now)
  return { machine, frame, send }
}

const said = (outputs: readonly Output[]): string =>
  outputs
    .flatMap((output) => (output.type === 'deliver' ? [new TextDecoder().decode(output.delivery.payload)] : []))
    .join('')
const gaps = (outputs: readonly Output[]): unknown[] =>
  outputs.flatMap((output) => (output.type === 'gap' ? [[output.gap.from, output.gap.to]] : []))

describe("order 'none'", () => {
  const [a, b, c, d] = chainOf(cat, [{ text: 'a' }, { text: 'b' }, { text: 'c' }, { text: 'd' }]) as [
    SignedRecord,
    SignedRecord,
    SignedRecord,
    SignedRecord,
  ]

  it('delivers what comes before its turn at once, and nothing twice', () => {
    const { frame, machine } = bench('none')
    expect(said(frame(a))).toBe('a')
    expect(said(frame(c))).toBe('c')
    expect(said(frame(d))).toBe('d')
    expect(said(frame(b))).toBe('b')
    for (const record of [a, b, c, d]) expect(said(frame(record))).toBe('')
    expect(machine.handle({ type: 'timer' }, 10_000).filter(({ type }) => type === 'gap')).toEqual([])
  })

  describe('in a room that was here before', () => {
    /** A machine that kept the first and the third, with its neighbours. */
    const again = (kept: readonly SignedRecord[], order: Order = 'none') => {
      const records = kept.map((record, index) => ({ record, receivedAt: index, at: index }))
      return bench(order, { type: 'restore', records, since: { age: 10_000 } })
    }

    it('delivers what was missing when it comes, and nothing twice', () => {
      const { frame, machine } = again([a, c])
      expect(said(frame(b))).toBe('b')
      expect(said(frame(d))).toBe('d')
      for (const record of [a, b, c, d]) expect(said(frame(record))).toBe('')
      expect(gaps(machine.handle({ type: 'timer' }, 100_000))).toEqual([])
    })

    it('tells what was missing as a gap when it does not come', () => {
      const { machine } = again([a, c])
      const outputs = []
      for (let now = 100; now < 70_000; now += 500) outputs.push(...machine.handle({ type: 'timer' }, now))
      expect(gaps(outputs)).toEqual([[1, 2]])
    })

    it('takes what was delivered before as in order if it was, so that what came late is not new', () => {
      const { frame } = again([a, c], 'author')
      expect(said(frame(b))).toBe('')
    })

    it('holds one place for all that stands together behind a hole', () => {
      const many = chainOf(
        cat,
        Array.from({ length: 200 }, (_, index) => ({ text: `${index} ` })),
      )
      const { frame, machine } = again(many.filter((_, index) => index !== 1))
      expect(machine.accounts?.().held?.entries).toBe(1)
      expect(said(frame(at(many, 1)))).toBe('1 ')
      expect(machine.accounts?.().held?.entries).toBe(0)
    })

    it('holds no more than it may: the lowest holes are told as gaps', () => {
      const many = chainOf(
        cat,
        Array.from({ length: 20 }, (_, index) => ({ text: `${index} ` })),
      )
      const odd = many.filter((_, index) => index % 2 === 0)
      const records = odd.map((record, index) => ({ record, receivedAt: index, at: index }))
      const limits = resolveLimits({ maxHeld: 4 })
      const machine = flood().createMachine({ topic, author: self, epoch: 1, crypto, limits, order: 'none' })
      const outputs = machine.handle({ type: 'restore', records, since: { age: 10_000 } }, 0)
      expect(machine.accounts?.().held?.entries).toBe(4)
      expect(gaps(outputs)).toEqual([1, 3, 5, 7, 9].map((seq) => [seq, seq + 1]))
    })

    it('gives up a hole below a fork in what stands together behind it', () => {
      const many = chainOf(
        cat,
        [...'abcdef'].map((text) => ({ text })),
      )
      const { machine, send } = again(many.filter((_, index) => index !== 1))
      const [, , , , other] = chainOf(
        cat,
        [...'abcdXf'].map((text) => ({ text })),
      ) as SignedRecord[]
      send(0, { type: 'fork', proof: encodeForkProof(at(many, 4), other as SignedRecord) })
      const outputs = []
      for (let now = 100; now < 70_000; now += 500) outputs.push(...machine.handle({ type: 'timer' }, now))
      expect(gaps(outputs)).toEqual([[1, 2]])
      expect(machine.accounts?.().held?.entries).toBe(0)
    })
  })

  it('delivers an author heard mid-stream at once, and what was before it within the time to settle', () => {
    const { frame } = bench('none')
    expect(said(frame(c))).toBe('c')
    expect(said(frame(b))).toBe('b')
  })

  it('tells a hole that is not filled as a gap all the same, and delivers nothing of it afterwards', () => {
    const { frame, machine } = bench('none')
    frame(a)
    frame(c)
    expect(gaps(machine.handle({ type: 'timer' }, OWED_MS))).toEqual([[1, 2]])
    expect(said(frame(b, OWED_MS + 1))).toBe('')
    expect(said(frame(d, OWED_MS + 1))).toBe('d')
  })

  it('acknowledges to an author exactly what was delivered', () => {
    const { frame, machine } = bench('none')
    const own = chainOf(ann, [{ text: '0' }, { text: '1' }, { text: '2' }])
    const hello = encodeFrame({ type: 'hello', author: ann.id, epoch: 7, presentMs: 0, since: 'live', heads: [] })
    machine.handle({ type: 'peer-up', peer: 9, remote: ann.id, window: 1e9 }, 0)
    machine.handle({ type: 'frame', peer: 9, frame: hello }, 0)
    const outputs = [at(own, 0), at(own, 2)].flatMap((record) => frame(record))
    const acks = outputs.flatMap((output) => {
      const sent = output.type === 'send' && output.peer === 9 ? decodeFrame(output.frame) : null
      return sent?.type === 'ack' ? [[sent.from, sent.to]] : []
    })
    expect(acks).toEqual([
      [0, 1],
      [2, 3],
    ])
  })
})

describe("order 'causal'", () => {
  const annsSaid = chainOf(ann, [{ text: 'a' }, { text: 'b' }]) as [SignedRecord, SignedRecord]
  const answers = (next: number): SignedRecord[] =>
    chainOf(cat, [{ text: '1', causes: [{ author: ann.id, epoch: 7, next }] }, { text: '2' }])

  it('holds an answer back until what it answers is there, and what the same author said after it too', () => {
    const { frame } = bench('causal')
    const [one, two] = answers(2) as [SignedRecord, SignedRecord]
    expect(said(frame(one))).toBe('')
    expect(said(frame(two))).toBe('')
    expect(said(frame(annsSaid[0]))).toBe('a')
    expect(said(frame(annsSaid[1]))).toBe('b12')
  })

  it('follows a chain of answers through three authors, in whatever order they come', () => {
    const first = at(chainOf(ann, [{ text: 'a' }]), 0)
    const second = at(chainOf(ben, [{ text: 'b', causes: [{ author: ann.id, epoch: 7, next: 1 }] }]), 0)
    const third = at(chainOf(cat, [{ text: 'c', causes: [{ author: ben.id, epoch: 7, next: 1 }] }]), 0)
    for (const order of [
      [third, second, first],
      [second, third, first],
      [third, first, second],
    ]) {
      const { frame } = bench('causal')
      expect(said(order.flatMap((record) => frame(record)))).toBe('abc')
    }
  })

  it('waits no longer for what does not come than a hole may stay', () => {
    const { frame, machine } = bench('causal')
    const [one, two] = answers(2) as [SignedRecord, SignedRecord]
    frame(one)
    frame(two)
    expect(said(machine.handle({ type: 'timer' }, 999))).toBe('')
    const late = machine.handle({ type: 'timer' }, 1_000)
    expect(said(late)).toBe('12')
    expect(gaps(late)).toEqual([])
    expect(said(frame(annsSaid[0], 1_001))).toBe('a')
  })

  it('says of what is delivered all the same what its author had heard before it and did not come', () => {
    const { frame, machine } = bench('causal')
    const [one, two] = answers(2) as [SignedRecord, SignedRecord]
    frame(one)
    frame(two)
    frame(annsSaid[0])
    const late = machine.handle({ type: 'timer' }, 1_000).filter(({ type }) => type === 'deliver')
    expect(late.map((output) => output.type === 'deliver' && output.delivery.unheard)).toEqual([
      [{ author: ann.id, epoch: 7, next: 2 }],
      undefined,
    ])
  })

  it('waits for a cause that comes in parts for as long as they come', () => {
    const { frame, machine, send } = bench('causal')
    const big = createRecord(
      { epoch: 7, firstSeq: 0, time: 0, prev: new Uint8Array(PREV_BYTES), messages: [new Uint8Array(8 * CHUNK_BYTES)] },
      topic,
      ann,
      crypto,
    )
    const tree = MerkleTree.of(big.block, crypto)
    send(1, { type: 'name', author: ann.id, epoch: 7 })
    send(1, { type: 'head', hops: 0, parts: 0, head: encodeRecordHead(big) })
    expect(said(frame(at(answers(1), 0), 10))).toBe('')
    const heard: number[] = []
    for (let index = 0; index * CHUNK_BYTES < big.block.byteLength; index++) {
      const now = 300 * (index + 1)
      const chunk = big.block.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
      const part = { type: 'part', name: 0, first: 0, index, proof: tree.proof(index), chunk } as const
      for (const output of [...machine.handle({ type: 'timer' }, now - 1), ...send(1, part, now)]) {
        if (output.type === 'deliver') heard.push(output.delivery.payload.byteLength)
      }
    }
    expect(heard).toEqual([8 * CHUNK_BYTES, 1])
  })

  it('waits for a cause that somebody has told of, and for one that waits itself', () => {
    const { frame, machine, send } = bench('causal')
    const second = at(chainOf(ben, [{ text: 'b', causes: [{ author: ann.id, epoch: 7, next: 1 }] }]), 0)
    const third = at(chainOf(cat, [{ text: 'c', causes: [{ author: ben.id, epoch: 7, next: 1 }] }]), 0)
    send(1, { type: 'name', author: ann.id, epoch: 7 })
    send(1, { type: 'have', ranges: [{ name: 0, first: 0, count: 1, mark: markOf(annsSaid[0]) }] })
    const early = [frame(second), frame(third), machine.handle({ type: 'timer' }, 4_000)].flat()
    expect(said(early)).toBe('')
    expect(said(frame(annsSaid[0], 4_001))).toBe('abc')
  })

  it('waits no longer than half a minute for authors that wait for each other', () => {
    const { frame, machine } = bench('causal')
    frame(at(chainOf(ben, [{ text: 'b', causes: [{ author: cat.id, epoch: 7, next: 1 }] }]), 0))
    frame(at(chainOf(cat, [{ text: 'c', causes: [{ author: ben.id, epoch: 7, next: 1 }] }]), 0))
    let heard = ''
    for (let now = 1_000; now <= OWED_MS; now += 500) heard += said(machine.handle({ type: 'timer' }, now))
    expect(heard).toBe('bc')
  })

  it('is told to nobody who does not want it', () => {
    const { frame } = bench('author')
    expect(said(answers(2).flatMap((record) => frame(record)))).toBe('12')
  })
})

describe('records of a room in causal order', () => {
  let network: TestNetwork
  afterEach(() => network.close())

  it('name what their author had heard since its last one, and nothing twice', async () => {
    network = createNetwork(1)
    const { clock } = network
    const author = identityOf(50)
    const gossip = createGossip({ topic: network.topic, author, epoch: 1, clock, order: 'causal' })
    const peer = await linkRawPeer({ identity: author, gossip, heard: [] }, 60)
    peer.hello()
    const heard = at(chainOf(peer.identity, [{ text: 'x' }]), 0)
    peer.channel.send(encodeFrame({ type: 'record', hops: 0, record: encodeRecord(heard) }))
    await settle()
    for (const text of ['one', 'two']) {
      await gossip.publish(bytes(text))
      await settle()
    }
    const causes = peer.frames.flatMap((bytesOf) => {
      const frame = decodeFrame(bytesOf)
      return frame.type === 'record' ? [causesOf(frame.record)] : []
    })
    expect(causes).toEqual([[{ author: peer.identity.id, epoch: 7, next: 1 }], []])
    await gossip.close()
  })
})

describe('causes that are more than one record names', () => {
  const place = (author: Identity, epoch: number) => ({ author: author.id, epoch, sequence: { next: 1 } })
  const epochs = (causes: readonly Cause[]): number[] => causes.map(({ epoch }) => epoch).sort((a, b) => a - b)

  it('are named by the next ones, the latest and those that wait for longest first', () => {
    const causality = new Causality()
    for (let epoch = 0; epoch < 100; epoch++) causality.heard(place(ann, epoch))
    const first = epochs(causality.take(self.id, 1))
    expect(first).toEqual([...Array(32).keys(), ...Array.from({ length: 32 }, (_, index) => 68 + index)])
    causality.heard(place(ben, 200))
    expect(epochs(causality.take(self.id, 1))).toEqual([...Array.from({ length: 36 }, (_, index) => 32 + index), 200])
    expect(causality.take(self.id, 1)).toEqual([])
  })

  it('are kept up to a number, that heard of longest ago goes first', () => {
    const causality = new Causality()
    for (let epoch = 0; epoch < 5_000; epoch++) causality.heard(place(ann, epoch))
    const named = new Set<number>()
    for (let record = 0; record < 100; record++) for (const { epoch } of causality.take(self.id, 1)) named.add(epoch)
    expect([named.size, Math.min(...named)]).toEqual([4_096, 904])
  })
})

describe('a message whose cause did not come', () => {
  it('says so to listeners and readers of its room', async () => {
    const network = createNetwork(0)
    const node = createNode({ topic, clock: network.clock, seed: 50, epoch: 1, more: { order: 'causal' } })
    const peer = await linkRawPeer(node, 60)
    peer.hello()
    const unheard = [{ author: ann.id, epoch: 7, next: 1 }]
    for (const record of chainOf(peer.identity, [{ text: 'x', causes: unheard }, { text: 'y' }])) {
      peer.channel.send(encodeFrame({ type: 'record', hops: 0, record: encodeRecord(record) }))
    }
    await network.clock.play(1_000)
    expect(node.heard.map((delivery) => delivery.unheard)).toEqual([unheard, undefined])
    const room = createRoom(node.gossip, { encoding: 'text' })
    const read: unknown[] = []
    for await (const message of room.history()) read.push([message.data, message.unheard])
    expect(read).toEqual([
      ['x', unheard],
      ['y', undefined],
    ])
    await room.close()
  })
})

function causesOf(record: Uint8Array): readonly Cause[] {
  return recordContents(decodeRecord(record, topic, crypto), topic, crypto).causes
}
