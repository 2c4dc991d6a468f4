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
})
