// Messages on which the application says its word late, and not in their order: they are here, so nothing overtakes them.

import { describe, expect, it } from 'vitest'
import { encodeFrame, type Output, trees, type Verdict } from '../src/machine.js'
import { author, createBench, helloOf, recordOf, seqsOf } from './frame-bench.js'

const ticketOf = (outputs: readonly Output[]): number =>
  outputs.reduce((ticket, output) => (output.type === 'judge' ? output.ticket : ticket), 0)

/** A machine whose application is asked, and whose only neighbour is the author; or a few others. */
function judging(peers: number) {
  const bench = createBench(trees, peers, {}, { judges: true })
  if (peers === 0) {
    bench.machine.handle({ type: 'peer-up', peer: 1, remote: author.id, window: 1e9 }, 0)
    const hello = encodeFrame({ ...helloOf(author.id), epoch: 7 } as never)
    bench.machine.handle({ type: 'frame', peer: 1, frame: hello }, 0)
  }
  const say = (ticket: number, now: number, verdict: Verdict = 'accept') =>
    bench.machine.handle({ type: 'verdict', ticket, verdict }, now)
  return { ...bench, say }
}

describe('a message that is at the judge', () => {
  it('is not overtaken by what its author says next, though the room begins with it', () => {
    const bench = judging(0)
    const [first, second] = [5, 6].map((seq) => ticketOf(bench.record(1, recordOf(seq), 10)))
    expect(seqsOf(bench.say(second as number, 20))).toEqual([])
    expect(seqsOf(bench.say(first as number, 300))).toEqual([5, 6])
  })

  it.each([
    ['accept', [0, 1]],
    ['ignore', [1]],
  ] as const)('holds up what follows it until the word is said (%s)', (verdict, heard) => {
    const bench = judging(2)
    const [first, second] = [0, 1].map((seq) => ticketOf(bench.record(1, recordOf(seq), 10)))
    let outputs: Output[] = [...bench.say(second as number, 20)]
    for (let now = 100; now <= 10_000; now += 100) outputs = [...outputs, ...bench.timer(now)]
    expect(outputs.some(({ type }) => type === 'gap' || type === 'deliver')).toBe(false)
    outputs = [...bench.say(first as number, 10_010, verdict)]
    for (let now = 10_100; now <= 15_000; now += 100) outputs = [...outputs, ...bench.timer(now)]
    expect(seqsOf(outputs)).toEqual(heard)
  })

  it('is not waited for without end', () => {
    const bench = judging(2)
    const [, second] = [0, 1].map((seq) => ticketOf(bench.record(1, recordOf(seq), 10)))
    let outputs: Output[] = [...bench.say(second as number, 20)]
    for (let now = 1_000; now <= 62_000; now += 1_000) outputs = [...outputs, ...bench.timer(now)]
    expect(seqsOf(outputs)).toEqual([1])
  })
})
