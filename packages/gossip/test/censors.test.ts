// Records of which neighbours tell and which they never send: whoever comes and does send is to be asked before it is gone
// again, for it may be on trial for less than a second.

import { describe, expect, it } from 'vitest'
import { flood, type Output, trees } from '../src/machine.js'
import { createBench, identityOf, recordOf, sent, seqsOf } from './frame-bench.js'

const ENGINES = [
  ['flood', flood],
  ['trees', trees],
] as const

const other = identityOf(4)

/** Who is asked for what of the author, as [peer, first, count]. */
const asked = (outputs: readonly Output[]): unknown[] =>
  sent(outputs, 'pull').flatMap(({ peer, frame }) =>
    frame.type === 'pull' ? frame.ranges.map(({ first, count }) => [peer, first, count]) : [],
  )

const three = [0, 1, 2].map((seq) => recordOf(seq))

describe.each(ENGINES)('a record that neighbours tell of and never send (%s)', (_name, engine) => {
  it('is asked for at once of the next one that tells of it, while they send what others say', () => {
    const bench = createBench(engine, 4)
    for (const peer of [1, 2, 3]) bench.tell(peer, 'have', [recordOf(0)])
    const inVain: unknown[] = []
    for (let at = 100; at <= 4_000; at += 100) {
      for (const peer of [1, 2, 3]) inVain.push(...asked(bench.record(peer, recordOf(at / 100, 5, other), at)))
      inVain.push(...asked(bench.timer(at)))
    }
    expect(new Set(inVain.map(String))).toEqual(new Set(['1,0,1', '2,0,1', '3,0,1']))
    const outputs = [...bench.tell(4, 'have', [recordOf(0)], 4_010), ...bench.timer(4_010)]
    expect(asked(outputs)).toEqual([[4, 0, 1]])
  })

  it('is asked for of a ninth, though no more than eight are remembered as having it', () => {
    const bench = createBench(engine, 10)
    for (let peer = 1; peer <= 8; peer++) bench.tell(peer, 'have', [recordOf(0)])
    for (let at = 0; at <= 3_000; at += 50) bench.timer(at)
    const outputs = [...bench.tell(9, 'have', [recordOf(0)], 3_010), ...bench.timer(3_010)]
    expect(asked(outputs)).toEqual([[9, 0, 1]])
    expect(seqsOf(bench.record(2, recordOf(0), 3_020))).toEqual([0])
  })

  it('is asked for of everyone that comes and holds it in bulk, and taken of the first that sends it', () => {
    const bench = createBench(engine, 7)
    for (const peer of [1, 2, 3]) bench.tellRun(peer, three)
    for (let at = 0; at <= 1_200; at += 50) bench.timer(at)
    for (const peer of [4, 5, 6]) {
      const at = 2_000 + 10 * peer
      expect(asked([...bench.tellRun(peer, three, at), ...bench.timer(at)])).toEqual([[peer, 0, 3]])
    }
    const outputs = three.flatMap((record) => [...bench.record(5, record, 2_100)])
    expect(seqsOf(outputs)).toEqual([0, 1, 2])
    expect(asked([...bench.tellRun(7, three, 2_110), ...bench.timer(2_110), ...bench.timer(60_000)])).toEqual([])
  })

  it('is asked for of one at a time as long as not several were silent', () => {
    const bench = createBench(engine, 4)
    for (const peer of [1, 2, 3]) bench.tellRun(peer, three)
    expect(asked(bench.timer(400))).toEqual([[2, 0, 3]])
    expect(asked([...bench.tellRun(4, three, 500), ...bench.timer(500)])).toEqual([])
  })
})
