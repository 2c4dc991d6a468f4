// What neighbours hold in bulk: fetched in order, a stretch at a time, of one neighbour at a time.

import { describe, expect, it } from 'vitest'
import { flood, type Output, trees } from '../src/machine.js'
import { MAX_CLAIMERS, MAX_FETCHES, MAX_PLACES, Runs } from '../src/repair/runs.js'
import { createBench, identityOf, nameOf, recordOf, sent, seqsOf } from './frame-bench.js'

const ENGINES = [
  ['flood', flood],
  ['trees', trees],
] as const

/** What is asked of whom, as [peer, first, count]. */
const asked = (outputs: readonly Output[]): unknown[] =>
  sent(outputs, 'pull').flatMap(({ peer, frame }) =>
    frame.type === 'pull' ? frame.ranges.map(({ first, count }) => [peer, first, count]) : [],
  )

const recordsTo = (end: number, from = 0) => Array.from({ length: end - from }, (_, index) => recordOf(from + index))
const none = (first: number, count: number) => ({ type: 'none', ranges: [{ name: 0, first, count }] }) as const

describe.each(ENGINES)('what a neighbour holds in bulk (%s)', (_name, engine) => {
  it('is asked for at once, and of one of those who hold it', () => {
    const bench = createBench(engine)
    expect(asked(bench.tellRun(1, recordsTo(5)))).toEqual([[1, 0, 5]])
    expect(asked(bench.tellRun(2, recordsTo(5)))).toEqual([])
    const outputs = recordsTo(5).flatMap((record) => [...bench.record(1, record, 10)])
    expect(seqsOf(outputs)).toEqual([0, 1, 2, 3, 4])
    expect(asked(bench.timer(10_000))).toEqual([])
  })

  it('is asked for as far as it is missing', () => {
    const bench = createBench(engine)
    bench.record(3, recordOf(0))
    bench.record(3, recordOf(1))
    expect(asked(bench.tellRun(1, recordsTo(5)))).toEqual([[1, 2, 3]])
    expect(asked(bench.tellRun(2, recordsTo(2)))).toEqual([])
  })

  it('is asked for a thousand at a time, the next while the last half comes', () => {
    const bench = createBench(engine)
    expect(asked(bench.tellRun(1, recordsTo(2_500)))).toEqual([[1, 0, 1_024]])
    const questions = recordsTo(2_500).map((record) => asked(bench.record(1, record, 10)))
    expect(questions.flatMap((some, seq) => (some.length > 0 ? [[seq, ...some]] : []))).toEqual([
      [511, [1, 1_024, 1_024]],
      [1_535, [1, 2_048, 452]],
    ])
  })

  it('is asked of another if the one who was asked is silent, and of the first again a while later', () => {
    const bench = createBench(engine, 2)
    bench.tellRun(1, recordsTo(3))
    bench.tellRun(2, recordsTo(3))
    expect(asked(bench.timer(399))).toEqual([])
    expect(asked(bench.timer(400))).toEqual([[2, 0, 3]])
    expect(asked(bench.timer(800))).toEqual([])
    expect(asked(bench.timer(4_400))).toEqual([[1, 0, 3]])
  })

  it('is waited for while the neighbour sends other things, though not for ever', () => {
    const bench = createBench(engine, 2)
    bench.tellRun(1, recordsTo(3))
    bench.tellRun(2, recordsTo(3))
    const other = identityOf(4)
    for (let seq = 0; seq < 12; seq++) {
      expect(asked(bench.record(1, recordOf(seq, 5, other), 300 * (seq + 1)))).toEqual([])
    }
    expect(asked(bench.timer(4_000))).toEqual([[2, 0, 3]])
  })

  it('is asked of another if the first does not have it after all, or goes', () => {
    const bench = createBench(engine)
    for (const peer of [1, 2, 3]) bench.tellRun(peer, recordsTo(3))
    expect(asked(bench.send(1, none(0, 3), 10))).toEqual([[2, 0, 3]])
    expect(asked(bench.machine.handle({ type: 'peer-down', peer: 2 }, 20))).toEqual([[3, 0, 3]])
    bench.send(3, none(0, 3), 30)
    expect(asked(bench.timer(60_000))).toEqual([])
  })

  it('holds up what follows it while it comes', () => {
    const bench = createBench(engine)
    bench.tellRun(1, recordsTo(3))
    bench.record(2, recordOf(3), 10)
    expect(seqsOf(bench.timer(1_500))).toEqual([])
    const outputs = recordsTo(3).flatMap((record) => [...bench.record(1, record, 1_600)])
    expect(seqsOf(outputs)).toEqual([0, 1, 2, 3])
  })

  it('holds up nothing for long if it does not come', () => {
    const bench = createBench(engine)
    bench.tellRun(1, recordsTo(3))
    bench.record(2, recordOf(3), 10)
    bench.machine.handle({ type: 'peer-down', peer: 2 }, 20)
    let outputs: Output[] = []
    for (let now = 100; now <= 7_000; now += 100) outputs = [...outputs, ...bench.timer(now)]
    expect(seqsOf(outputs)).toEqual([3])
  })

  it('does not keep a hole from being asked of others once the neighbour was silent', () => {
    const bench = createBench(engine, 2)
    bench.record(2, recordOf(0))
    bench.send(1, nameOf(recordOf(0).header.author))
    bench.send(1, { type: 'run', runs: [{ name: 0, first: 0, count: 2 ** 50, last: 1, mark: 0 }] })
    bench.record(2, recordOf(3), 10)
    expect(asked([...bench.timer(300), ...bench.timer(400), ...bench.timer(500), ...bench.timer(600)])).toEqual([
      [2, 1, 2],
    ])
    expect(seqsOf([1, 2].flatMap((seq) => [...bench.record(2, recordOf(seq), 650)]))).toEqual([1, 2, 3])
  })

  it('shows a fork by its last record', () => {
    const bench = createBench(engine)
    bench.record(2, recordOf(0))
    bench.record(2, recordOf(1))
    bench.tellRun(1, [recordOf(0), recordOf(1, 6)])
    expect(asked(bench.timer(1))).toEqual([])
    const outputs = bench.record(1, recordOf(1, 6), 20)
    expect(outputs.some(({ type }) => type === 'fork')).toBe(true)
  })

  it('that names nothing ends the link', () => {
    const bench = createBench(engine)
    const outputs = bench.send(1, { type: 'run', runs: [{ name: 9, first: 0, count: 1, last: 1, mark: 0 }] })
    expect(outputs).toContainEqual(expect.objectContaining({ type: 'misbehaved', peer: 1, code: 'ERR_FRAME' }))
  })
})

