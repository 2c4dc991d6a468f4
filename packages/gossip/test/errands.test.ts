// What a neighbour asks for and this node never had: it came later than what is asked for, and fetches it for the other.

import { describe, expect, it } from 'vitest'
import { encodeFrame, flood, type Output, trees } from '../src/machine.js'
import { ERRAND_RATE, SPENT_MS } from '../src/repair/errands.js'
import { author, createBench, helloOf, identityOf, nameOf, peersOf, recordOf, sent, seqsOf } from './frame-bench.js'

const ENGINES = [
  ['flood', flood],
  ['trees', trees],
] as const
/** Who sent what follows, who asks, and two bystanders. */
const [SENDER, ASKER, OTHER, LAST] = [1, 2, 3, 4]

/** What is asked of whom, as [peer, first, count]. */
const asked = (outputs: readonly Output[]): unknown[] =>
  sent(outputs, 'pull').flatMap(({ peer, frame }) =>
    frame.type === 'pull' ? frame.ranges.map(({ first, count }) => [peer, first, count]) : [],
  )

/** The neighbour asks; and what the machine does at once. */
function ask(
  bench: ReturnType<typeof createBench>,
  peer: number,
  [first, count]: readonly [number, number],
  now: number,
) {
  return [...bench.send(peer, { type: 'pull', ranges: [{ name: 0, first, count }] }, now), ...bench.timer(now)]
}

const none = (first: number, count: number) => ({ type: 'none', ranges: [{ name: 0, first, count }] }) as const

/** A newcomer: the first it heard of the author is number 3. */
function newcomer(engine: typeof flood | typeof trees) {
  const bench = createBench(engine, 4)
  bench.record(SENDER, recordOf(3))
  bench.timer(10_000)
  for (const peer of [SENDER, ASKER, OTHER, LAST]) bench.send(peer, nameOf(author.id), 10_000)
  return bench
}

describe.each(ENGINES)('what lies before the beginning (%s)', (_name, engine) => {
  it('is fetched of whoever sent what follows, sent on to who asks, and not delivered here', () => {
    const bench = newcomer(engine)
    expect(asked(ask(bench, ASKER, [1, 2], 10_000))).toEqual([[SENDER, 1, 2]])
    const outputs = [1, 2].flatMap((seq) => [...bench.record(SENDER, recordOf(seq), 10_050), ...bench.timer(10_050)])
    expect(seqsOf(outputs)).toEqual([])
    const answers = sent(outputs, 'record').filter(({ peer }) => peer === ASKER)
    expect(answers).toHaveLength(2)
    expect(peersOf(outputs, 'none')).toEqual([])
  })

  it('is fetched of who had heard of it when it came, if that one is silent', () => {
    const bench = newcomer(engine)
    const { id } = identityOf(100 + OTHER)
    bench.machine.handle({ type: 'peer-down', peer: OTHER }, 10_000)
    bench.machine.handle({ type: 'peer-up', peer: OTHER, remote: id, window: 1e9 }, 10_000)
    const heads = [{ author: author.id, epoch: 7, next: 4 }]
    bench.machine.handle({ type: 'frame', peer: OTHER, frame: encodeFrame({ ...helloOf(id), heads } as never) }, 10_000)
    expect(asked(ask(bench, ASKER, [0, 3], 10_000))).toEqual([[SENDER, 0, 3]])
    expect(asked(bench.timer(10_300))).toEqual([[OTHER, 0, 3]])
  })

  it('is said not to be here if nobody has it, and is not looked for again soon', () => {
    const bench = newcomer(engine)
    ask(bench, ASKER, [1, 2], 10_000)
    const answer = [...bench.send(SENDER, none(1, 2), 10_020), ...bench.timer(10_020)]
    expect(peersOf(answer, 'none')).toEqual([ASKER])
    const again = ask(bench, ASKER, [1, 2], 10_100)
    expect([asked(again), peersOf(again, 'none')]).toEqual([[], [ASKER]])
    bench.timer(10_020 + SPENT_MS)
    expect(asked(ask(bench, ASKER, [1, 2], 10_020 + SPENT_MS))).toEqual([[SENDER, 1, 2]])
  })

  it('is fetched once for all who ask', () => {
    const bench = newcomer(engine)
    ask(bench, ASKER, [2, 1], 10_000)
    expect(asked(ask(bench, OTHER, [2, 1], 10_010))).toEqual([])
    const outputs = [...bench.record(SENDER, recordOf(2), 10_050), ...bench.timer(10_050)]
    const receivers = sent(outputs, 'record').map(({ peer }) => peer)
    expect(receivers).toEqual(expect.arrayContaining([ASKER, OTHER]))
  })

  it('is not fetched of who asks for it, nor of strangers to its author', () => {
    const bench = newcomer(engine)
    const outputs = ask(bench, SENDER, [1, 2], 10_000)
    expect([asked(outputs), peersOf(outputs, 'none')]).toEqual([[], [SENDER]])
  })

  it('costs a bounded number of questions, however many are asked', () => {
    const bench = createBench(engine, 4)
    bench.record(SENDER, recordOf(400))
    bench.timer(10_000)
    bench.send(ASKER, nameOf(author.id), 10_000)
    let questions = 0
    for (let first = 0; first < 400; first++) questions += asked(ask(bench, ASKER, [first, 1], 10_000)).length
    expect(questions).toBe(ERRAND_RATE.burst)
  })
})

