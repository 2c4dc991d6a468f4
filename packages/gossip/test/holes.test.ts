// A hole that nobody spoke of: seen only because its author went on. Whoever sent what follows is asked for it, then others.

import { createIdentity } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { type Frame, flood, type Output, trees } from '../src/machine.js'
import { MAX_FILLINGS, OWED_MS } from '../src/repair/fillings.js'
import { createBench, helloOf, identityOf, peersOf, recordOf, sent, seqsOf } from './frame-bench.js'

const ENGINES = [
  ['flood', flood],
  ['trees', trees],
] as const

/** What is asked of whom, as [peer, first, count]. */
const asked = (outputs: readonly Output[]): unknown[] =>
  sent(outputs, 'pull').flatMap(({ peer, frame }) =>
    frame.type === 'pull' ? frame.ranges.map(({ first, count }) => [peer, first, count]) : [],
  )

describe.each(ENGINES)('a hole in what an author said (%s)', (_name, engine) => {
  it('is asked of whoever sent what follows, once it had time to come by another way', () => {
    const bench = createBench(engine)
    bench.record(1, recordOf(0))
    bench.record(2, recordOf(3))
    expect(asked(bench.timer(99))).toEqual([])
    expect(asked(bench.timer(100))).toEqual([[2, 1, 2]])
    expect(seqsOf(bench.record(2, recordOf(1), 120))).toEqual([1])
    expect(seqsOf(bench.record(2, recordOf(2), 120))).toEqual([2, 3])
  })

  it('is asked of others, one after another, if that one does not have it', () => {
    const bench = createBench(engine)
    bench.record(1, recordOf(0))
    bench.record(1, recordOf(2))
    const first = bench.timer(100)
    expect(asked(first)).toEqual([[1, 1, 1]])
    const questions = [1, 2, 3].map((peer, index) => {
      const none = { type: 'none', ranges: [{ name: 0, first: 1, count: 1 }] } as const
      bench.send(peer, { type: 'name', author: recordOf(0).header.author, epoch: 7 }, 110)
      return peersOf([...bench.send(peer, none, 110 + index), ...bench.timer(110 + index)], 'pull')
    })
    expect(questions).toEqual([[2], [3], []])
    expect(bench.timer(1_000).some(({ type }) => type === 'gap')).toBe(true)
  })

  it('waits for who comes when all others are gone and says that it is beyond it', () => {
    const bench = createBench(engine, 5)
    bench.record(1, recordOf(0))
    bench.record(1, recordOf(2))
    // Nobody answers: four of them are asked in vain.
    for (const now of [100, 500, 900, 1_300, 1_700]) bench.timer(now)
    for (const peer of [1, 2, 3, 4, 5]) bench.machine.handle({ type: 'peer-down', peer }, 5_000)
    const { author, epoch } = recordOf(0).header
    bench.machine.handle({ type: 'peer-up', peer: 9, remote: identityOf(109).id, window: 1e9 }, 5_100)
    const hello = { ...helloOf(identityOf(109).id), heads: [{ author, epoch, next: 3 }] } as Frame
    const outputs = [...bench.send(9, hello, 5_200), ...[5_250, 5_300, 6_500, 8_000].flatMap((now) => bench.timer(now))]
    expect(asked(outputs)).toContainEqual([9, 1, 1])
    expect(outputs.filter(({ type }) => type === 'gap')).toEqual([])
    expect(seqsOf(bench.record(9, recordOf(1), 9_000))).toEqual([1, 2])
  })

  it('is not asked about if it closes in time', () => {
    const bench = createBench(engine)
    for (const seq of [0, 2, 1]) bench.record(1, recordOf(seq))
    expect(asked(bench.timer(100))).toEqual([])
  })

  it('is not asked about if it lies before the beginning, nor once it was told as a gap', () => {
    const bench = createBench(engine)
    bench.record(1, recordOf(5))
    bench.timer(100)
    expect(asked(bench.timer(300))).toEqual([])
    bench.record(1, recordOf(8), 300)
    const told = bench.timer(300 + OWED_MS)
    expect(told.some(({ type }) => type === 'gap')).toBe(true)
    bench.record(1, recordOf(7), 400 + OWED_MS)
    expect(asked(bench.timer(2_000 + OWED_MS))).toEqual([])
  })
})

