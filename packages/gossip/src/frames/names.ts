// Numbers for places, so that an entry of a list costs a few bytes: each direction of a link gives its own, in order, and
// after the last one begins again. Both ends count alike.

import type { Source } from '../machine/arrivals.js'
import { placeKey } from '../machine/place-key.js'
import { MAX_NAMES } from './range-frames.js'

/** What is wrong with a frame that names what was never named. */
export const NAMELESS = 'a number that names nothing'

/** The numbers that this node gave. */
export class NamesGiven {
  readonly #numbers = new Map<string, number>()
  readonly #keys: string[] = []
  #next = 0

  find(source: Source): number | undefined {
    return this.#numbers.get(placeKey(source))
  }

  /** Gives the place the next number; whoever had it loses it. */
  give(source: Source): void {
    const key = placeKey(source)
    const former = this.#keys[this.#next]
    if (former !== undefined) this.#numbers.delete(former)
    this.#keys[this.#next] = key
    this.#numbers.set(key, this.#next)
    this.#next = (this.#next + 1) % MAX_NAMES
  }
}

/** The numbers that the remote gave. */
export class NamesHeard {
  readonly #sources: Source[] = []
  #next = 0

  hear(source: Source): void {
    this.#sources[this.#next] = source
    this.#next = (this.#next + 1) % MAX_NAMES
  }

  at(number: number): Source | undefined {
    return this.#sources[number]
  }
}
