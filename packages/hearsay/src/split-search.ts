// Looking for the lost part of a room: a room that still has peers is otherwise hardly looked for others.

import type { Clock, Random, Timer } from '@hearsay/core'
import type { Looking } from './search.js'

/** Between looks; up to a quarter more by chance, so that all of one part do not look at once. */
const PAUSE_MS = 30_000
/** After so many looks, an hour, the ordinary schedule has to do. */
const MAX_LOOKS = 120

export class SplitSearch {
  readonly #session: Looking
  readonly #clock: Clock
  readonly #random: Random
  #timer: Timer | null = null
  #looks = 0

  constructor(session: Looking, { clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#session = session
    this.#clock = clock
    this.#random = random
  }

  start(): void {
    this.#looks = 0
    if (this.#timer === null) this.#arm()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #arm(): void {
    const pause = PAUSE_MS + this.#random.below(PAUSE_MS / 4)
    this.#timer = this.#clock.setTimer(pause, () => {
      this.#timer = null
      this.#session.refresh()
      if (++this.#looks < MAX_LOOKS) this.#arm()
    })
  }
}
