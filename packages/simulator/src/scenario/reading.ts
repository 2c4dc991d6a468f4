// From JSON to a scenario: every member checked, what is left out filled in, what is not known refused with what to do.

import { SimulatorError } from '../errors.js'
import { ADVERSARY_TYPES, type Adversaries, type Fault, type FaultType, type Scenario } from './format.js'

type Members = Record<string, unknown>
/** Answers the value as it counts, or throws. */
type Read = (value: unknown, at: string) => unknown
type Shape = Readonly<Record<string, readonly [read: Read, fallback?: unknown]>>

const DAY_MS = 86_400_000
const CENTURY_MS = 100 * 366 * DAY_MS

const AT = { atMs: [whole(0, DAY_MS), 0] } as const
const FOR = { ...AT, forMs: [whole(0, DAY_MS)] } as const
const SHARE = { share: [number(0, 1)] } as const

const FAULTS: Readonly<Record<FaultType, Shape>> = {
  crash: { ...SHARE, ...AT },
  split: { parts: [whole(2, 64)], ...FOR },
  cut: { ...SHARE, ...FOR },
  'one-way': { ...SHARE, ...FOR },
  slow: { ...SHARE, ...FOR, byMs: [whole(0, 10_000)] },
  freeze: { ...SHARE, ...FOR },
  churn: { everyMs: [whole(1, DAY_MS)], ...FOR },
  restart: { ...SHARE, ...FOR, state: [oneOf('lost', 'stale', 'kept'), 'lost'] },
  clock: { ...SHARE, ...AT, byMs: [whole(-CENTURY_MS, CENTURY_MS)] },
}

const PATH: Shape = {
  latencyMs: [latency, 'regions'],
  loss: [number(0, 0.9), 0],
  duplicate: [number(0, 0.9), 0],
  reorder: [number(0, 0.9), 0],
  jitterMs: [whole(0, 10_000), 0],
  bytesPerMs: [orNull(number(1, 1e9)), null],
}

const EXPECT: Shape = {
  missed: [whole(0, Number.MAX_SAFE_INTEGER), 0],
  redundancy: [orNull(number(0, 1e6)), null],
  p99Ms: [orNull(number(0, DAY_MS)), null],
  controlBytes: [orNull(number(0, 1e9)), null],
  smallP99Ms: [orNull(number(0, DAY_MS)), null],
  bytes: [orNull(number(0, 1e9)), null],
}

const LARGE: Shape = { every: [whole(1, 100_000)], bytes: [whole(1, 4_194_304)], authors: [whole(1, 10_000), 10_000] }

const ROOM: Shape = {
  since: [oneOf('live', 'all'), 'live'],
  order: [oneOf('author', 'causal'), 'author'],
  outsiders: [whole(0, 10_000), 0],
  ignoreEvery: [orNull(whole(1, 100_000)), null],
  rejectEvery: [orNull(whole(1, 100_000)), null],
  capacity: [orNull(whole(1, 100_000)), null],
  capacityBytes: [orNull(whole(1, 2 ** 26)), null],
  follows: [orNull(whole(1, 65_536)), null],
}

const QUERIES: Shape = {
  count: [whole(1, 1_000)],
  everyMs: [whole(1, DAY_MS), 500],
  hops: [whole(1, 32), 16],
  waitMs: [whole(1, 60_000), 2_000],
  late: [number(0, 1), 0],
}

const SCENARIO: Shape = {
  name: [name],
  about: [text, ''],
  nodes: [whole(2, 10_000), 100],
  degree: [number(2, 64), 6.5],
  authors: [whole(1, 10_000), 5],
  records: [whole(1, 100_000), 10],
  intervalMs: [whole(1, DAY_MS), 500],
  payloadBytes: [whole(0, 100_000), 0],
  batch: [whole(1, 1_000), 1],
  large: [orNull(shaped(LARGE)), null],
  holdMs: [orNull(whole(0, DAY_MS)), null],
  settleMs: [whole(0, DAY_MS), 30_000],
  room: [shaped(ROOM), {}],
  queries: [orNull(shaped(QUERIES)), null],
  path: [shaped(PATH), {}],
  faults: [list(fault), []],
  adversaries: [list(adversaries), []],
  expect: [shaped(EXPECT), {}],
}