describe('a neighbour that holds everything of everybody', () => {
  const sourceOf = (epoch: number) => ({ author: identityOf(3).id, epoch })
  const questions: number[] = []
  /** `hasCome`: of which epochs everything is here once it was asked for. */
  const runsOf = (hasCome: (epoch: number) => boolean = () => false): Runs => {
    questions.length = 0
    const runs = new Runs({
      missingIn: ({ epoch }, [from, to]) =>
        from < to && !(questions.length > 0 && hasCome(epoch)) ? [from, to] : null,
      ask: (peer) => questions.push(peer),
      settled: () => {},
    })
    runs.up(1)
    return runs
  }

  it('is asked for a few of them at once, and for the next as it answers', () => {
    const runs = runsOf()
    for (let epoch = 0; epoch < 2 * MAX_FETCHES; epoch++) runs.claim(1, sourceOf(epoch), [0, 5], 0)
    runs.expire(0)
    expect(questions).toHaveLength(MAX_FETCHES)
    runs.none(1, { source: sourceOf(0), first: 0, count: 5 }, 10)
    runs.expire(10)
    expect(questions).toHaveLength(MAX_FETCHES + 1)
  })

  it('is remembered as holding a thousand, the latest that it told of', () => {
    const runs = runsOf()
    for (let epoch = 0; epoch < 2 * MAX_PLACES; epoch++) runs.claim(1, sourceOf(epoch), [0, 5], 0)
    runs.expire(0)
    const isClaimed = (epoch: number): boolean => runs.isClaimed(sourceOf(epoch), [0, 5])
    expect([isClaimed(0), isClaimed(MAX_PLACES - 1), isClaimed(MAX_PLACES), isClaimed(2 * MAX_PLACES - 1)]).toEqual([
      false,
      false,
      true,
      true,
    ])
  })

  it.each([
    ['is preferred as before if it was silent about what came another way', true, 1],
    ['comes after others once it was silent', false, 2],
  ])('%s', (_title, hasCome, next) => {
    const runs = runsOf((epoch) => epoch === 0 && hasCome)
    runs.up(2)
    runs.claim(1, sourceOf(0), [0, 5], 0)
    for (const now of [0, 400]) runs.expire(now)
    for (const peer of [1, 2]) runs.claim(peer, sourceOf(1), [0, 5], 400)
    runs.expire(400)
    expect(questions).toEqual([1, next])
  })

  it('gives way to another once it was silent', () => {
    const runs = runsOf()
    for (let peer = 1; peer <= MAX_CLAIMERS + 1; peer++) {
      runs.up(peer)
      runs.claim(peer, sourceOf(0), [0, 5], 0)
    }
    for (let now = 0; now <= 400; now += 100) runs.expire(now)
    runs.claim(MAX_CLAIMERS + 1, sourceOf(0), [0, 5], 500)
    for (let now = 500; now <= 10_000; now += 100) runs.expire(now)
    expect(questions).toContain(MAX_CLAIMERS + 1)
  })

  it('is asked ever more rarely for what it never sends', () => {
    const runs = runsOf()
    runs.claim(1, sourceOf(0), [0, 5], 0)
    const at: number[] = []
    for (let now = 0; now < 120_000; now += 100) {
      const before = questions.length
      runs.expire(now)
      if (questions.length > before) at.push(now)
    }
    expect(at).toEqual([0, 4_400, 12_800, 29_200, 61_600, 94_000])
  })
})