describe('who asks for what is fetched for it', () => {
  it('is answered as soon as it is known that nobody has it', () => {
    const bench = newcomer(trees)
    ask(bench, ASKER, [1, 2], 10_000)
    const outputs = bench.send(SENDER, none(1, 2), 10_020)
    expect(peersOf(outputs, 'none')).toEqual([ASKER])
  })

  it('is answered about what is behind that, too, unless this node waits for it itself', () => {
    const bench = newcomer(trees)
    bench.record(SENDER, recordOf(5), 10_000)
    const outputs = ask(bench, ASKER, [1, 5], 10_000)
    expect(sent(outputs, 'record').map(({ peer }) => peer)).toEqual([ASKER, ASKER])
    expect(peersOf(outputs, 'none')).toEqual([])
    const late = [...bench.record(SENDER, recordOf(4), 10_050), ...bench.timer(10_050)]
    expect(sent(late, 'record').filter(({ peer }) => peer === ASKER)).toHaveLength(1)
  })

  it('does not hold up others by being sent the same again and again', () => {
    const bench = newcomer(trees)
    const { id } = identityOf(100 + OTHER)
    bench.machine.handle({ type: 'peer-down', peer: OTHER }, 10_000)
    bench.machine.handle({ type: 'peer-up', peer: OTHER, remote: id, window: 1e9 }, 10_000)
    const heads = [{ author: author.id, epoch: 7, next: 4 }]
    bench.machine.handle({ type: 'frame', peer: OTHER, frame: encodeFrame({ ...helloOf(id), heads } as never) }, 10_000)
    ask(bench, ASKER, [0, 3], 10_000)
    let outputs: Output[] = []
    for (let now = 10_100; now < 12_000; now += 200) outputs = [...outputs, ...bench.record(SENDER, recordOf(0), now)]
    expect(asked(outputs)).toEqual([[OTHER, 1, 2]])
  })
})

describe.each(ENGINES)(
  'an author that came after this node, and is first heard in the middle (%s)',
  (_name, engine) => {
    it('is asked for its first words', () => {
      const bench = createBench(engine, 2)
      bench.timer(10_000)
      bench.record(1, recordOf(2), 10_000)
      expect(asked(bench.timer(10_100))).toEqual([[1, 0, 2]])
      const outputs = [0, 1].flatMap((seq) => [...bench.record(1, recordOf(seq), 10_150)])
      expect(seqsOf(outputs)).toEqual([0, 1, 2])
    })

    it('is not asked for a whole past', () => {
      const bench = createBench(engine, 2)
      bench.record(1, recordOf(1_025))
      expect(asked(bench.timer(100))).toEqual([])
    })
  },
)
