// Author trees: what is pushed, what is only told of, who is asked to stop, and what happens when a parent is lost.

import { createIdentity, type PeerId } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { markOf } from '../src/machine/arrivals.js'
import { type Frame, type Output, trees } from '../src/machine.js'
import { TreeAuthors } from '../src/spread/tree-authors.js'
import { TreeLink } from '../src/spread/tree-link.js'
import { author, createBench, helloOf, identityOf, nameOf, peersOf, recordOf, sent, wakeOf } from './frame-bench.js'
import { at } from './network.js'

describe('trees', () => {
  it('push a small record of an unknown author to all but its sender, and only offer a large one', () => {
    const bench = createBench(trees, 4)
    expect(peersOf(bench.record(1, recordOf(0)), 'record')).toEqual([2, 3, 4])
    const large = recordOf(0, 5_000, identityOf(4))
    const outputs = bench.record(1, large)
    expect(peersOf(outputs, 'record')).toEqual([])
    expect(peersOf(outputs, 'run')).toEqual([2, 3, 4])
  })

  it('tell a neighbour that sends what is here already to stop, and only tell it of later records', () => {
    const bench = createBench(trees, 3)
    bench.record(1, recordOf(0))
    bench.record(2, recordOf(0), 1)
    const pruned = bench.timer(11)
    expect(peersOf(pruned, 'prune')).toEqual([2])
    const next = bench.record(1, recordOf(1), 20)
    expect(peersOf(next, 'record')).toEqual([3])
    expect(peersOf(bench.timer(30), 'have')).toEqual([2])
  })

  it('do not tell of a record to who told of it meanwhile', () => {
    const bench = createBench(trees, 3)
    bench.record(1, recordOf(0))
    bench.record(2, recordOf(0), 1)
    bench.timer(11)
    bench.record(1, recordOf(1), 20)
    bench.tell(2, 'have', [recordOf(1)], 25)
    expect(sent(bench.timer(30), 'have')).toEqual([])
  })

  /** The second neighbour is to be told of a record at 30, and takes nothing from 21 on. */
  function blocked(): ReturnType<typeof createBench> {
    const bench = createBench(trees, 3)
    bench.record(1, recordOf(0))
    bench.record(2, recordOf(0), 1)
    bench.timer(11)
    bench.record(1, recordOf(1), 20)
    bench.machine.handle({ type: 'window', peer: 2, bytes: 0 }, 21)
    return bench
  }

  it('tell a neighbour that took nothing for a while what it should hear, when it takes something again', () => {
    const bench = blocked()
    expect(peersOf(bench.timer(40), 'have')).toEqual([])
    expect(wakeOf(bench.timer(41))).toBeNull()
    expect(peersOf(bench.machine.handle({ type: 'window', peer: 2, bytes: 1e6 }, 50), 'have')).toEqual([2])
  })

  it('tell it on time, if it takes something again before that', () => {
    const bench = blocked()
    bench.send(3, nameOf(author.id), 22)
    expect(peersOf(bench.send(3, { type: 'pull', ranges: [{ name: 0, first: 7, count: 1 }] }, 22), 'none')).toEqual([3])
    const again = bench.machine.handle({ type: 'window', peer: 2, bytes: 1e6 }, 23)
    expect(peersOf(again, 'have')).toEqual([])
    expect(peersOf(bench.timer(30), 'have')).toEqual([2])
  })

  it('stop pushing to who asks for it, and begin again when it asks for a record', () => {
    const bench = createBench(trees, 2)
    bench.record(1, recordOf(0))
    bench.send(2, nameOf(author.id))
    bench.send(2, { type: 'prune', names: [0] })
    expect(peersOf(bench.record(1, recordOf(1)), 'record')).toEqual([])
    expect(peersOf(bench.send(2, { type: 'pull', ranges: [{ name: 0, first: 1, count: 1 }] }), 'record')).toEqual([2])
    expect(peersOf(bench.record(1, recordOf(2)), 'record')).toEqual([2])
  })

  it('do not prune who was only late with a record that was asked for elsewhere', () => {
    const bench = createBench(trees, 3)
    bench.record(1, recordOf(0), 0)
    bench.tell(2, 'have', [recordOf(1)], 100)
    expect(peersOf(bench.timer(140), 'pull')).toEqual([2])
    bench.record(2, recordOf(1), 150)
    bench.record(1, recordOf(1), 155)
    expect(sent(bench.timer(170), 'prune')).toEqual([])
    bench.record(1, recordOf(2), 200)
    bench.record(2, recordOf(2), 205)
    expect(peersOf(bench.timer(220), 'prune')).toEqual([2])
  })

  it('tell of what was recovered together, and push it to nobody: others recover it too', () => {
    const bench = createBench(trees, 3)
    bench.record(2, recordOf(0))
    bench.tellRun(1, [recordOf(1), recordOf(2)])
    const outputs = [1, 2].flatMap((seq) => [...bench.record(1, recordOf(seq), 5)])
    expect([peersOf(outputs, 'run'), peersOf(outputs, 'record')]).toEqual([[], []])
    const told = sent(bench.timer(15), 'run').map(({ peer, frame }) => [peer, frame.type === 'run' && frame.runs])
    const run = { name: 0, first: 1, count: 2, last: 1, mark: markOf(recordOf(2)) }
    expect(told).toEqual([2, 3].map((peer) => [peer, [expect.objectContaining({ ...run, name: expect.any(Number) })]]))
  })

  it('tell a newcomer of everything earlier at once, however much it is', () => {
    const bench = createBench(trees, 1)
    for (let seq = 0; seq < 800; seq++) bench.record(1, recordOf(seq))
    bench.machine.handle({ type: 'peer-up', peer: 2, remote: identityOf(102).id, window: 1e9 }, 9)
    const hello: Frame = { ...(helloOf(identityOf(102).id) as Extract<Frame, { type: 'hello' }>), since: 'all' }
    const runs = sent(bench.send(2, hello, 9), 'run').map(({ frame }) => frame.type === 'run' && frame.runs)
    expect(runs).toEqual([[{ name: 0, first: 0, count: 800, last: 1, mark: markOf(recordOf(799)) }]])
  })

  it('offer a newcomer 512 earlier large records, and 256 more when it says so', () => {
    const bench = createBench(trees, 1)
    for (let seq = 0; seq < 800; seq++) bench.record(1, recordOf(seq, 17_000))
    bench.machine.handle({ type: 'peer-up', peer: 2, remote: identityOf(102).id, window: 1e9 }, 9)
    const offered = (outputs: readonly Output[]): number =>
      sent(outputs, 'offer').reduce((sum, { frame }) => sum + (frame.type === 'offer' ? frame.ranges.length : 0), 0)
    const hello: Frame = { ...(helloOf(identityOf(102).id) as Extract<Frame, { type: 'hello' }>), since: 'all' }
    expect(offered(bench.send(2, hello, 9))).toBe(512)
    expect(offered(bench.timer(5_000))).toBe(0)
    const more: Frame = { type: 'pull', ranges: [] }
    expect([1, 2, 3].map((turn) => offered(bench.send(2, more, 5_000 + turn)))).toEqual([256, 32, 0])
  })

  it('ask to be sent everything again when many links go at once', () => {
    const bench = createBench(trees, 4)
    bench.machine.handle({ type: 'peer-down', peer: 1 }, 0)
    expect(peersOf(bench.machine.handle({ type: 'peer-down', peer: 2 }, 1), 'graft')).toEqual([3, 4])
  })

  it('tell again, ever later, a neighbour that does not mind', () => {
    const bench = createBench(trees, 2)
    const prunes: number[] = []
    for (let seq = 0; seq < 100; seq++) {
      const now = seq * 100
      bench.record(1, recordOf(seq), now)
      bench.record(2, recordOf(seq), now + 1)
      prunes.push(...peersOf(bench.timer(now + 20), 'prune'))
    }
    expect(prunes.length).toBeGreaterThan(1)
    expect(prunes.length).toBeLessThanOrEqual(6)
  })

  it('take a neighbour beside the parent that is always earlier, and prune whoever is later then', () => {
    const bench = createBench(trees, 2)
    const grafted: number[] = []
    bench.record(1, recordOf(0), 0)
    bench.record(2, recordOf(0), 1)
    for (let seq = 1; seq <= 3; seq++) {
      bench.tell(2, 'have', [recordOf(seq)], seq * 100)
      grafted.push(...peersOf(bench.record(1, recordOf(seq), seq * 100 + 8), 'graft'))
    }
    expect(grafted).toEqual([2])
    bench.record(2, recordOf(4), 400)
    bench.record(1, recordOf(4), 408)
    expect(peersOf(bench.timer(420), 'prune')).toContain(1)
  })

  it('flood the next record of each author when pushes of two parents failed, and ask to be sent all again; once in 30 s', () => {
    const authors = [identityOf(40), identityOf(41)]
    const bench = createBench(trees, 4)
    const storms: number[] = []
    const repair = (index: number, seq: number, now: number): void => {
      const record = recordOf(seq, 5, at(authors, index))
      const ranges = [{ name: index, first: seq, count: 1, mark: markOf(record) }]
      bench.send(4, { type: 'have', ranges }, now)
      bench.timer(now + 50)
      storms.push(...peersOf(bench.record(4, record, now + 60), 'graft'))
    }
    for (const [index, one] of authors.entries()) {
      bench.send(4, nameOf(one.id), 0)
      bench.record(index + 1, recordOf(0, 5, one), 0)
      bench.record(3, recordOf(0, 5, one), 1)
    }
    repair(0, 1, 100)
    repair(1, 1, 200)
    expect(storms).toEqual([1, 2, 3, 4])
    expect(peersOf(bench.record(1, recordOf(2, 5, at(authors, 0)), 300), 'record')).toEqual([2, 3, 4])
  })

  it('honour the wish for all authors once in 30 s', () => {
    const bench = createBench(trees, 2)
    const pushedTo = (seq: number, now: number): number[] => {
      const before = peersOf(bench.record(1, recordOf(seq), now), 'record')
      bench.send(2, { type: 'prune', names: [0] }, now)
      return before
    }
    bench.send(2, nameOf(author.id))
    pushedTo(0, 0)
    bench.send(2, { type: 'graft', names: [] }, 1)
    expect(pushedTo(1, 2)).toEqual([2])
    bench.send(2, { type: 'graft', names: [] }, 3)
    expect(pushedTo(2, 4)).toEqual([])
    bench.send(2, { type: 'graft', names: [] }, 30_001)
    expect(pushedTo(3, 30_002)).toEqual([2])
  })

  it('flood no more than 100 new authors of one link at once; of the others they only tell', () => {
    const bench = createBench(trees, 3)
    const ways = { record: 0, run: 0 }
    for (let seed = 0; seed < 120; seed++) {
      const outputs = bench.record(1, recordOf(0, 5, createIdentity()), 0)
      if (peersOf(outputs, 'record').length > 0) ways.record++
      if (peersOf(outputs, 'run').length > 0) ways.run++
    }
    expect(ways).toEqual({ record: 100, run: 20 })
  })

  it('remember authors and prunes up to a bound', () => {
    const authors = new TreeAuthors(10)
    const link = new TreeLink()
    for (let index = 0; index < 10_000; index++) {
      authors.open(`author ${index}` as PeerId, () => false)
      authors.open('author 0' as PeerId, () => false)
      link.mayPrune(`author ${index}` as PeerId, 0)
    }
    expect(authors.account.entries).toBe(10)
    expect(authors.find('author 0' as PeerId)).toBeDefined()
    expect(link.mayPrune('author 0' as PeerId, 1)).toBe(true)
    expect(link.mayPrune('author 9999' as PeerId, 1)).toBe(false)
  })

  it('a prune of authors that are not known is nothing to remember', () => {
    const bench = createBench(trees, 2)
    for (let index = 0; index < 2_000; index++) {
      bench.send(2, nameOf(author.id, index))
      bench.send(2, { type: 'prune', names: [index % 1_024] })
    }
    expect(peersOf(bench.record(1, recordOf(0)), 'record')).toEqual([2])
  })
})
