// The query machine under hostile neighbours: junk, forgeries, floods, and state that must stay bounded.

import { createIdentity, createTopic, seededRandom, sodiumCrypto } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { decodeQueryFrame, encodeQueryFrame, type QueryFrame } from '../src/queries/frames.js'
import { QueryMachine, type QueryOutput } from '../src/queries/machine.js'
import { Recent } from '../src/queries/recent.js'
import { signAnswer, signQuery } from '../src/queries/signed.js'

const topic = createTopic('queries')
const crypto = sodiumCrypto()
const random = seededRandom(1)
const author = createIdentity({ seed: new Uint8Array(32).fill(1) })
const signing = { topic, crypto, author, random }
const remote = createIdentity({ seed: new Uint8Array(32).fill(2) }).id

function machine(peers = 3): QueryMachine {
  const made = new QueryMachine({ topic, crypto })
  for (let peer = 1; peer <= peers; peer++) made.handle({ type: 'up', peer, remote }, 0)
  return made
}

const idOf = (number: number): Uint8Array => Uint8Array.from({ length: 16 }, (_, at) => (number >> (8 * at)) & 255)
const queryOf = (number: number, more: Partial<Extract<QueryFrame, { type: 'query' }>> = {}): Uint8Array => {
  const query = signQuery({ id: idOf(number), type: 'test', data: new Uint8Array() }, signing)
  return encodeQueryFrame({ type: 'query', hops: 0, left: 8, ms: 1_000, query, ...more })
}
const answerOf = (number: number, by = author): Uint8Array =>
  encodeQueryFrame({
    type: 'answer',
    hops: 0,
    answer: signAnswer({ id: idOf(number), data: Uint8Array.of(1) }, { ...signing, author: by }),
  })
const sentTo = (outputs: readonly QueryOutput[]): number[] =>
  outputs.flatMap((o) => (o.type === 'send' ? [o.peer] : []))
const faultOf = (outputs: readonly QueryOutput[]) => outputs.find(({ type }) => type === 'misbehaved')

describe('a question', () => {
  it('is passed on once, to all but the one that it came from, and given to the application once', () => {
    const made = machine()
    const first = made.handle({ type: 'frame', peer: 1, frame: queryOf(1) }, 0)
    expect(sentTo(first)).toEqual([2, 3])
    expect(first.filter(({ type }) => type === 'query')).toHaveLength(1)
    expect(made.handle({ type: 'frame', peer: 2, frame: queryOf(1) }, 0)).toEqual([])
  })

  it.each([
    ['has no hops left', { left: 0 }, 0],
    ['has one hop left', { left: 1 }, 1],
    ['has no time left', { ms: 0 }, 0],
  ])('that %s is not passed on', (_what, more, given) => {
    const outputs = machine().handle({ type: 'frame', peer: 1, frame: queryOf(1, more) }, 0)
    expect(sentTo(outputs)).toEqual([])
    expect(outputs.filter(({ type }) => type === 'query')).toHaveLength(given)
  })

  it('of any age is remembered a minute at most', () => {
    const made = machine()
    made.handle({ type: 'frame', peer: 1, frame: queryOf(1, { ms: 2 ** 32 - 1 }) }, 0)
    expect(made.size).toBe(1)
    made.handle({ type: 'down', peer: 9 }, 60_000)
    expect(made.size).toBe(0)
  })

  it('is put to the application once, however often it is replayed, long after its time', () => {
    const made = machine()
    const given = [0, 61_000, 3_600_000].map((now) => {
      const outputs = made.handle({ type: 'frame', peer: 1, frame: queryOf(1, { ms: 60_000 }) }, now)
      return outputs.filter(({ type }) => type === 'query').length
    })
    expect(given).toEqual([1, 0, 0])
  })

  it('floods nobody: of one neighbour a hundred at once, then twenty a second, and 4,096 are remembered', () => {
    const made = machine(200)
    const given = (from: number, count: number, now: number): number =>
      Array.from({ length: count }, (_, index) => index).flatMap((index) =>
        made.handle({ type: 'frame', peer: 1, frame: queryOf(from + index, { left: 1, ms: 60_000 }) }, now),
      ).length
    expect([given(0, 150, 0), given(1_000, 50, 1_000)]).toEqual([100, 20])
    for (let peer = 2; peer <= 60; peer++) {
      for (let index = 0; index < 100; index++) {
        made.handle({ type: 'frame', peer, frame: queryOf(peer * 10_000 + index, { left: 1, ms: 60_000 }) }, 1_000)
      }
    }
    expect(made.size).toBe(4_096)
  })

  it('that its author did not sign for this topic ends the link', () => {
    const frame = queryOf(1)
    for (const at of [7, 40, 60, 120, frame.byteLength - 1]) {
      const forged = Uint8Array.from(frame)
      forged[at] = (forged[at] ?? 0) ^ 1
      expect(faultOf(machine().handle({ type: 'frame', peer: 1, frame: forged }, 0))).toMatchObject({ ban: true })
    }
    const elsewhere = signQuery(
      { id: idOf(1), type: 'test', data: new Uint8Array() },
      { ...signing, topic: createTopic('other') },
    )
    const foreign = encodeQueryFrame({ type: 'query', hops: 0, left: 8, ms: 1_000, query: elsewhere })
    expect(faultOf(machine().handle({ type: 'frame', peer: 1, frame: foreign }, 0))).toMatchObject({
      code: 'ERR_RECORD_FORGED',
    })
  })
})

