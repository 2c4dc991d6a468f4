// Scenarios: their files, their faults and adversaries, what a run reports, and how a failing one is made small. What runs here
// is a slice; HEARSAY_SCENARIO_NODES=1000 runs the shipped ones with so many nodes and prints their numbers.

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sodiumCrypto } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import {
  ENGINE_NAMES,
  parseScenario,
  propagationSvg,
  readScenario,
  reproductionText,
  runScenario,
  type Scenario,
  shrink,
  twisted,
} from '../src/index.js'

const folder = fileURLToPath(new URL('../scenarios/', import.meta.url))
const names = readdirSync(folder).map((file) => file.replace('.json', ''))
const shipped = (name: string): Scenario => parseScenario(readFileSync(`${folder}${name}.json`, 'utf8'))

const given = Number(process.env.HEARSAY_SCENARIO_NODES ?? 0)
const seeds = process.env.HEARSAY_SEEDS?.split(',').map(Number) ?? [1]
const timeout = given ? 600_000 : 30_000

/** What a scenario shows with a few nodes it shows quickly. */
function slice(scenario: Scenario): Scenario {
  if (given) return { ...scenario, nodes: given }
  const nodes = Math.min(scenario.nodes, 24)
  return { ...scenario, nodes, authors: Math.min(scenario.authors, 3), records: Math.min(scenario.records, 12) }
}

describe.each(seeds)('a scenario that ships (seed %i)', (seed) => {
  it.each(names)('%s: nothing is missed, and every invariant holds', { timeout }, (name) => {
    const report = runScenario(slice(shipped(name)), { seed })
    if (given) {
      const { propagation, missing, ...numbers } = report
      console.log(JSON.stringify(numbers))
    }
    expect(report).toMatchObject({ missed: 0, violations: [] })
    expect(report.expected).toBeGreaterThan(0)
  })
})

