// A failing run made small: halves what a scenario has of everything while it still fails, so that what is printed is the least
// that shows it. Bounded: each try is a run.

import type { Fault, Scenario } from './format.js'
import type { ScenarioReport } from './report.js'

/** What fails, as small as was found. */
export interface Reproduction {
  readonly scenario: Scenario
  readonly seed: number
  readonly violation: string
  /** Runs that it took. */
  readonly tries: number
}

export interface ShrinkOptions {
  readonly seed: number
  /** Runs the scenario; whatever engine and mutants failed belong in here. */
  readonly run: (scenario: Scenario) => ScenarioReport | Promise<ScenarioReport>
  /** @default 40 */
  readonly maxTries?: number
}

/** The smallest scenario that still fails, of those tried; null if the given one does not. */
export async function shrink(
  scenario: Scenario,
  { seed, run, maxTries = 40 }: ShrinkOptions,
): Promise<Reproduction | null> {
  let tries = 1
  let [violation] = (await run(scenario)).violations
  if (violation === undefined) return null
  let best = scenario
  for (let progressed = true; progressed; ) {
    progressed = false
    for (const smaller of smallerThan(best)) {
      if (tries >= maxTries) break
      tries++
      const [found] = (await run(smaller)).violations
      if (found === undefined) continue
      violation = found
      best = smaller
      progressed = true
      break
    }
  }
  return { scenario: best, seed, violation, tries }
}

/** What to type to see it again, with the file that it needs. */
export function reproductionText({ scenario, seed, violation }: Reproduction, engine: string): string {
  return [
    violation,
    `scenario.json: ${JSON.stringify(withoutDefaults(scenario))}`,
    `hearsay simulate --scenario scenario.json --engine ${engine} --seed ${seed}`,
  ].join('\n')
}

/** One step smaller in one thing, what matters most to a reader first. */
function* smallerThan(scenario: Scenario): Generator<Scenario> {
  const { nodes, authors, records, faults, adversaries, path, room, queries } = scenario
  const halfNodes = Math.floor(nodes / 2)
  if (halfNodes >= 2 && (halfNodes >= authors || room.outsiders === 0))
    yield { ...scenario, nodes: halfNodes, authors: Math.min(authors, halfNodes) }
  for (const index of faults.keys()) yield { ...scenario, faults: without(faults, index) }
  for (const index of adversaries.keys()) yield { ...scenario, adversaries: without(adversaries, index) }
  if (queries) yield { ...scenario, queries: null }
  if (authors > 1 + room.outsiders)
    yield { ...scenario, authors: Math.max(1 + room.outsiders, Math.floor(authors / 2)) }
  if (records > 1) yield { ...scenario, records: Math.floor(records / 2) }
  if (nodes > 3 && (nodes > authors || room.outsiders === 0))
    yield { ...scenario, nodes: nodes - 1, authors: Math.min(authors, nodes - 1) }
  for (const key of ['loss', 'duplicate', 'reorder', 'jitterMs'] as const) {
    if (path[key] > 0) yield { ...scenario, path: { ...path, [key]: 0 } }
  }
  for (const [index, fault] of faults.entries()) {
    if (!('forMs' in fault) || fault.forMs < 2_000) continue
    const shorter: Fault = { ...fault, forMs: Math.floor(fault.forMs / 2) }
    yield { ...scenario, faults: faults.map((one, at) => (at === index ? shorter : one)) }
  }
}

function without<Item>(items: readonly Item[], index: number): readonly Item[] {
  return items.filter((_, at) => at !== index)
}

/** Members that say nothing are left out; reading fills them in again. */
function withoutDefaults(scenario: Scenario): Record<string, unknown> {
  const isEmpty = (value: unknown): boolean =>
    value === null || value === '' || (Array.isArray(value) && value.length === 0)
  return Object.fromEntries(Object.entries(scenario).filter(([, value]) => !isEmpty(value)))
}
