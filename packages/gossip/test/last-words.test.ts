// The last words of an author: nothing follows them that would show who lacks them. Whoever is told by two neighbours that one
// has heard more than the other fetches it, for the other.

import { CHUNK_BYTES } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { ASIDE_MS, Aside } from '../src/machine/aside.js'
import type { Arriving } from '../src/machine/judgement.js'
import { encodeFrame, flood, type GossipLimits, type MachineContext, type Output, trees } from '../src/machine.js'
import { BETWEEN_RATE, LAST_WORD_MS, UNASKED_RATE } from '../src/repair/errands.js'
import { NO_NEWS } from '../src/repair/news.js'
import { author, createBench, helloOf, identityOf, nameOf, peersOf, recordOf, sent, seqsOf } from './frame-bench.js'
import { headFrame, partFrame } from './large-scene.js'

const ENGINES = [
  ['flood', flood],
  ['trees', trees],
] as const
const [AHEAD, BEHIND, NEWCOMER] = [1, 2, 3]
/** When what came at 2,100 is taken for old. */
const RELEASED = 2_100 + ASIDE_MS

const asked = (outputs: readonly Output[]): unknown[] =>
  sent(outputs, 'pull').flatMap(({ peer, frame }) =>
    frame.type === 'pull' ? frame.ranges.map(({ first, count }) => [peer, first, count]) : [],
  )

/** Who is sent records, or told of them. */
const hearing = (outputs: readonly Output[]): number[] => [...peersOf(outputs, 'run'), ...peersOf(outputs, 'record')]

interface More {
  readonly limits?: Partial<GossipLimits>
  readonly context?: Partial<MachineContext>
}
type Head = { readonly author: string; readonly epoch: number; readonly next: number }

/** A machine whose neighbours said hello with these heads. */
function told(engine: typeof flood | typeof trees, heads: readonly (readonly Head[])[], epoch = 5, more: More = {}) {
  const bench = createBench(engine, 0, more.limits, more.context)
  const come = (peer: number, known: readonly Head[], now: number): readonly Output[] => {
    const { id } = identityOf(100 + peer)
    bench.machine.handle({ type: 'peer-up', peer, remote: id, window: 1e9 }, now)
    const hello = { ...helloOf(id), presentMs: 10_000 + now, epoch, heads: known }
    return bench.machine.handle({ type: 'frame', peer, frame: encodeFrame(hello as never) }, now)
  }
  for (const [index, known] of heads.entries()) come(index + 1, known, 0)
  return { ...bench, come }
}

const headOf = (next: number, epoch = 7): Head => ({ author: author.id, epoch, next })