describe('a question of this node', () => {
  it('reaches those too who come while it waits, with the time that is left, and nobody after it', () => {
    const made = machine(1)
    const query = signQuery({ id: idOf(1), type: 'test', data: new Uint8Array() }, signing)
    expect(sentTo(made.handle({ type: 'ask', query, hops: 3, ms: 1_000 }, 0))).toEqual([1])
    const [late] = made.handle({ type: 'up', peer: 2, remote }, 400)
    expect(late?.type === 'send' && decodeQueryFrame(late.frame)).toMatchObject({ left: 3, ms: 600 })
    expect(made.handle({ type: 'up', peer: 3, remote }, 1_000)).toEqual([])
    made.handle({ type: 'ask', query, hops: 3, ms: 1_000 }, 2_000)
    made.handle({ type: 'forget', id: idOf(1) }, 2_001)
    expect(made.handle({ type: 'up', peer: 4, remote }, 2_002)).toEqual([])
  })

  it('that comes back by another way when it is over is not put to this node itself', () => {
    const made = machine()
    const query = signQuery({ id: idOf(1), type: 'test', data: new Uint8Array() }, signing)
    made.handle({ type: 'ask', query, hops: 3, ms: 1_000 }, 0)
    made.handle({ type: 'forget', id: idOf(1) }, 1)
    expect(made.handle({ type: 'frame', peer: 1, frame: queryOf(1) }, 2)).toEqual([])
  })
})

describe('what was heard of', () => {
  it('is remembered up to a number, that heard of last for longest', () => {
    const recent = new Recent(3)
    for (const key of ['a', 'b', 'c']) recent.add(key)
    expect(recent.has('a')).toBe(true)
    recent.add('d')
    expect(['a', 'b', 'c', 'd'].map((key) => recent.has(key))).toEqual([true, false, true, true])
  })
})

