// Neighbours that claim much: what they can make this node do, and what one of them cannot keep others from doing.

import { describe, expect, it, vi } from 'vitest'
import { ArrivalLog } from '../src/machine/arrivals.js'
import { type Output, trees } from '../src/machine.js'
import { IntervalSet } from '../src/order/intervals.js'
import { Claim } from '../src/repair/claim.js'
import { DueQueue } from '../src/repair/due-queue.js'
import { MAX_FETCHES, Runs } from '../src/repair/runs.js'
import { createBench, identityOf, recordOf, sent, seqsOf } from './frame-bench.js'

const sourceOf = (epoch: number) => ({ author: identityOf(3).id, epoch })
const recordsTo = (end: number) => Array.from({ length: end }, (_, index) => recordOf(index))
const rangeOf = (epoch: number, first = 0, count = 5) => ({ source: sourceOf(epoch), first, count })

/** Runs of a node that has what `here` says, and what they ask: [peer, epoch, first]. */
function createRuns(here: ReadonlyMap<number, IntervalSet> = new Map()) {
  const asked: [peer: number, epoch: number, first: number][] = []
  const runs = new Runs({
    missingIn: ({ epoch }, [from, to]) => {
      let low = from
      for (const [known, after] of here.get(epoch)?.ranges ?? []) {
        if (known > low) return low < to ? [low, Math.min(known, to)] : null
        low = Math.max(low, after)
      }
      return low < to ? [low, to] : null
    },
    ask: (peer, { source, first }) => asked.push([peer, source.epoch, first]),
    settled: () => {},
  })
  for (const peer of [1, 2]) runs.up(peer)
  return { runs, asked }
}

describe('a neighbour that has enough to send', () => {
  it('is asked for what waited behind places that came another way meanwhile', () => {
    const here = new Map<number, IntervalSet>()
    const { runs, asked } = createRuns(here)
    const last = 3 * MAX_FETCHES
    for (let epoch = 0; epoch <= last; epoch++) runs.claim(1, sourceOf(epoch), [0, 5], 0)
    runs.expire(0)
    for (let epoch = 0; epoch < last; epoch++) {
      const come = new IntervalSet()
      come.add(0, 5)
      here.set(epoch, come)
    }
    for (let epoch = 0; epoch < MAX_FETCHES; epoch++) runs.arrived(1, rangeOf(epoch), 10)
    runs.expire(10)
    expect(asked.slice(MAX_FETCHES)).toEqual([[1, last, 0]])
  })
})

describe('a neighbour that was asked', () => {
  it('keeps nobody else from being asked by sending the same again and again', () => {
    const bench = createBench(trees, 2)
    bench.tellRun(1, recordsTo(3))
    bench.tellRun(2, recordsTo(3))
    let outputs: Output[] = []
    for (let now = 100; now <= 5_000; now += 300) outputs = [...outputs, ...bench.record(1, recordOf(0), now)]
    expect(sent(outputs, 'pull').map(({ peer }) => peer)).toEqual([2])
  })

  it('goes on when its answer comes late, and is asked again as soon as if it had been in time', () => {
    const { runs, asked } = createRuns()
    runs.claim(1, sourceOf(0), [0, 5], 0)
    for (const now of [0, 400]) runs.expire(now)
    expect(runs.arrived(1, rangeOf(0, 0, 1), 500).isAsked).toBe(true)
    for (let now = 500; now <= 2_000; now += 100) runs.expire(now)
    expect(runs.arrived(1, rangeOf(0, 1, 1), 2_000).isAsked).toBe(true)
    expect(asked).toEqual([[1, 0, 0]])
  })

  it('is not asked again for what it says late that it does not have', () => {
    const { runs, asked } = createRuns()
    runs.claim(1, sourceOf(0), [0, 5], 0)
    for (const now of [0, 400]) runs.expire(now)
    runs.none(1, rangeOf(0), 500)
    for (let now = 500; now <= 60_000; now += 500) runs.expire(now)
    expect(asked).toEqual([[1, 0, 0]])
  })

  it('is believed to have sent what was asked for when it comes after another was asked', () => {
    const { runs, asked } = createRuns()
    for (const peer of [1, 2]) runs.claim(peer, sourceOf(0), [0, 5], 0)
    for (const now of [0, 400]) runs.expire(now)
    expect(runs.arrived(1, rangeOf(0, 0, 1), 500).isAsked).toBe(true)
    expect(asked.map(([peer]) => peer)).toEqual([1, 2])
  })
})

describe('what a neighbour claims', () => {
  it('is not what lies between, however many pieces it has', () => {
    const { runs } = createRuns()
    for (let first = 0; first < 400; first += 10) runs.claim(1, sourceOf(0), [first, first + 5], 0)
    expect(runs.arrived(2, rangeOf(0, 5, 5), 0).holders).toEqual([])
    expect(runs.isClaimed(sourceOf(0), [390, 395])).toBe(true)
  })

  it('is not claimed again once it said that it does not have it', () => {
    const claim = new Claim(0)
    for (let first = 0; first < 1_600; first += 100) claim.add([first, first + 50])
    claim.takeOut([20, 30], ([from, to]) => from < to && to > 20)
    expect(claim.overlaps([20, 30])).toBe(false)
    expect(claim.overlaps([30, 50])).toBe(true)
  })

  it('takes no memory each time that it is claimed again', () => {
    const add = vi.spyOn(DueQueue.prototype, 'add')
    const { runs } = createRuns()
    runs.claim(1, sourceOf(0), [0, 5], 0)
    for (const now of [0, 400]) runs.expire(now)
    const before = add.mock.calls.length
    for (let turn = 0; turn < 1_000; turn++) {
      runs.claim(1, sourceOf(0), [0, 6 + turn], 401)
      runs.expire(401)
    }
    expect(add.mock.calls.length - before).toBeLessThan(3)
    add.mockRestore()
  })
})

describe('runs of what is here', () => {
  it('cost no more than there are arrivals of which it is remembered who has them', () => {
    const bench = createBench(trees, 2)
    for (const record of recordsTo(1_000)) bench.record(2, record)
    const note = vi.spyOn(ArrivalLog.prototype, 'noteHolder')
    bench.tellRun(1, recordsTo(1_000))
    expect(note).toHaveBeenCalledTimes(1_000)
    const [first, last] = [recordOf(0), recordOf(999)]
    const mark = new DataView(last.id.buffer, last.id.byteOffset).getUint32(0, true)
    const run = { name: 0, first: first.header.firstSeq, count: 1_000, last: 1, mark }
    bench.send(1, { type: 'run', runs: Array.from({ length: 512 }, () => run) })
    expect(note.mock.calls.length - 1_000).toBeLessThanOrEqual(1_024)
    note.mockRestore()
    expect(seqsOf(bench.timer(10))).toEqual([])
  })
})
