// What was said before a node came, fetched over links as they are: by machines, in their own time.

import { describe, expect, it } from 'vitest'
import { trees } from '../src/machine.js'
import { World } from './seeded-world.js'

/** A node that asks for everything, and comes when another one has said so much; when it has heard so many. */
function join({ batch, latencyMs, capacity = 100_000 }: { batch: number; latencyMs: number; capacity?: number }) {
  const world = new World(1, [trees({ capacity }), trees()], (node) => (node === 1 ? 'all' : 'live'))
  for (let turn = 0; turn < 5_000 / batch; turn++) {
    world.at(turn, () =>
      world.publish(
        0,
        Array.from({ length: batch }, () => 20),
      ),
    )
  }
  return { world, link: (at: number) => world.at(at, () => world.link(0, 1, { latencyMs })) }
}

const seqs = (world: World): readonly number[] => (world.heard[1] ?? []).map(({ seq }) => seq)
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

describe('the past of a room', () => {
  it.each([3, 7, 50])('is fetched whole if its records have %i messages each', (batch) => {
    const { world, link } = join({ batch, latencyMs: 5 })
    link(10_000)
    world.run(11_000)
    const [said = 0] = world.published
    expect(seqs(world)).toEqual(numbers(0, said))
    expect(world.records).toBe(said / batch)
  })

  it('is fetched over a long way, though each answer takes longer than a silence is borne', () => {
    const { world, link } = join({ batch: 1, latencyMs: 240 })
    link(10_000)
    world.run(15_000)
    expect(seqs(world)).toEqual(numbers(0, 5_000))
    expect(world.records).toBe(5_000)
  })

  it.each([1, 3])('is fetched as far as it is still held while its beginning is pushed out (%i a record)', (batch) => {
    const { world, link } = join({ batch, latencyMs: 40, capacity: 1_500 })
    link(2_000)
    world.run(20_000)
    const [said = 0] = world.published
    const [first = said] = seqs(world)
    expect(first).toBeLessThan(2_000 * batch - 1_500 + 500 * batch)
    expect(seqs(world)).toEqual(numbers(first, said))
  })
})