describe.each(ENGINES)('what one neighbour had heard when it came, and another had not (%s)', (_name, engine) => {
  it('is fetched for the other when the author has been silent for a while, and not delivered here', () => {
    const bench = told(engine, [[headOf(5)], [headOf(4)]])
    expect(asked(bench.timer(LAST_WORD_MS - 1))).toEqual([])
    expect(asked(bench.timer(LAST_WORD_MS))).toEqual([[AHEAD, 4, 1]])
    const outputs = [...bench.record(AHEAD, recordOf(4), 2_100), ...bench.timer(RELEASED)]
    expect(seqsOf(outputs)).toEqual([])
    expect(hearing(outputs)).toEqual([BEHIND])
  })

  it('is told to nobody who came when it was over', () => {
    const bench = told(engine, [[headOf(5)], [headOf(4)], []], 9)
    bench.timer(LAST_WORD_MS)
    const outputs = [...bench.record(AHEAD, recordOf(4), 2_100), ...bench.timer(RELEASED)]
    expect(hearing(outputs)).toEqual([BEHIND])
  })

  it('is fetched from the first word for who was here before its author', () => {
    const bench = told(engine, [[headOf(2)], []])
    expect(asked(bench.timer(LAST_WORD_MS))).toEqual([[AHEAD, 0, 2]])
  })

  it('is not fetched if this node hears the author itself: what follows will show what is missing', () => {
    const bench = told(engine, [[headOf(5)], [headOf(4)]])
    bench.record(AHEAD, recordOf(6), 10)
    bench.timer(1_000)
    expect(asked(bench.timer(LAST_WORD_MS)).filter((one) => String(one) === String([AHEAD, 4, 1]))).toEqual([])
  })

  it('costs few questions, whatever hellos say', () => {
    const heads = Array.from({ length: 400 }, (_, index) => headOf(9, 10 + index))
    const bench = told(engine, [heads, heads.map((head) => ({ ...head, next: 1 }))])
    expect(asked(bench.timer(LAST_WORD_MS))).toHaveLength(BETWEEN_RATE.burst)
  })

  it('does not keep an author that goes on from being heard', () => {
    const bench = told(engine, [[headOf(5)], [headOf(4)], []])
    bench.timer(LAST_WORD_MS)
    bench.record(AHEAD, recordOf(4), 2_100)
    const outputs = [...bench.record(NEWCOMER, recordOf(5), 2_200), ...bench.timer(2_300), ...bench.timer(3_300)]
    expect(seqsOf(outputs)).toEqual([5])
  })

  it('is delivered here if this node follows the author, though it remembers no more than where that ended', () => {
    const bench = told(engine, [[]], 5, { limits: { maxEpochs: 1, settleMs: 0 } })
    bench.record(1, recordOf(0))
    bench.record(1, recordOf(0, 5, identityOf(44)))
    bench.come(2, [headOf(2)], 100)
    bench.come(3, [headOf(1)], 100)
    bench.timer(100 + LAST_WORD_MS)
    expect(seqsOf(bench.record(2, recordOf(1), 2_200))).toEqual([1])
  })

  it('is delivered here if this node was told of it as well, by who was slow to send it', () => {
    const bench = told(engine, [[headOf(2)], []])
    bench.tellRun(AHEAD, [recordOf(0), recordOf(1)], 10)
    bench.timer(1_000)
    bench.timer(LAST_WORD_MS)
    expect([0, 1].flatMap((seq) => seqsOf(bench.record(AHEAD, recordOf(seq), 2_100)))).toEqual([0, 1])
  })

  it('is not fetched once more for who comes later', () => {
    const bench = told(engine, [[headOf(5)], [headOf(4)]])
    bench.timer(LAST_WORD_MS)
    bench.record(AHEAD, recordOf(4), 2_100)
    bench.timer(20_000)
    const outputs = [...bench.come(NEWCOMER, [headOf(4)], 20_000), ...bench.timer(20_000 + LAST_WORD_MS)]
    expect(asked(outputs)).toEqual([])
    expect(hearing(outputs)).toEqual([NEWCOMER])
  })

  it.each(['accept', 'ignore'] as const)('is judged where messages are, and not delivered: %s', (verdict) => {
    const bench = told(engine, [[headOf(5)], [headOf(3)]], 5, { context: { judges: true } })
    bench.timer(LAST_WORD_MS)
    const came = [...[3, 4].flatMap((seq) => bench.record(AHEAD, recordOf(seq), 2_100)), ...bench.timer(RELEASED)]
    const tickets = came.flatMap((output) => (output.type === 'judge' ? [output.ticket] : []))
    expect(tickets).toHaveLength(2)
    const outputs = tickets.flatMap((ticket) => bench.machine.handle({ type: 'verdict', ticket, verdict }, 3_200))
    for (const now of [3_300, 3_400, 5_000]) outputs.push(...bench.timer(now))
    expect(seqsOf(outputs)).toEqual([])
    expect([...new Set(hearing(outputs))]).toEqual(verdict === 'accept' ? [BEHIND] : [])
  })

  it.each([false, true])('is not delivered if it is large and comes in parts; judged: %s', (judges) => {
    const bench = told(engine, [[headOf(1)], []], 5, { context: { judges } })
    const record = recordOf(0, 3 * CHUNK_BYTES)
    bench.send(AHEAD, nameOf(author.id))
    bench.timer(LAST_WORD_MS)
    const outputs = [...bench.send(AHEAD, headFrame(record, 4), 2_100)]
    for (let index = 0; index < 4; index++) outputs.push(...bench.send(AHEAD, partFrame(record, index), 2_100))
    outputs.push(...bench.timer(RELEASED))
    const tickets = outputs.flatMap((output) => (output.type === 'judge' ? [output.ticket] : []))
    for (const ticket of tickets)
      outputs.push(...bench.machine.handle({ type: 'verdict', ticket, verdict: 'accept' }, 3_200))
    for (const now of [3_300, 5_000]) outputs.push(...bench.timer(now))
    expect(tickets).toHaveLength(judges ? 1 : 0)
    expect(seqsOf(outputs)).toEqual([])
    expect(peersOf(outputs, 'offer')).toEqual([BEHIND])
  })
})

