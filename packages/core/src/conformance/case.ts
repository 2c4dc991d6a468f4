// What a conformance suite is: named cases as data. A suite knows neither a test runner nor an implementation; both are
// given to it.

import { hasCode } from '../errors.js'

/** The assertions that cases use; each throws, or rejects, when it does not hold. */
export interface Assert {
  /** Deeply equal: primitives, arrays, byte arrays, plain objects. */
  equal(actual: unknown, expected: unknown, message?: string): void
  ok(value: unknown, message?: string): void
  /** The promise rejects with an error of that code. */
  rejects(promise: Promise<unknown>, code: string): Promise<void>
}

/** One promise of a contract, as a sentence, and the way to see whether it is kept. */
export interface ConformanceCase<Fixture> {
  readonly name: string
  /** Resolves if the promise is kept. Waits for events only, never for time. */
  run(create: () => Promise<Fixture>, assert: Assert): Promise<void>
}

/** Runs a suite under any runner whose `test` takes a name and an async function, such as vitest's and node:test's. */
export function runConformance<Fixture>(options: {
  readonly test: (name: string, run: () => Promise<void>) => unknown
  readonly create: () => Promise<Fixture>
  readonly suite: readonly ConformanceCase<Fixture>[]
  readonly assert?: Assert
}): void {
  const { test, create, suite, assert = plainAssert } = options
  for (const { name, run } of suite) test(name, () => run(create, assert))
}

/** Assertions that need no library. */
export const plainAssert: Assert = {
  equal(actual, expected, message = 'not equal') {
    if (!isDeepEqual(actual, expected)) throw new Error(`${message}: ${print(actual)} instead of ${print(expected)}`)
  },
  ok(value, message = 'not true') {
    if (!value) throw new Error(message)
  },
  async rejects(promise, code) {
    const outcome = await promise.then(
      () => 'fulfilled',
      (error: unknown) => (hasCode(error, code) ? null : `rejected with ${String(error)}`),
    )
    if (outcome !== null) throw new Error(`${outcome} instead of rejected with ${code}`)
  },
}

/** A case of one fixture that has to be closed, whatever happens. */
export function caseOf<Fixture extends { close(): Promise<void> }>(
  name: string,
  body: (fixture: Fixture, assert: Assert) => Promise<void>,
): ConformanceCase<Fixture> {
  return {
    name,
    async run(create, assert) {
      const fixture = await create()
      try {
        await body(fixture, assert)
      } finally {
        await fixture.close()
      }
    },
  }
}

/** What `run` throws, as a rejection. */
export async function attempt(run: () => unknown): Promise<void> {
  await run()
}

function isDeepEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const left = Object.entries(a)
  const right = new Map(Object.entries(b))
  return (
    left.length === right.size && left.every(([key, value]) => right.has(key) && isDeepEqual(value, right.get(key)))
  )
}

function print(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 300)
}
