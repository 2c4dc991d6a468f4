import { type Crypto, createIdentity, createTopic, type PeerId, seededRandom, sodiumCrypto } from '@hearsay/core'
import { type Engine, flood, trees } from '@hearsay/gossip/machine'
import { describe, expect, it } from 'vitest'
import { Audit, EventQueue, type Happening, SimulatedNetwork, simulate, simulatedCrypto } from '../src/index.js'

/**
 * Seeds of the slice that runs here; `npm run test:long` runs more. Seed 2 stays for ever: with it a cut took the very first
 * record of an author, which was then begun in the middle.
 */
const SEEDS = Array.from({ length: 6 }, (_, index) => index + 1)

/** Real signatures for a few seeds, simulated ones for the others: the machines cannot tell. */
const cryptoFor = (seed: number): Crypto => (seed <= 2 ? sodiumCrypto() : simulatedCrypto())

const ENGINES = [
  ['flood', flood],
  ['trees', trees],
] as const

describe.each(ENGINES)('%s in virtual time', (_name, engineOf) => {
  const engine = engineOf()

  it.each(SEEDS)('delivers everything to everybody, once and in order (seed %i)', (seed) => {
    const report = simulate({ seed, engine, crypto: cryptoFor(seed) })
    expect(report).toMatchObject({ violations: [], missed: 0, gaps: 0, delivered: report.expected })
  })

  it.each(SEEDS)('loses nothing when links fail and come back (seed %i)', (seed) => {
    const report = simulate({ seed, cuts: 40, engine, crypto: cryptoFor(seed) })
    expect(report).toMatchObject({ violations: [], missed: 0, gaps: 0, delivered: report.expected })
  })

  it('gives the same trace for the same seed, and another for another', () => {
    const traces = [7, 7, 8].map((seed) => simulate({ seed, nodes: 8, messages: 20, cuts: 5, engine }).trace)
    expect(traces[0]).toBe(traces[1])
    expect(traces[2]).not.toBe(traces[0])
  })
})

it('gives these traces for seed 1 on every machine and Node version', () => {
  const traceOf = (engine: Engine): string => simulate({ seed: 1, nodes: 8, messages: 20, cuts: 5, engine }).trace
  expect(traceOf(flood())).toMatchInlineSnapshot(`"f6850bec7098e448b2bb89a1255701ab"`)
  expect(traceOf(trees())).toMatchInlineSnapshot(`"ec53d504f813c15dfbe3099d424a7f81"`)
})

describe('a run', () => {
  const identities = [1, 2].map((seed) => createIdentity({ seed: new Uint8Array(32).fill(seed) }))

  it('that stops half-way goes on without losing what was next, and never back in time', () => {
    const times: number[] = []
    const options = { topic: createTopic('test'), identities, engine: flood(), crypto: sodiumCrypto() }
    const latencyMs = [1, 2] as const
    const network = new SimulatedNetwork({ ...options, random: seededRandom(1), latencyMs, onHappening: () => {} })
    const note = (): unknown => times.push(network.now)
    for (const time of [10, 20, 30]) network.at(time, note)
    expect(network.run(15)).toBe(false)
    expect(network.run(25)).toBe(false)
    network.at(5, note)
    expect(network.run(100)).toBe(true)
    expect(times).toEqual([10, 20, 20, 30])
  })

  it('of one node alone is at rest, whatever is to be cut', () => {
    expect(simulate({ seed: 1, nodes: 1, messages: 5, cuts: 3 })).toMatchObject({
      violations: [],
      missed: 0,
      expected: 0,
    })
  })
})

describe('simulated signatures', () => {
  it('are made by their key alone, over their message alone, and mean nothing to another simulation', () => {
    const crypto = simulatedCrypto()
    const message = new TextEncoder().encode('hello')
    const [a, b] = [crypto.keyPair(new Uint8Array(32).fill(1)), crypto.keyPair(new Uint8Array(32).fill(2))]
    const signature = crypto.sign(message, a.secretKey)
    expect(crypto.verify(signature, message, a.publicKey)).toBe(true)
    expect(crypto.verify(signature, message, b.publicKey)).toBe(false)
    expect(crypto.verify(crypto.sign(message, b.secretKey), message, a.publicKey)).toBe(false)
    expect(simulatedCrypto().verify(signature, message, a.publicKey)).toBe(false)
    for (let bit = 0; bit < 512; bit++) {
      const changed = Uint8Array.from(signature)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(crypto.verify(changed, message, a.publicKey)).toBe(false)
    }
  })
})

describe('the audit', () => {
  const [author, node] = [1, 2].map((seed) => createIdentity({ seed: new Uint8Array(32).fill(seed) }).id)
  const ids = [author, node] as PeerId[]
  const gap = (from: number, to: number): Happening => ({
    type: 'gap',
    node: 1,
    gap: { author: ids[0] as PeerId, epoch: 1, from, to },
  })

  it('counts as missing what a gap told, for it was not delivered', () => {
    const audit = new Audit(ids)
    audit.note({ type: 'published', node: 0, from: 0, to: 5 })
    audit.note(gap(0, 3))
    expect(audit.missing()).toBe(5)
    expect(audit.tally).toMatchObject({ gaps: 1, violations: [] })
  })

  it('takes a gap for a broken promise that does not begin where deliveries ended', () => {
    const audit = new Audit(ids)
    audit.note(gap(2, 3))
    expect(audit.tally.violations).toHaveLength(1)
  })
})

describe('the event queue', () => {
  it('answers events by time, and those of one time as they were added', () => {
    const random = seededRandom(3)
    const queue = new EventQueue<number>()
    const added = Array.from({ length: 2_000 }, (_, order) => ({ at: random.below(50), order }))
    for (const { at, order } of added) queue.add(at, order)
    const taken = Array.from({ length: 2_000 }, () => queue.take())
    const sorted = [...added].sort((a, b) => a.at - b.at || a.order - b.order)
    expect(taken.map((entry) => entry?.event)).toEqual(sorted.map(({ order }) => order))
    expect(queue.take()).toBeUndefined()
  })
})