describe.each(ENGINES)('what an author says now, and a liar claims to have had when it came (%s)', (_name, engine) => {
  /** All that is done until a while after this. */
  const settled = (bench: ReturnType<typeof told>, from: number): readonly Output[] =>
    [300, 1_000, 2_000, 4_000].flatMap((ms) => bench.timer(from + ms))

  it('is delivered once if the liar is first and another pushes it as well', () => {
    const bench = told(engine, [[headOf(900)], [headOf(4)]])
    expect(asked(bench.timer(LAST_WORD_MS))).toEqual([[AHEAD, 4, 896]])
    const outputs = [...bench.record(AHEAD, recordOf(4), 2_100), ...bench.record(BEHIND, recordOf(4), 2_300)]
    outputs.push(...bench.record(AHEAD, recordOf(4), 2_350), ...settled(bench, 2_350))
    expect(seqsOf(outputs)).toEqual([4])
  })

  it.each(['have', 'offer', 'run'] as const)('is delivered once if another tells of it: %s', (way) => {
    const bench = told(engine, [[headOf(900)], [headOf(4)]])
    bench.timer(LAST_WORD_MS)
    const outputs = [...bench.record(AHEAD, recordOf(4), 2_100)]
    if (way === 'run') outputs.push(...bench.tellRun(BEHIND, [recordOf(4)], 2_200))
    else outputs.push(...bench.tell(BEHIND, way, [recordOf(4)], 2_200))
    outputs.push(...settled(bench, 2_200))
    expect(seqsOf(outputs)).toEqual([4])
  })

  it.each(['while its parts come', 'when they have come'])(
    'is delivered once if it is large and another tells of it %s',
    (when) => {
      const bench = told(engine, [[headOf(900)], []])
      const record = recordOf(0, 3 * CHUNK_BYTES)
      bench.send(AHEAD, nameOf(author.id))
      bench.timer(LAST_WORD_MS)
      const outputs = [...bench.send(AHEAD, headFrame(record, 4), 2_100)]
      const tells = () => outputs.push(...bench.tell(BEHIND, 'have', [record], 2_100))
      if (when.startsWith('while')) tells()
      for (let index = 0; index < 4; index++) outputs.push(...bench.send(AHEAD, partFrame(record, index), 2_100))
      if (when.startsWith('when')) tells()
      outputs.push(...settled(bench, 2_100))
      expect(seqsOf(outputs)).toEqual([0])
    },
  )

  it('is not kept from those who lack it by being delivered here', () => {
    const bench = told(engine, [[headOf(900)], [headOf(4)], []])
    bench.timer(LAST_WORD_MS)
    bench.record(AHEAD, recordOf(4), 2_100)
    const outputs = [...bench.record(BEHIND, recordOf(4), 2_300), ...bench.timer(2_400)]
    expect(hearing(outputs)).toContain(NEWCOMER)
  })

  it('is told as a fork if another brings something else for its place meanwhile', () => {
    const bench = told(engine, [[headOf(900)], [headOf(4)]])
    bench.timer(LAST_WORD_MS)
    bench.record(AHEAD, recordOf(4), 2_100)
    const outputs = [...bench.record(BEHIND, recordOf(4, 6), 2_300), ...settled(bench, 2_300)]
    expect(outputs.filter(({ type }) => type === 'fork')).toHaveLength(1)
    expect(seqsOf(outputs)).toEqual([])
  })

  it('is delivered if who brings it is asked as well, and never claimed so much', () => {
    const bench = told(engine, [[headOf(900)], [headOf(5)], [headOf(4)]])
    bench.timer(LAST_WORD_MS)
    expect(asked(bench.timer(LAST_WORD_MS + 300))).toEqual([[2, 4, 896]])
    const outputs = [...bench.record(2, recordOf(5), 2_400), ...settled(bench, 2_400)]
    expect(seqsOf(outputs)).toEqual([5])
  })
})

