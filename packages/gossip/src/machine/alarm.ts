// When the next of many things is due. Whoever sets a time tells it here, so that nobody need look at all of them to know that
// none is due: it may be too early, since what was put off does not say so, and is never too late.

import type { Input } from '../engine.js'

export class Alarm {
  #at: number = Number.POSITIVE_INFINITY

  /** Infinity if nothing is to come. */
  get at(): number {
    return this.#at
  }

  /** Something is due then. */
  set(at: number): void {
    if (at < this.#at) this.#at = at
  }

  /** All that had been set is looked at now: what is still to come says so again. */
  clear(): void {
    this.#at = Number.POSITIVE_INFINITY
  }
}

/** Inputs that are one neighbour's affair, or nobody's, unless they change something. */
export type InputOfOne = Extract<Input, { type: 'frame' | 'window' | 'timer' }>

export function isOfOne(input: Input): input is InputOfOne {
  return input.type === 'frame' || input.type === 'window' || input.type === 'timer'
}