/** The scenario that the parsed JSON says, with defaults filled in; throws `ERR_SCENARIO`. */
export function readScenario(value: unknown): Scenario {
  const scenario = members(value, 'the scenario', SCENARIO) as unknown as Scenario
  if (scenario.authors > scenario.nodes) throw wrong('authors', `at most as many as nodes (${scenario.nodes})`)
  if (scenario.room.outsiders >= scenario.authors) throw wrong('room.outsiders', 'fewer than authors')
  const share = scenario.adversaries.reduce((sum, one) => sum + one.share, 0)
  if (share > 0.9) throw wrong('adversaries', 'shares that leave a tenth of the nodes honest')
  return Object.freeze(scenario)
}

/** The scenario in a file's text; throws `ERR_SCENARIO`. */
export function parseScenario(json: string): Scenario {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SimulatorError('ERR_SCENARIO', `a scenario is a JSON object: ${why}`, { cause, remedy: REMEDY })
  }
  return readScenario(value)
}

const REMEDY = 'docs/simulator.md lists the members; the files in scenarios/ of @hearsay/simulator are examples.'

function fault(value: unknown, at: string): Fault {
  const type = typeOf(value, at)
  const shape = Object.hasOwn(FAULTS, type) ? FAULTS[type as FaultType] : undefined
  if (!shape) throw wrong(`${at}.type`, `one of ${Object.keys(FAULTS).join(', ')}`)
  return members(value, at, { type: [text], ...shape }) as unknown as Fault
}

function adversaries(value: unknown, at: string): Adversaries {
  return members(value, at, { type: [oneOf(...ADVERSARY_TYPES)], ...SHARE, ...AT }) as unknown as Adversaries
}

function members(value: unknown, at: string, shape: Shape): Members {
  const given = object(value, at)
  const unknown = Object.keys(given).find((key) => !Object.hasOwn(shape, key))
  if (unknown !== undefined) {
    throw new SimulatorError('ERR_SCENARIO', `${at} has no member ${JSON.stringify(unknown)}`, {
      remedy: `Take it out, or use one of ${Object.keys(shape).join(', ')}.`,
    })
  }
  const read = Object.entries(shape).map(([key, [reader, fallback]]) => {
    const own = Object.hasOwn(given, key) ? given[key] : fallback
    const place = at === 'the scenario' ? key : `${at}.${key}`
    if (own === undefined) throw wrong(place, 'given')
    return [key, reader(own, place)] as const
  })
  return Object.fromEntries(read)
}

function shaped(shape: Shape): Read {
  return (value, at) => members(value, at, shape)
}

function object(value: unknown, at: string): Members {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members
  throw wrong(at, 'an object')
}

function typeOf(value: unknown, at: string): string {
  const { type } = object(value, at)
  return typeof type === 'string' ? type : ''
}

function list(read: Read): Read {
  return (value, at) => {
    if (!Array.isArray(value) || value.length > 64) throw wrong(at, 'a list of at most 64')
    return value.map((item, index) => read(item, `${at}[${index}]`))
  }
}

function number(least: number, most: number): Read {
  return (value, at) => {
    if (typeof value === 'number' && value >= least && value <= most) return value
    throw wrong(at, `a number from ${least} to ${most}`)
  }
}

function whole(least: number, most: number): Read {
  return (value, at) => {
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value
    throw wrong(at, `a whole number from ${least} to ${most}`)
  }
}

function oneOf(...names: readonly string[]): Read {
  return (value, at) => {
    if (names.includes(value as string)) return value
    throw wrong(at, `one of ${names.join(', ')}`)
  }
}

function orNull(read: Read): Read {
  return (value, at) => (value === null ? null : read(value, at))
}

function text(value: unknown, at: string): string {
  if (typeof value === 'string' && value.length <= 1_000) return value
  throw wrong(at, 'a text of at most 1000 letters')
}

function name(value: unknown, at: string): string {
  if (typeof value === 'string' && /^[a-z0-9-]{1,64}$/.test(value)) return value
  throw wrong(at, 'lower-case letters, digits and hyphens, at most 64')
}

function latency(value: unknown, at: string): unknown {
  if (value === 'regions') return value
  const [low, high] = Array.isArray(value) && value.length === 2 ? value : []
  if (Number.isSafeInteger(low) && Number.isSafeInteger(high) && low >= 0 && low <= high && high <= 10_000) return value
  throw wrong(at, '"regions", or [at least, below] in whole ms up to 10000')
}

function wrong(at: string, expected: string): SimulatorError {
  return new SimulatorError('ERR_SCENARIO', `${at} must be ${expected}`, { remedy: REMEDY })
}
