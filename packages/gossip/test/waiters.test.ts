// What a neighbour asks for and this node waits for itself; and how long it waits for whoever owes an answer.

import { describe, expect, it } from 'vitest'
import { flood, type Output, trees } from '../src/machine.js'
import { OWED_MS } from '../src/repair/fillings.js'
import { MAX_WAITING } from '../src/repair/waiters.js'
import { author, createBench, nameOf, peersOf, recordOf, sent, seqsOf } from './frame-bench.js'

const ENGINES = [
  ['flood', flood],
  ['trees', trees],
] as const
/** Who sent what follows the hole, who asks, and a bystander. */
const [SENDER, ASKER, OTHER] = [1, 2, 3]

const gapsOf = (outputs: readonly Output[]): unknown[] =>
  outputs.flatMap((output) => (output.type === 'gap' ? [[output.gap.from, output.gap.to]] : []))
const recordsTo = (outputs: readonly Output[], peer: number): number =>
  sent(outputs, 'record').filter((one) => one.peer === peer).length

/** A machine that misses number 1, of a place that its neighbours call 0. */
function holed(engine: typeof flood | typeof trees, peers = 3) {
  const bench = createBench(engine, peers)
  for (let peer = 1; peer <= peers; peer++) bench.send(peer, nameOf(author.id))
  for (const seq of [0, 2]) bench.record(SENDER, recordOf(seq))
  const say = (peer: number, type: 'pull' | 'none', now: number) => [
    ...bench.send(peer, { type, ranges: [{ name: 0, first: 1, count: 1 }] }, now),
    ...bench.timer(now),
  ]
  /** All that happens from one time on and before another, with a timer every tenth of a second. */
  const play = (from: number, to: number): readonly Output[] => {
    const outputs: Output[] = []
    for (let now = from; now < to; now += 100) outputs.push(...bench.timer(now))
    return outputs
  }
  return { ...bench, say, play }
}

describe.each(ENGINES)('a neighbour that asks for what this node waits for (%s)', (_name, engine) => {
  it('is answered when it is here', () => {
    const bench = holed(engine)
    const asked = bench.say(ASKER, 'pull', 50)
    expect([recordsTo(asked, ASKER), peersOf(asked, 'none')]).toEqual([0, []])
    expect(recordsTo([...bench.record(SENDER, recordOf(1), 80), ...bench.timer(90)], ASKER)).toBe(1)
  })

  it('is told that it is not here once it is given up', () => {
    const bench = holed(engine, 2)
    bench.say(ASKER, 'pull', 50)
    bench.play(100, 300)
    const outputs = [...bench.say(SENDER, 'none', 300), ...bench.play(400, 3_000)]
    expect(gapsOf(outputs)).toEqual([[1, 2]])
    expect(peersOf(outputs, 'none')).toEqual([ASKER])
  })

  it(`may have ${MAX_WAITING} questions wait, and is told that more is not here`, () => {
    const bench = holed(engine)
    let outputs: readonly Output[] = []
    for (let turn = 0; turn < MAX_WAITING; turn++) outputs = bench.say(ASKER, 'pull', 50)
    expect(peersOf(outputs, 'none')).toEqual([])
    expect(peersOf([...bench.say(ASKER, 'pull', 50), ...bench.timer(100)], 'none')).toEqual([ASKER])
    expect(peersOf(bench.say(OTHER, 'pull', 100), 'none')).toEqual([])
  })

  it('does not wait for what was missing already when this node was here before: that may stay open for good', () => {
    const bench = createBench(engine, 0)
    const records = [0, 2].map((seq) => ({ record: recordOf(seq), receivedAt: 0, at: -1_000 }))
    bench.machine.handle({ type: 'restore', records, since: 'live' }, 0)
    bench.up(ASKER)
    bench.send(ASKER, nameOf(author.id))
    const asked = bench.send(ASKER, { type: 'pull', ranges: [{ name: 0, first: 1, count: 1 }] }, 50)
    expect(peersOf([...asked, ...bench.timer(50)], 'none')).toEqual([ASKER])
  })
})

describe.each(ENGINES)('a hole (%s)', (_name, engine) => {
  it('is waited for while whoever sent what follows owes an answer, and no longer than a dead link lives', () => {
    const bench = holed(engine)
    expect(gapsOf(bench.play(100, OWED_MS))).toEqual([])
    expect(gapsOf(bench.play(OWED_MS, OWED_MS + 2_000))).toEqual([[1, 2]])
  })

  it('is filled however late the answer is, in order', () => {
    const bench = holed(engine)
    bench.play(100, 20_000)
    expect(seqsOf(bench.record(SENDER, recordOf(1), 20_000))).toEqual([1, 2])
  })

  it('is not kept open by others that are silent', () => {
    const bench = holed(engine)
    bench.play(100, 300)
    const outputs = [...bench.say(SENDER, 'none', 300), ...bench.play(400, 4_000)]
    expect(gapsOf(outputs)).toEqual([[1, 2]])
  })

  it('is not kept open by who was asked for it and says the same over and over', () => {
    const bench = createBench(engine, 2)
    for (const seq of [0, 9]) bench.record(SENDER, recordOf(seq))
    const outputs = [...bench.timer(100), ...bench.record(SENDER, recordOf(5), 150)]
    for (let now = 200; now < OWED_MS + 2_000; now += 200) {
      outputs.push(...bench.timer(now), ...bench.record(SENDER, recordOf(5), now))
    }
    expect(gapsOf(outputs)).toEqual([[1, 5]])
  })

  it('is still owed when its end has come of itself', () => {
    const bench = createBench(engine)
    for (const seq of [0, 3]) bench.record(SENDER, recordOf(seq))
    bench.timer(100)
    bench.record(SENDER, recordOf(2), 200)
    const told: Output[] = []
    for (let now = 200; now < 20_000; now += 100) told.push(...bench.timer(now))
    expect(gapsOf(told)).toEqual([])
    expect(seqsOf(bench.record(SENDER, recordOf(1), 20_000))).toEqual([1, 2, 3])
  })

  it('is asked of whoever sent what follows if another promised it and does not send it', () => {
    const bench = holed(engine)
    bench.tell(OTHER, 'have', [recordOf(1)], 0)
    expect(peersOf(bench.play(100, 1_100), 'pull')).not.toContain(SENDER)
    expect(peersOf(bench.play(1_100, 1_400), 'pull')).toContain(SENDER)
    expect(gapsOf(bench.play(1_400, 20_000))).toEqual([])
  })

  it('is not given up while there is nobody to ask, nor before who comes then had time to answer', () => {
    const bench = holed(engine, 1)
    bench.play(100, 500)
    bench.machine.handle({ type: 'peer-down', peer: SENDER }, 500)
    expect(gapsOf(bench.play(500, 20_000))).toEqual([])
    bench.up(OTHER, 20_000)
    expect(gapsOf(bench.play(20_000, 20_900))).toEqual([])
    expect(gapsOf(bench.play(20_900, 23_000))).toEqual([[1, 2]])
  })

  it('is told in the end to who stays alone', () => {
    const bench = holed(engine, 1)
    bench.machine.handle({ type: 'peer-down', peer: SENDER }, 500)
    expect(gapsOf(bench.play(500, 62_000))).toEqual([[1, 2]])
  })
})