describe.each(ENGINES)('the last words of an author of which liars claim invented heads (%s)', (_name, engine) => {
  const LIARS = [1, 2, 3, 4, 5, 6]
  const [HONEST, LACKING] = [7, 8]
  const crowd = (...epochs: readonly number[]) => {
    const heads = (next: number) => epochs.map((epoch) => headOf(next, epoch))
    const bench = told(engine, [...LIARS.map(() => heads(900)), heads(5), heads(4)])
    for (const peer of [...LIARS, HONEST]) bench.send(peer, nameOf(author.id))
    return bench
  }
  /** Who is asked for what begins there until then, in steps of 50 ms. */
  const askedUntil = (bench: ReturnType<typeof told>, first: number, [from, to]: readonly [number, number]) => {
    const questions: unknown[] = []
    for (let now = from; now <= to; now += 50) questions.push(...asked(bench.timer(now)))
    return (questions as number[][]).flatMap(([peer, begin]) => (begin === first ? [peer] : []))
  }

  it('are asked of one who has them, though all liars are silent', () => {
    const bench = crowd(7)
    const end = LAST_WORD_MS + 300 * LIARS.length
    expect(askedUntil(bench, 4, [LAST_WORD_MS, end])).toEqual([...LIARS, HONEST])
    const outputs = [...bench.record(HONEST, recordOf(4), end), ...bench.timer(end + ASIDE_MS)]
    outputs.push(...bench.timer(end + ASIDE_MS + 50))
    expect(hearing(outputs)).toContain(LACKING)
    expect(seqsOf(outputs)).toEqual([])
  })

  it('are asked of one who has them, though liars say that they do not', () => {
    const bench = crowd(7)
    bench.timer(LAST_WORD_MS)
    const none = { type: 'none', ranges: [{ name: 0, first: 4, count: 896 }] } as const
    const outputs = LIARS.flatMap((liar) => bench.send(liar, none, LAST_WORD_MS))
    expect(asked(outputs)).toContainEqual([HONEST, 4, 896])
  })

  it('are asked of one who has them, though a liar leaves out the first of them', () => {
    const bench = told(engine, [[headOf(7)], [headOf(7)], [headOf(4)]])
    bench.send(1, nameOf(author.id))
    bench.timer(LAST_WORD_MS)
    bench.record(1, recordOf(6), LAST_WORD_MS + 100)
    expect(asked(bench.timer(LAST_WORD_MS + 300))).toEqual([[2, 4, 3]])
  })

  it('are asked of those last who claimed before what they did not send', () => {
    const bench = crowd(7)
    askedUntil(bench, 4, [LAST_WORD_MS, LAST_WORD_MS + 300 * LIARS.length])
    bench.record(HONEST, recordOf(4), LAST_WORD_MS + 300 * LIARS.length)
    askedUntil(bench, 4, [4_000, 8_000])
    bench.come(9, [headOf(3)], 8_000)
    expect(askedUntil(bench, 3, [8_000 + LAST_WORD_MS, 8_000 + LAST_WORD_MS])).toEqual([HONEST])
  })

  it('are looked for no longer than a minute, and the questions have a budget', () => {
    const epochs = Array.from({ length: 40 }, (_, index) => 10 + index)
    const heads = (next: number) => epochs.map((epoch) => headOf(next, epoch))
    const bench = told(engine, [...Array.from({ length: 40 }, () => heads(900)), heads(4)])
    const { burst, perSecond } = UNASKED_RATE
    const questions = askedUntil(bench, 4, [LAST_WORD_MS, LAST_WORD_MS + 59_000]).length
    expect(questions).toBeGreaterThan(burst)
    expect(questions).toBeLessThanOrEqual(BETWEEN_RATE.burst + burst + 60 * perSecond)
    askedUntil(bench, 4, [LAST_WORD_MS + 59_050, LAST_WORD_MS + 61_000])
    expect(askedUntil(bench, 4, [LAST_WORD_MS + 61_000, LAST_WORD_MS + 70_000])).toEqual([])
  })

  it('are asked for later if too much is asked for at once', () => {
    const epochs = Array.from({ length: BETWEEN_RATE.burst / 2 }, (_, index) => 10 + index)
    const bench = crowd(...epochs)
    expect(askedUntil(bench, 4, [LAST_WORD_MS, 30_000]).filter((peer) => peer === HONEST)).toHaveLength(epochs.length)
  })
})

describe('what is put aside', () => {
  const arriving = (seq: number, bytes: number): Arriving => ({
    pending: { record: recordOf(seq), block: new Uint8Array(bytes), messages: [], causes: [], hops: 0, via: null },
    ...{ position: null, from: null, news: NO_NEWS, now: seq },
  })

  it('takes no more than a quarter of what the log may hold, and has room again when it is taken for old', () => {
    const aside = new Aside(4 * 300)
    expect([0, 1, 2, 3].map((seq) => aside.put(arriving(seq, 100)))).toEqual([true, true, true, false])
    expect(aside.take(ASIDE_MS - 1)).toBeUndefined()
    expect(aside.take(ASIDE_MS)).toBeDefined()
    expect(aside.take(ASIDE_MS)).toBeUndefined()
    expect([3, 4].map((seq) => aside.put(arriving(seq, 100)))).toEqual([true, false])
  })
})
