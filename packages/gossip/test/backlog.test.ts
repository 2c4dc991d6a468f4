// Far more large records at once than one node puts together at a time: they wait for their turn, and none is forgotten.

import { describe, expect, it } from 'vitest'
import { type Engine, flood, trees } from '../src/machine.js'
import { World } from './seeded-world.js'

const RECORDS = 1_200
/** Just too large to go whole. */
const SIZE = 17_000

describe.each<[string, () => Engine]>([
  ['flood', flood],
  ['trees', trees],
])('%s', (_name, engine) => {
  const seqsOf = (world: World, node: number): number[] => (world.heard[node] ?? []).map(({ seq }) => seq)
  const all = Array.from({ length: RECORDS }, (_, seq) => seq)

  it('gives a joiner the whole past of a room that has only large records', () => {
    const world = new World(1, [engine(), engine()], (node) => (node === 1 ? 'all' : 'live'))
    for (let count = 0; count < RECORDS; count++) world.publish(0, [SIZE])
    world.link(0, 1)
    world.run(30_000)
    expect(seqsOf(world, 1)).toEqual(all)
    expect(world.faults).toEqual([])
  })

  it('spreads a burst of large records to a neighbour, and on to its own', () => {
    const world = new World(1, [engine(), engine(), engine()])
    world.link(0, 1, { bytesPerMs: 5e3 })
    world.link(1, 2, { bytesPerMs: 2e3 })
    world.run(100)
    for (let count = 0; count < RECORDS; count++) world.publish(0, [SIZE])
    world.run(60_000)
    for (const node of [1, 2]) expect(seqsOf(world, node)).toEqual(all)
    expect(world.pushed[0]?.size).toBe(RECORDS)
    expect(world.faults).toEqual([])
  })
  it.each<[string, () => 'all' | 'live']>([
    ['of the past', () => 'all'],
    ['as they are said', () => 'live'],
  ])(
    'keeps the order of large and small messages in turns, %s, though small ones are there long before',
    (_when, since) => {
      const world = new World(1, [engine(), engine()], since)
      const isPast = since() === 'all'
      if (!isPast) world.link(0, 1, { bytesPerMs: 1e3 })
      world.run(100)
      for (let count = 0; count < 300; count++) world.publish(0, [40_000, 10])
      if (isPast) world.link(0, 1, { bytesPerMs: 1e3 })
      world.run(60_000)
      expect(world.gaps).toEqual([])
      expect(seqsOf(world, 1)).toEqual(Array.from({ length: 600 }, (_, seq) => seq))
    },
  )
})