describe('a run', () => {
  const small = readScenario({ name: 'small', nodes: 16, authors: 3, records: 4 })

  it('has the same trace for the same seed, and another for another', () => {
    const traces = [7, 7, 8].map((seed) => runScenario(small, { seed }).trace)
    expect(traces[1]).toBe(traces[0])
    expect(traces[2]).not.toBe(traces[0])
  })

  it('has these traces for seed 1 on every machine and Node version', () => {
    const scenario = { ...small, path: { ...small.path, loss: 0.2, reorder: 0.1, bytesPerMs: 33 } }
    const traces = ENGINE_NAMES.map((engine) => runScenario(scenario, { seed: 1, engine }).trace)
    expect(traces).toMatchInlineSnapshot(`
      [
        "35f5a1876ce0ca6fb759dbffe8b10920",
        "333a3dcc0137893a792e3a64bf9a311d",
        "55802a2ff0890b47d8c3e34346fea463",
        "3c9c26f2ef9451f6c5c4cf305f642bc7",
        "fd6ad8dc0f83bb116115aca655c27360",
      ]
    `)
  })

  it('has the same deliveries with real signatures', () => {
    const [real, simulated] = [sodiumCrypto(), undefined].map((crypto) =>
      runScenario(small, { seed: 3, ...(crypto && { crypto }) }),
    )
    expect(real).toMatchObject({ missed: 0, violations: [], delivered: simulated?.delivered })
  })

  it('ends with half of the nodes when half of them crashed', () => {
    const faults = [{ type: 'crash', share: 0.5, atMs: 1_000 } as const]
    expect(runScenario({ ...small, faults }, { seed: 2 })).toMatchObject({ survivors: 8, missed: 0, violations: [] })
  })

  it.each([5, 7, 9, 11])('in which most start anew leaves no hole in what the others have (seed %i)', (seed) => {
    const faults = [{ type: 'restart', share: 0.6, atMs: 2_000, forMs: 2_000, state: 'stale' }]
    const story = { name: 'mass-restart', nodes: 24, authors: 3, records: 40, intervalMs: 300, faults }
    const report = runScenario(readScenario({ ...story, path: { latencyMs: [10, 60] } }), { seed })
    expect(report).toMatchObject({ missed: 0, gaps: 0, violations: [] })
  })

  it.each([2, 4, 6, 8])('in which most start anew keeps the last words of those who end (seed %i)', (seed) => {
    const faults = [{ type: 'restart', share: 0.6, atMs: 2_500, forMs: 2_000, state: 'lost' }]
    const report = runScenario(readScenario({ name: 'last-words', nodes: 24, faults }), { seed })
    expect(report).toMatchObject({ missed: 0, gaps: 0, violations: [] })
  })

  it('counts the questions that were asked and the answers that came', () => {
    const report = runScenario(
      { ...small, queries: { count: 3, everyMs: 100, hops: 16, waitMs: 2_000, late: 0 } },
      { seed: 2 },
    )
    expect(report).toMatchObject({ questions: 3, answers: 3 * 15, violations: [] })
  })

  it('blames nobody who began anew for being asked again', () => {
    const queries = { count: 20, everyMs: 50, hops: 5, waitMs: 5_000 }
    const faults = [{ type: 'restart', share: 0.5, atMs: 500, forMs: 200, state: 'kept' }]
    const asking = readScenario({ name: 'asking', nodes: 8, records: 4, authors: 2, queries, faults })
    for (const seed of [1, 2, 3]) expect(runScenario(asking, { seed }).violations).toEqual([])
  })

  it('bans whoever passes a forgery on, not who passes on what strictness refuses, and no honest node ever', () => {
    const of = (type: 'forger' | 'lax'): Scenario => ({ ...small, adversaries: [{ type, share: 0.25, atMs: 0 }] })
    for (const [type, ban] of [
      ['forger', true],
      ['lax', false],
    ] as const) {
      const bans: boolean[] = []
      const wrap = (engine: Parameters<typeof twisted>[0]) =>
        twisted(engine, () => ({
          say: (output) => {
            if (output.type === 'misbehaved') bans.push(output.ban)
            return [output]
          },
        }))
      expect(runScenario(of(type), { seed: 5, wrap })).toMatchObject({ missed: 0, violations: [] })
      expect(bans.length).toBeGreaterThan(0)
      expect(bans.every((each) => each === ban)).toBe(true)
    }
  })

  it('ends as soon as an honest node takes an honest one for hostile, whatever for', () => {
    const wrap = (engine: Parameters<typeof twisted>[0], node: number) =>
      twisted(engine, () => ({
        add: (input) => {
          if (node !== 3 || input.type !== 'frame') return []
          return [{ type: 'misbehaved', peer: input.peer, code: 'ERR_RECORD_FORGED', message: 'nothing', ban: true }]
        },
      }))
    for (const scenario of [small, { ...small, adversaries: [{ type: 'forger', share: 0.2, atMs: 0 } as const] }]) {
      expect(runScenario(scenario, { seed: 1, wrap }).violations[0]).toMatch(/^node 3 took honest node \d+ for hostile/)
    }
  })

  it('counts nothing as due to who is surrounded by liars alone', () => {
    const adversaries = [{ type: 'dropper', share: 0.8, atMs: 0 } as const]
    const report = runScenario({ ...small, degree: 2, adversaries }, { seed: 2 })
    expect(report.cutOff).toBeGreaterThan(0)
    expect(report.missed).toBe(0)
  })
})

describe('the models', () => {
  it('show that trees are as fast as a mesh with hardly any copies, and faster than one tree for all', () => {
    const scenario = readScenario({ name: 'compare', nodes: 60, degree: 8, authors: 4, records: 6 })
    const [trees, gossipsub, plumtree] = (['trees', 'gossipsub', 'plumtree'] as const).map((engine) =>
      runScenario(scenario, { seed: 1, engine }),
    ) as [ReturnType<typeof runScenario>, ReturnType<typeof runScenario>, ReturnType<typeof runScenario>]
    for (const report of [trees, gossipsub, plumtree]) expect(report).toMatchObject({ missed: 0, violations: [] })
    expect(trees.latencyMs.p99).toBeLessThanOrEqual(gossipsub.latencyMs.p99 * 1.05)
    expect(trees.latencyMs.p99).toBeLessThan(plumtree.latencyMs.p99 / 2)
    expect(trees.redundancy.warm).toBeLessThan(0.05)
    expect(gossipsub.redundancy.warm).toBeGreaterThan(3)
    expect(plumtree.redundancy.warm).toBeGreaterThan(trees.redundancy.warm)
  })
})

