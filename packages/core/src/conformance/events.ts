// How cases wait: for events, collected from the moment that somebody listens, so that none is missed.

import type { EventMap, EventSource } from '../emitter.js'

/** The arguments of the next event of that name. */
export function nextEvent<Events extends EventMap, Name extends keyof Events>(
  source: EventSource<Events>,
  name: Name,
): Promise<Events[Name]> {
  return new Promise((resolve) => source.once(name, (...args) => resolve(args)))
}

/** Values in the order they came, and a promise for when there are enough. */
export class Collected<Value> {
  readonly values: Value[] = []
  readonly #waiting = new Set<() => void>()

  add(value: Value): void {
    this.addAll([value])
  }

  addAll(values: readonly Value[]): void {
    for (const value of values) this.values.push(value)
    for (const check of this.#waiting) check()
  }

  /** Resolves when `enough` holds for what was collected. */
  until(enough: (values: readonly Value[]) => boolean): Promise<readonly Value[]> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!enough(this.values)) return
        this.#waiting.delete(check)
        resolve(this.values)
      }
      this.#waiting.add(check)
      check()
    })
  }

  /** Resolves when there are `count`. */
  count(count: number): Promise<readonly Value[]> {
    return this.until((values) => values.length >= count)
  }
}