describe('an answer', () => {
  it('goes back the way that its question came, one hop longer', () => {
    const made = machine()
    made.handle({ type: 'frame', peer: 2, frame: queryOf(1) }, 0)
    const outputs = made.handle({ type: 'frame', peer: 3, frame: answerOf(1) }, 1)
    expect(sentTo(outputs)).toEqual([2])
    expect(outputs.map((output) => output.type === 'send' && decodeQueryFrame(output.frame))).toMatchObject([
      { hops: 1 },
    ])
  })

  it('to what was never asked, to what is over, or from the one who asked goes nowhere', () => {
    const made = machine()
    expect(made.handle({ type: 'frame', peer: 3, frame: answerOf(1) }, 0)).toEqual([])
    made.handle({ type: 'frame', peer: 2, frame: queryOf(1) }, 0)
    expect(made.handle({ type: 'frame', peer: 2, frame: answerOf(1) }, 0)).toEqual([])
    expect(made.handle({ type: 'frame', peer: 3, frame: answerOf(1) }, 1_000)).toEqual([])
  })

  it('is passed back for 1,024 authors of one question, and no more', () => {
    const made = machine()
    made.handle({ type: 'frame', peer: 2, frame: queryOf(1) }, 0)
    let passed = 0
    for (let count = 0; count < 1_100; count++) {
      const by = createIdentity({ seed: Uint8Array.from({ length: 32 }, (_, at) => (at < 2 ? count >> (8 * at) : 9)) })
      passed += made.handle({ type: 'frame', peer: 3, frame: answerOf(1, by) }, 1).length
    }
    expect(passed).toBe(1_024)
  })

  it('is passed back, and given to who asked, once for each author: nobody uses up the room for others', () => {
    const made = machine()
    made.handle({ type: 'frame', peer: 2, frame: queryOf(1) }, 0)
    made.handle({ type: 'frame', peer: 2, frame: queryOf(2) }, 0)
    const passed = (frame: Uint8Array): number => made.handle({ type: 'frame', peer: 3, frame }, 1).length
    expect([answerOf(1), answerOf(1), answerOf(2), answerOf(2)].map(passed)).toEqual([1, 0, 1, 0])
    const query = signQuery({ id: idOf(3), type: 'test', data: new Uint8Array() }, signing)
    made.handle({ type: 'ask', query, hops: 3, ms: 1_000 }, 1)
    expect([answerOf(3), answerOf(3)].map(passed)).toEqual([1, 0])
  })

  it('that its author did not sign ends the link', () => {
    const made = machine()
    made.handle({ type: 'frame', peer: 2, frame: queryOf(1) }, 0)
    const forged = answerOf(1)
    forged[forged.byteLength - 1] = 9
    expect(faultOf(made.handle({ type: 'frame', peer: 3, frame: forged }, 1))).toMatchObject({ ban: true })
  })

  it('that cannot be opened ends the link of its author, not of those who pass it on', () => {
    const own = createTopic('queries', { secret: new Uint8Array(32).fill(3) })
    const asker = new QueryMachine({ topic: own, crypto })
    asker.handle({ type: 'up', peer: 1, remote }, 0)
    asker.handle({ type: 'up', peer: 2, remote: author.id }, 0)
    const query = signQuery({ id: idOf(1), type: 'test', data: new Uint8Array() }, { ...signing, topic: own })
    asker.handle({ type: 'ask', query, hops: 8, ms: 1_000 }, 0)
    const unsealed = { ...own, id: own.id, idBytes: own.idBytes, payloadKey: null }
    const answerBy = (by: typeof author): Uint8Array => {
      const answer = signAnswer({ id: idOf(1), data: Uint8Array.of(1) }, { ...signing, topic: unsealed, author: by })
      return encodeQueryFrame({ type: 'answer', hops: 0, answer })
    }
    const stranger = createIdentity({ seed: new Uint8Array(32).fill(3) })
    expect(asker.handle({ type: 'frame', peer: 1, frame: answerBy(stranger) }, 1)).toEqual([])
    const fault = faultOf(asker.handle({ type: 'frame', peer: 2, frame: answerBy(author) }, 1))
    expect(fault).toMatchObject({ code: 'ERR_RECORD', ban: false })
  })
})

describe('junk', () => {
  it('never throws: 20,000 mutations of every frame', () => {
    const fuzz = seededRandom(7)
    const frames = [
      queryOf(1),
      answerOf(1),
      encodeQueryFrame({ type: 'direct', number: 7, data: new Uint8Array(20) }),
      encodeQueryFrame({ type: 'taken', number: 7 }),
      encodeQueryFrame({ type: 'stream', id: idOf(3) }),
    ]
    for (let round = 0; round < 20_000; round++) {
      const made = machine(2)
      const frame = Uint8Array.from(frames[fuzz.below(frames.length)] as Uint8Array)
      for (let change = fuzz.below(4); change >= 0; change--) frame[fuzz.below(frame.byteLength)] = fuzz.below(256)
      made.handle({ type: 'frame', peer: 1, frame: frame.subarray(0, fuzz.below(frame.byteLength + 1)) }, round)
    }
  })
})