describe('a scenario file', () => {
  const refused = (value: object): string => {
    try {
      readScenario({ name: 'test', ...value })
      return 'taken'
    } catch (error) {
      const { code, message, remedy } = error as { code: string; message: string; remedy: string }
      expect(code).toBe('ERR_SCENARIO')
      expect(remedy.length).toBeGreaterThan(10)
      return message
    }
  }

  it.each([
    [{ node: 5 }, 'the scenario has no member "node"'],
    [{ nodes: 1 }, 'nodes must be a whole number from 2 to 10000'],
    [{ nodes: 10_001 }, 'nodes must be a whole number from 2 to 10000'],
    [{ nodes: '10' }, 'nodes must be a whole number from 2 to 10000'],
    [{ nodes: 10, authors: 11 }, 'authors must be at most as many as nodes (10)'],
    [{ name: 'Ä' }, 'name must be lower-case letters, digits and hyphens, at most 64'],
    [{ path: { loss: 0.95 } }, 'path.loss must be a number from 0 to 0.9'],
    [{ path: { lost: 0.5 } }, 'path has no member "lost"'],
    [{ path: { latencyMs: [5, 4] } }, 'path.latencyMs must be "regions", or [at least, below] in whole ms up to 10000'],
    [{ faults: [{ type: 'crash' }] }, 'faults[0].share must be given'],
    [
      { faults: [{ type: '__proto__' }] },
      'faults[0].type must be one of crash, split, cut, one-way, slow, freeze, churn, restart, clock',
    ],
    [{ faults: [{ type: 'crash', share: 0.5, forMs: 5 }] }, 'faults[0] has no member "forMs"'],
    [{ faults: {} }, 'faults must be a list of at most 64'],
    [{ room: { outsiders: 5 } }, 'room.outsiders must be fewer than authors'],
    [{ room: { order: 'none' } }, 'room.order must be one of author, causal'],
    [{ queries: {} }, 'queries.count must be given'],
    [{ queries: { count: 1, hops: 33 } }, 'queries.hops must be a whole number from 1 to 32'],
    [{ large: { every: 1, bytes: 2 ** 23 } }, 'large.bytes must be a whole number from 1 to 4194304'],
    [{ adversaries: [{ type: 'saint', share: 0.1 }] }, /^adversaries\[0\]\.type must be one of dropper/],
    [
      { adversaries: [{ type: 'liar', share: 0.95 }] },
      'adversaries must be shares that leave a tenth of the nodes honest',
    ],
  ])('is refused if it says %j', (value, message) => {
    expect(refused(value)).toMatch(message instanceof RegExp ? message : new RegExp(`^${escaped(message)}$`))
  })

  it('is refused if it is no JSON', () => {
    expect(() => parseScenario('{')).toThrow(/JSON/)
    expect(() => parseScenario('null')).toThrow('the scenario must be an object')
  })

  it('says everything that it does not say by default', () => {
    expect(readScenario({ name: 'x' })).toMatchObject({ nodes: 100, authors: 5, records: 10, faults: [], holdMs: null })
  })

  it('is named as its file', () => {
    for (const name of names) expect(shipped(name).name).toBe(name)
  })
})

describe('a failing run', () => {
  it('is made small, and printed with what to type to see it again', async () => {
    const scenario = shipped('steady')
    const wrap = (engine: Parameters<typeof twisted>[0]) =>
      twisted(engine, () => ({ say: (output) => (output.type === 'deliver' ? [output, output] : [output]) }))
    const found = await shrink(scenario, { seed: 3, run: (one) => runScenario(one, { seed: 3, wrap }) })
    expect(found?.scenario).toMatchObject({ authors: 1, records: 1, faults: [] })
    expect(found?.scenario.nodes).toBeLessThanOrEqual(3)
    const text = found ? reproductionText(found, 'trees') : ''
    expect(text).toContain('hearsay simulate --scenario scenario.json --engine trees --seed 3')
    const [, json = ''] = /scenario\.json: (.*)/.exec(text) ?? []
    expect(runScenario(parseScenario(json), { seed: 3, wrap }).violations[0]).toBe(found?.violation)
  })

  it('that does not fail is not made smaller', async () => {
    const scenario = readScenario({ name: 'fine', nodes: 4, authors: 1, records: 1 })
    expect(await shrink(scenario, { seed: 1, run: (one) => runScenario(one, { seed: 1 }) })).toBeNull()
  })
})

describe('the picture of a message', () => {
  it('is the same for the same run, has a dot for each node, and escapes its title', () => {
    const scenario = readScenario({ name: 'picture', nodes: 20 })
    const draw = (): string => propagationSvg(runScenario(scenario, { seed: 1 }).propagation, '<a> & "b"\u0000')
    const picture = draw()
    expect(draw()).toBe(picture)
    expect(picture).toContain('>&lt;a&gt; &amp; &quot;b&quot;</text>')
    expect(picture.match(/<circle/g)).toHaveLength(20)
    expect(picture.match(/<line/g)).toHaveLength(19)
    expect(picture.match(/<(?!\/)[a-z]+/g)?.length).toBe((picture.match(/\/>|<\/[a-z]+>/g) ?? []).length)
  })
})

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
