// Questions and answers over links that take only so much at a time: what finds no window waits for it, within bounds.

import { createAddressRecord } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { AnswerQueue, type AnswerQueueOptions, type RawAnswer } from '../src/queries/answer-queue.js'
import { Backlog, type Lost } from '../src/queries/backlog.js'
import { decodeQueryFrame, encodeQueryFrame } from '../src/queries/frames.js'
import type { Connect } from '../src/queries/reach.js'
import type { Located } from '../src/queries/where.js'
import { all, createScene, identityOf, linkTalkers, type Scene, type Talker, talkerOf } from './talk-scene.js'

const LARGE = new Uint8Array(65_536)

/** An asker, a relay, and so many behind it, who all answer. */
async function star(behind: number, answer: Uint8Array): Promise<Scene & { readonly asker: Talker }> {
  const scene = createScene(behind + 2)
  await scene.link(0, 1)
  for (let other = 2; other < behind + 2; other++) await scene.link(1, other)
  for (const { queries } of scene.talkers.slice(1)) queries.answer('test', () => answer)
  return { ...scene, asker: scene.talkers[0] as Talker }
}

/** How many of so many questions, asked at once, were answered. */
async function answered({ asker, clock }: Awaited<ReturnType<typeof star>>, count: number, wait: number) {
  const asking = Array.from({ length: count }, () => all(asker.queries.query('test', new Uint8Array(), { wait })))
  await clock.play(wait + 1)
  return (await Promise.all(asking)).filter((answers) => answers.length === 1).length
}

describe('answers that are more than a window takes', () => {
  it('wait at the relay, and all come', async () => {
    const { talkers, asker, clock } = await star(8, LARGE)
    const answers = all(asker.queries.query('test', new Uint8Array(), { wait: 1_000 }))
    await clock.play(1_001)
    expect(await answers).toHaveLength(9)
    expect(talkers.flatMap(({ warnings }) => warnings)).toEqual([])
  })
})

describe('who reads answers', () => {
  const { id: author } = identityOf(1)
  const answer = (seed: number): RawAnswer => {
    return { author: identityOf(seed).id, data: Uint8Array.of(seed), hops: 1, via: author }
  }
  const queueOf = (more: Partial<AnswerQueueOptions> = {}) =>
    new AnswerQueue({ count: Number.POSITIVE_INFINITY, signal: undefined, onEnd: () => {}, ...more })

  it('may wait for several at once, and hears the end as often', async () => {
    const queue = queueOf()
    const reading = Array.from({ length: 4 }, () => queue.next())
    for (const seed of [1, 2]) queue.add(answer(seed))
    queue.end()
    expect(await Promise.all(reading)).toEqual([
      { done: false, value: answer(1) },
      { done: false, value: answer(2) },
      { done: true, value: undefined },
      { done: true, value: undefined },
    ])
  })

  it('gets what has come before the signal fired first, and only then its error', async () => {
    const abort = new AbortController()
    const queue = queueOf({ signal: abort.signal })
    queue.add(answer(1))
    abort.abort()
    expect(await queue.next()).toEqual({ done: false, value: answer(1) })
    await expect(queue.next()).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    expect(await queue.next()).toEqual({ done: true, value: undefined })
  })

  it('is told at once where the signal has fired before, and nothing is asked', async () => {
    const scene = await star(0, Uint8Array.of(1))
    const answers = scene.asker.queries.query('test', new Uint8Array(), { signal: AbortSignal.abort() })
    await expect(all(answers)).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    expect([scene.talkers.flatMap(({ asked }) => asked), scene.clock.pending]).toEqual([[], 0])
  })

  it('is not bothered by a signal that fires when the question is over', async () => {
    const abort = new AbortController()
    const queue = queueOf({ signal: abort.signal, count: 1 })
    queue.add(answer(1))
    abort.abort()
    expect([await queue.next(), await queue.next()]).toMatchObject([{ value: answer(1) }, { done: true }])
  })
})

describe('questions at once', () => {
  it('beyond what a neighbour takes wait for their turn, and all are answered', async () => {
    const scene = await star(0, Uint8Array.of(1))
    expect(await answered(scene, 150, 5_000)).toBe(150)
    expect(scene.asker.warnings).toEqual([])
  })

  it('of which the time is over before their turn are told, not lost in silence', async () => {
    const scene = await star(0, Uint8Array.of(1))
    expect(await answered(scene, 150, 1_500)).toBe(90 + 29)
    expect(scene.asker.warnings).toMatchObject([{ code: 'ERR_LIMIT', message: expect.stringMatching(/questions/) }])
  })
})

