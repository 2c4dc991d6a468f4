// What was heard lately, for the next own records to name, and who waits for what to be heard. Bounded: of places that changed
// so many are remembered until they are named, and each place waits for one other at most.

import { type Cause, MAX_CAUSES, type PeerId } from '@hearsay/core'
import { placeKey } from '../machine/place-key.js'

/** Places that wait to be named; that heard of longest ago is forgotten first. */
const MAX_UNNAMED = 4_096
/** So many of a record's causes are those that wait for longest: else there might be later ones for ever. */
const OLDEST = MAX_CAUSES / 2

interface Where {
  readonly author: PeerId
  readonly epoch: number
  readonly sequence: { readonly next: number | null }
}

export class Causality<Place extends Where> {
  /** By place, the one heard longest ago first. */
  readonly #heard = new Map<string, Cause>()
  /** Places that wait, by the place that they wait for. */
  readonly #waiting = new Map<string, Map<string, Place>>()
  /** Which place each one waits for. */
  readonly #waitsFor = new Map<string, string>()
  #ready: Place[] = []

  /** Something was delivered there, or nothing more will be. */
  heard(place: Place): void {
    const key = placeKey(place)
    const { author, epoch, sequence } = place
    if (sequence.next !== null && sequence.next > 0) {
      this.#heard.delete(key)
      this.#heard.set(key, { author, epoch, next: sequence.next })
      const [oldest] = this.#heard.keys()
      if (this.#heard.size > MAX_UNNAMED && oldest !== undefined) this.#heard.delete(oldest)
    }
    const waiting = this.#waiting.get(key)
    if (!waiting) return
    this.#waiting.delete(key)
    for (const one of waiting.keys()) this.#waitsFor.delete(one)
    this.#ready.push(...waiting.values())
  }

  /** The first record of this place waits for that one. */
  wait(place: Place, cause: Cause): void {
    const [key, own] = [placeKey(cause), placeKey(place)]
    this.leave(place)
    this.#waitsFor.set(own, key)
    const waiting = this.#waiting.get(key) ?? new Map<string, Place>()
    this.#waiting.set(key, waiting.set(own, place))
  }

  /** It waits for nothing, or no longer. */
  leave(place: Place): void {
    const own = placeKey(place)
    const key = this.#waitsFor.get(own)
    if (key === undefined) return
    this.#waitsFor.delete(own)
    const waiting = this.#waiting.get(key)
    waiting?.delete(own)
    if (waiting?.size === 0) this.#waiting.delete(key)
  }

  /** How many places wait. */
  get waiting(): number {
    return this.#waitsFor.size
  }

  /** A place that may go on, once; undefined if there is none. */
  next(): Place | undefined {
    return this.#ready.shift()
  }

  /**
   * What was heard and not named yet, but of this place. Of more than a record names, the latest, which it most likely answers, and
   * those heard longest ago; the rest waits for the next one.
   */
  take(author: PeerId, epoch: number): readonly Cause[] {
    this.#heard.delete(placeKey({ author, epoch }))
    const all = [...this.#heard.values()]
    const causes = all.length <= MAX_CAUSES ? all : [...all.slice(0, OLDEST), ...all.slice(OLDEST - MAX_CAUSES)]
    for (const cause of causes) this.#heard.delete(placeKey(cause))
    return causes
  }
}
