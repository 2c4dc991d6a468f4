// `hearsay simulate`: a room in virtual time, from options or a file, with its numbers and a picture. Nothing touches the network.

import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import {
  type EngineName,
  parseScenario,
  propagationSvg,
  type Reproduction,
  readScenario,
  reproductionText,
  type Scenario,
  type ScenarioReport,
  scenarioSteps,
  shrink,
} from '@hearsay/simulator'
import { CommandError, EXIT } from '../exit.js'
import type { Output } from '../output.js'
import { simulationTable } from './simulation-table.js'

/** What was given on the command line; undefined where it was not. */
export interface SimulateOptions {
  readonly nodes?: number
  readonly authors?: number
  readonly records?: number
  readonly crash?: number
  readonly loss?: number
  readonly duplicate?: number
  readonly reorder?: number
  readonly split?: number
  readonly liars?: number
  readonly sleepers?: number
  readonly holdMs?: number
  /** A file, or the name of a scenario that ships. */
  readonly scenario?: string
  readonly svg?: string
  readonly engine: EngineName
  readonly seed: number
  readonly verbose: boolean
}

/** How long a split lasts that an option asks for. */
const SPLIT_MS = 60_000
const INTERVAL_MS = 500
const DEFAULT_NODES = 100
const DEFAULT_AUTHORS = 20
const DEFAULT_RECORDS = 10
/** Links of a node if some of them lead to nodes that lie. */
const HOSTILE_DEGREE = 8
/** Runs that are spent on making a failing one smaller. */
const MAX_TRIES = 24
/** How long the event loop may be busy, and how often progress is told. */
const TURN_MS = 50
const PROGRESS_MS = 2_000

export async function simulate(options: SimulateOptions, output: Output, signal: AbortSignal): Promise<void> {
  const scenario = await scenarioOf(options)
  const startedAt = performance.now()
  const report = await simulateOnce(scenario, options, output, signal)
  if (report === null) return
  const wallMs = Math.round(performance.now() - startedAt)
  if (options.svg !== undefined) {
    const title = `${scenario.name}, ${report.nodes} nodes, ${report.engine}, seed ${report.seed}`
    await writeFile(options.svg, propagationSvg(report.propagation, title))
  }
  const { seed, nodes, survivors, expected, delivered, missed, trace, propagation, ...details } = report
  if (options.verbose) await output.object({ type: 'simulation-details', ...details })
  await output.object({ type: 'simulation', seed, nodes, survivors, expected, delivered, missed, trace, wallMs })
  for (const line of simulationTable(scenario, report)) await output.line(line)
  if (report.violations.length > 0) throw await failure(scenario, { options, report, output, signal })
}

/** What broke, with the smallest run that shows it. */
async function failure(
  scenario: Scenario,
  run: { options: SimulateOptions; report: ScenarioReport; output: Output; signal: AbortSignal },
): Promise<CommandError> {
  const { options, report, output, signal } = run
  output.say('something broke; looking for a smaller run that shows it')
  const found = await shrink(scenario, {
    seed: options.seed,
    maxTries: MAX_TRIES,
    // A run that was given up shows nothing.
    run: async (smaller) =>
      smaller === scenario
        ? report
        : ((await simulateOnce(smaller, options, output, signal)) ?? { ...report, violations: [] }),
  })
  if (found) await tellReproduction(found, options, output)
  const remedy = 'The reproduction above shows it again: save its scenario as a file.'
  return new CommandError(EXIT.unverified, 'ERR_VERIFICATION', report.violations[0] ?? '', remedy)
}

/** A line each for people, one object for programs. */
async function tellReproduction(found: Reproduction, { engine }: SimulateOptions, output: Output): Promise<void> {
  const { scenario, seed, violation } = found
  const object = { type: 'reproduction', engine, seed, violation, scenario }
  const lines = output.json ? [''] : reproductionText(found, engine).split('\n')
  for (const line of lines) await output.tell(object, line)
}

/** A turn at a time, so that a signal ends it; null then. */
async function simulateOnce(
  scenario: Scenario,
  { seed, engine }: SimulateOptions,
  output: Output,
  signal: AbortSignal,
): Promise<ScenarioReport | null> {
  const steps = scenarioSteps(scenario, { seed, engine })
  let [turnAt, toldAt] = [performance.now(), performance.now()]
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return step.value
    const now = performance.now()
    if (now - turnAt < TURN_MS) continue
    if (now - toldAt >= PROGRESS_MS) {
      output.say(`${Math.floor(step.value * 100)} % of the virtual time`)
      toldAt = now
    }
    await setImmediate()
    if (signal.aborted) return null
    turnAt = performance.now()
  }
}

/** The file's scenario, or a plain one, with what options add. */
async function scenarioOf(options: SimulateOptions): Promise<Scenario> {
  const { nodes = DEFAULT_NODES, authors = Math.min(DEFAULT_AUTHORS, nodes), records = DEFAULT_RECORDS } = options
  const base =
    options.scenario === undefined
      ? readScenario({ name: 'options', nodes, authors, records, intervalMs: INTERVAL_MS })
      : parseScenario(await textOf(options.scenario))
  const { loss, duplicate, reorder, crash, split, liars, sleepers, holdMs } = options
  const sized = {
    ...{ nodes: options.nodes, records: options.records },
    authors: options.authors ?? Math.min(base.authors, options.nodes ?? base.nodes),
  }
  const path = { ...base.path, ...given({ loss, duplicate, reorder }) }
  const talkMs = (options.records ?? base.records) * base.intervalMs
  const faults = [...base.faults]
  if (crash) faults.push({ type: 'crash', share: crash, atMs: Math.floor(talkMs / 2) })
  if (split) faults.push({ type: 'split', parts: split, atMs: Math.floor(talkMs / 3), forMs: SPLIT_MS })
  const adversaries = [...base.adversaries]
  if (liars) adversaries.push({ type: 'liar', share: liars, atMs: 0 })
  if (sleepers) adversaries.push({ type: 'sleeper', share: sleepers, atMs: Math.floor(talkMs / 2) })
  const degree = liars || sleepers ? Math.max(base.degree, HOSTILE_DEGREE) : base.degree
  const hold = holdMs ?? base.holdMs
  return readScenario({ ...base, ...given(sized), path, faults, adversaries, degree, holdMs: hold })
}

function given(values: Readonly<Record<string, number | undefined>>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  )
}

/** The file, or what ships under that name. */
async function textOf(scenario: string): Promise<string> {
  try {
    return await readFile(scenario, 'utf8')
  } catch (cause) {
    const shipped = shippedPath(scenario)
    if (shipped !== null) return await readFile(shipped, 'utf8')
    const why = cause instanceof Error ? cause.message : String(cause)
    const remedy = 'Give a file, or the name of a scenario that ships: docs/simulator.md lists them.'
    throw new CommandError(EXIT.usage, 'ERR_SCENARIO', `no scenario ${JSON.stringify(scenario)}: ${why}`, remedy)
  }
}

function shippedPath(name: string): string | null {
  if (!/^[a-z0-9-]+$/.test(name)) return null
  try {
    const manifest = createRequire(import.meta.url).resolve('@hearsay/simulator/package.json')
    const path = join(dirname(manifest), 'scenarios', `${name}.json`)
    return existsSync(path) ? path : null
  } catch {
    return null
  }
}