describe('what waits for a neighbour', () => {
  const scene = () => {
    const lost: Lost[] = []
    const sent: number[] = []
    const backlog = new Backlog(0, (one) => lost.push(one))
    const wait = (from: number | null, size: number, until = 1_000) =>
      backlog.add('answer', { from, frame: new Uint8Array(size).fill(from ?? 0), until })
    const take = (frame: Uint8Array) => sent.push(frame[0] as number) > 0
    return { lost, sent, backlog, wait, take }
  }

  it('is at most 2 MiB of answers: whoever brought most of it loses, and it is told once until nothing waits', () => {
    const { backlog, lost, sent, take, wait } = scene()
    for (let count = 0; count < 40; count++) wait(7, 65_536)
    wait(null, 65_536)
    wait(8, 65_536)
    expect(lost).toEqual([{ what: 'answer', why: 'full' }])
    backlog.flush(take, 0)
    expect(sent).toHaveLength(32)
    expect(sent.slice(0, 5)).toEqual([7, 0, 8, 7, 7])
    for (let count = 0; count < 33; count++) wait(7, 65_536)
    expect(lost).toHaveLength(2)
  })

  it('ends with its time, and is told', () => {
    const { backlog, lost, sent, take, wait } = scene()
    wait(7, 10, 500)
    wait(8, 10, 1_000)
    backlog.flush(() => false, 0)
    expect(backlog.wakeAt(0)).toBe(500)
    backlog.flush(() => false, 500)
    expect([lost, backlog.wakeAt(500)]).toEqual([[{ what: 'answer', why: 'late' }], 1_000])
    backlog.flush(take, 999)
    expect([sent, backlog.wakeAt(999)]).toEqual([[8], null])
  })

  it('is looked at in its time though a question before it finds no window', () => {
    const { backlog, lost, wait } = scene()
    const frame = encodeQueryFrame({ type: 'query', hops: 0, left: 8, ms: 9_000, query: new Uint8Array() })
    backlog.add('query', { from: null, frame, until: 9_000 })
    for (let until = 500; until < 600; until++) wait(7, 10, until)
    backlog.flush(() => false, 500)
    expect([lost, backlog.wakeAt(500)]).toEqual([[{ what: 'answer', why: 'late' }], 600])
    backlog.flush(() => false, 600)
    expect(backlog.wakeAt(600)).toBe(9_000)
  })

  it('says of a question how much time it has left, not how much it had', () => {
    const { backlog } = scene()
    const frame = encodeQueryFrame({ type: 'query', hops: 0, left: 8, ms: 1_000, query: new Uint8Array() })
    backlog.add('query', { from: null, frame, until: 1_000 })
    backlog.flush(() => false, 0)
    const sent: Uint8Array[] = []
    backlog.flush((one) => sent.push(one) > 0, 400)
    expect(sent.map((one) => decodeQueryFrame(one))).toMatchObject([{ ms: 600, left: 8 }])
  })
})

describe('where a member is', () => {
  it('is asked across the room, answered by that member alone, and no business of the application', async () => {
    const scene = createScene(4)
    const record = createAddressRecord(identityOf(9), { seq: 1, addresses: [] })
    const found: Located[] = []
    const connect: Connect = async (_peer, { ask, signal }) => {
      for await (const one of ask({ wait: 1_000, signal })) found.push(one)
      throw new Error('that is all')
    }
    const asker = talkerOf(scene.clock, identityOf(8), { connect })
    const sought = talkerOf(scene.clock, identityOf(9), { addressRecord: () => record })
    for (const [a, b] of [
      [0, 1],
      [1, 2],
      [2, 3],
    ] as const)
      await scene.link(a, b)
    await linkTalkers(asker, scene.talkers[0] as Talker)
    await linkTalkers(scene.talkers[3] as Talker, sought)
    const failed = expect(asker.queries.send(sought.identity.id, new Uint8Array())).rejects.toThrow('that is all')
    await scene.clock.play(1_001)
    await failed
    expect(found).toEqual([{ record, via: scene.talkers[0]?.identity.id }])
    expect([...scene.talkers, sought].flatMap(({ asked }) => asked)).toEqual([])
  })

  it('is a type of question that no application asks or answers', () => {
    const [{ queries }] = createScene(1).talkers as [Talker]
    const refused = expect.objectContaining({ code: 'ERR_OPTION' })
    expect(() => queries.query('hearsay/where', new Uint8Array())).toThrow(refused)
    expect(() => queries.answer('hearsay/other', () => undefined)).toThrow(refused)
  })
})
