// What a neighbour shows by the records that it hands over: told once for each author, never for what it has from this node.

import { CHUNK_BYTES } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { Showings } from '../src/machine/showings.js'
import type { Frame, Output } from '../src/machine.js'
import { author, createBench, helloOf, identityOf, nameOf, peersOf, recordOf, sent } from './frame-bench.js'
import { headFrame } from './large-scene.js'
import { ENGINES } from './network.js'

const remoteOf = (peer: number) => identityOf(100 + peer).id
const shownBy = (outputs: readonly Output[]) =>
  outputs.flatMap((output) => (output.type === 'shown' ? [[output.remote, output.author]] : []))

describe.each(ENGINES)('a neighbour of %s', (_name, engine) => {
  it('shows whose records it passes on, once for each author', () => {
    const bench = createBench(engine)
    expect(shownBy(bench.record(1, recordOf(0)))).toEqual([[remoteOf(1), author.id]])
    expect(shownBy(bench.record(1, recordOf(1)))).toEqual([])
    const other = identityOf(4)
    expect(shownBy(bench.record(1, recordOf(0, 5, other)))).toEqual([[remoteOf(1), other.id]])
  })

  it('shows nothing by what it says itself', () => {
    const bench = createBench(engine)
    expect(shownBy(bench.record(1, recordOf(0, 5, identityOf(101))))).toEqual([])
  })

  it('shows nothing by giving back what it was sent', () => {
    const bench = createBench(engine)
    expect(peersOf(bench.record(1, recordOf(0)), 'record')).toContain(2)
    expect(shownBy(bench.record(2, recordOf(0)))).toEqual([])
  })

  it('is asked once for what it tells of and is here already, and shows it by the answer', () => {
    const bench = createBench(engine, 1, {}, { doubts: true })
    bench.record(1, recordOf(0))
    bench.record(1, recordOf(1))
    bench.up(2)
    const asked = [recordOf(0), recordOf(1)].flatMap((record) => peersOf(bench.tell(2, 'have', [record]), 'pull'))
    expect(asked).toEqual([2])
    expect(shownBy(bench.record(2, recordOf(0), 5))).toEqual([[remoteOf(2), author.id]])
  })

  it('is asked to show no more than two large batches, of however many authors', () => {
    const bench = createBench(engine, 1, {}, { doubts: true })
    const records = [4, 5, 6, 7].map((seed) => recordOf(0, 16_000, identityOf(seed)))
    for (const record of records) bench.record(1, record)
    const { id: remote } = identityOf(102)
    bench.machine.handle({ type: 'peer-up', peer: 2, remote, window: 1e9 }, 0)
    const heads = records.map(({ header: { author, epoch } }) => ({ author, epoch, next: 1 }))
    const asked = sent(bench.send(2, { ...helloOf(remote), heads } as Frame), 'pull')
    expect(asked.flatMap(({ frame }) => (frame.type === 'pull' ? frame.ranges : []))).toHaveLength(2)
  })

  it('shows nothing by giving back what it was given in parts', () => {
    const bench = createBench(engine, 1)
    const record = recordOf(0, 3 * CHUNK_BYTES)
    bench.record(1, record)
    bench.up(2)
    bench.send(2, nameOf(author.id))
    const given = bench.send(2, { type: 'wanted', name: 0, first: 0, parts: [{ from: 0, to: 4 }] })
    expect(peersOf(given, 'part')).toContain(2)
    expect(shownBy(bench.send(2, headFrame(record)))).toEqual([])
  })
})

describe('what is remembered of a neighbour', () => {
  it('is of 64 authors, and sixteen are asked about', () => {
    const showings = new Showings()
    const authors = Array.from({ length: 100 }, (_, index) => identityOf(index + 1).id)
    expect(authors.filter((each) => showings.ask(each, 100)).length).toBe(16)
    expect(authors.filter((each) => showings.show(each)).length).toBe(64)
  })

  it('is which of the latest 128 arrivals it was given', () => {
    const showings = new Showings()
    showings.give(0)
    expect(showings.isForeign(0, 1)).toBe(false)
    expect(showings.isForeign(1, 2)).toBe(true)
    expect(showings.isForeign(1, 130)).toBe(false)
    showings.give(128)
    expect(showings.isForeign(0, 129)).toBe(false)
  })
})
