// Timers by name: setting one again replaces it.

import type { Clock, Timer } from '@hearsay/core'

export class NamedTimers<Name> {
  readonly #clock: Clock
  readonly #timers = new Map<Name, Timer>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  set(name: Name, ms: number, run: () => void): void {
    this.stop(name)
    const fire = (): void => {
      this.#timers.delete(name)
      run()
    }
    this.#timers.set(name, this.#clock.setTimer(ms, fire))
  }

  stop(name: Name): void {
    this.#timers.get(name)?.cancel()
    this.#timers.delete(name)
  }

  stopAll(): void {
    for (const name of [...this.#timers.keys()]) this.stop(name)
  }
}