describe('a store', () => {
  const keptOf = (outputs: readonly Output[]): number[] =>
    outputs.flatMap((output) => (output.type === 'keep' ? [output.record.header.firstSeq] : []))

  it('is given what waits behind a hole once it is delivered, so that nobody takes it for delivered before', () => {
    const bench = createBench(trees, 2, {}, { keeps: true })
    expect(keptOf(bench.record(1, recordOf(0)))).toEqual([0])
    expect(keptOf(bench.record(1, recordOf(2)))).toEqual([])
    expect(keptOf(bench.record(1, recordOf(1), 10))).toEqual([1, 2])
  })

  it('is given what comes after its gap was told', () => {
    const bench = createBench(trees, 2, {}, { keeps: true })
    for (const seq of [0, 2]) bench.record(1, recordOf(seq))
    let outputs: Output[] = []
    for (let now = 100; now < OWED_MS + 1_000; now += 100) outputs = [...outputs, ...bench.timer(now)]
    expect([keptOf(outputs), seqsOf(outputs)]).toEqual([[2], [2]])
    const late = bench.record(1, recordOf(1), OWED_MS + 1_000)
    expect([keptOf(late), seqsOf(late)]).toEqual([[1], []])
  })
})

describe('a stretch that is missing', () => {
  it('is asked for a thousand at a time, the next as soon as the last is here', () => {
    const bench = createBench(trees, 2, { maxHeld: 4_096 })
    bench.record(1, recordOf(0))
    bench.record(1, recordOf(2_000))
    expect(asked(bench.timer(100))).toEqual([[1, 1, 1_024]])
    let questions: unknown[] = []
    for (let seq = 1; seq <= 1_024; seq++) questions = asked(bench.record(1, recordOf(seq), 150))
    expect(questions).toEqual([[1, 1_025, 975]])
  })

  it('is not told as a gap while it comes, and is once nobody sends any of it', () => {
    const bench = createBench(trees, 1)
    bench.record(1, recordOf(0))
    bench.record(1, recordOf(10))
    bench.timer(100)
    for (let seq = 1; seq < 6; seq++) bench.record(1, recordOf(seq), seq * 390)
    expect(bench.timer(2_300).some(({ type }) => type === 'gap')).toBe(false)
    let outputs: Output[] = []
    for (let now = 2_400; now < OWED_MS + 3_000; now += 100) outputs = [...outputs, ...bench.timer(now)]
    expect(outputs.flatMap((output) => (output.type === 'gap' ? [[output.gap.from, output.gap.to]] : []))).toEqual([
      [6, 10],
    ])
    expect(seqsOf(outputs)).toEqual([10])
  })
})

describe('authors that leave holes', () => {
  it(`are filled ${MAX_FILLINGS} at a time, and push out nothing that others promised`, () => {
    const bench = createBench(trees)
    bench.tell(2, 'have', [recordOf(101), recordOf(103)])
    for (let index = 0; index < MAX_FILLINGS + 20; index++) {
      const by = createIdentity({ seed: new Uint8Array(32).fill(index >> 8, 0, 1).fill(index & 255, 1) })
      for (const seq of [0, 2]) bench.record(1, recordOf(seq, 5, by))
    }
    const questions = asked(bench.timer(500)) as [number, number, number][]
    expect(questions.filter(([, first]) => first === 1)).toHaveLength(MAX_FILLINGS)
    expect(questions.filter(([, first]) => first > 100)).toHaveLength(2)
  })
})
