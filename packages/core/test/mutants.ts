// Runs a suite on a reference, and on deliberately broken variants of it: a case that no variant fails proves nothing.

import { type ConformanceCase, plainAssert, runConformance } from '@hearsay/core/conformance'
import { settle } from '@hearsay/core/memory'
import { describe, expect, it } from 'vitest'

export type Mutants<Fixture> = Readonly<Record<string, () => Promise<Fixture>>>

/** Nothing in memory takes longer; who has not finished by then waits for something that never comes. */
const MAX_TASKS = 5

export function testSuite<Fixture>(
  title: string,
  options: {
    readonly suite: readonly ConformanceCase<Fixture>[]
    readonly create: () => Promise<Fixture>
    readonly mutants: Mutants<Fixture>
  },
): void {
  const { suite, create, mutants } = options
  describe(title, () => {
    runConformance({ test: it, create, suite })
  })
  describe(`${title}: broken variants`, () => {
    const missed = new Set(suite.map(({ name }) => name))
    for (const [name, createMutant] of Object.entries(mutants)) {
      it(`finds the one that ${name}`, async () => {
        const failed = []
        for (const each of suite) if (await fails(each, createMutant)) failed.push(each.name)
        for (const failedName of failed) missed.delete(failedName)
        expect(failed).not.toEqual([])
      })
    }
    it('has no case that every variant passes', () => expect([...missed]).toEqual([]))
  })
}

async function fails<Fixture>(each: ConformanceCase<Fixture>, create: () => Promise<Fixture>): Promise<boolean> {
  const result = each.run(create, plainAssert).then(
    () => false,
    () => true,
  )
  return Promise.race([result, afterTasks(MAX_TASKS).then(() => true)])
}

async function afterTasks(count: number): Promise<void> {
  for (let task = 0; task < count; task++) await settle()
}

/** `target` with some of its members replaced. */
export function override<Target extends object>(target: Target, members: Partial<Target>): Target {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(members, name)) return Reflect.get(members, name)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** `on` and `once` that change the arguments of one event, call twice, or not at all. */
export function changeEvent(
  source: { on: unknown; once: unknown },
  name: string,
  change: (...args: never[]) => readonly (readonly unknown[])[],
): { on: never; once: never } {
  type Subscribe = (name: string, listener: (...args: unknown[]) => unknown) => () => void
  const wrap = (subscribe: Subscribe): Subscribe => {
    return (event, listener) =>
      subscribe.call(source, event, (...args) => {
        if (event !== name) return listener(...args)
        return Promise.all(change(...(args as never[])).map((changed) => listener(...changed)))
      })
  }
  return { on: wrap(source.on as Subscribe) as never, once: wrap(source.once as Subscribe) as never }
}
