// Time that stands still until it is told to move, so that a test or a simulation decides what happens when. This file
// alone orders virtual timers; it does not know what they do.

import { clampDelay } from '../clock.js'
import type { Clock, Timer } from '../contracts/clock.js'

/** A clock that only moves when asked. */
export interface VirtualClock extends Clock {
  /** Moves time on by `ms`, running due timers in order of time and then of setting, also those set meanwhile. */
  advance(ms: number): void
  /** Like `advance`, but lets promises settle before and after each timer. */
  play(ms: number): Promise<void>
  /** How many timers wait. */
  readonly pending: number
}

interface Entry {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** Some moment of 2025, so that what derives from the wall clock looks as it does in use. */
const START_WALL_MS = 1_750_000_000_000

/** A clock at 0 ms whose wall stands at `startWallMs`. */
export function virtualClock(startWallMs: number = START_WALL_MS): VirtualClock {
  const timers = new TimerQueue()
  let time = 0

  const step = (end: number): boolean => {
    const entry = timers.takeUntil(end)
    time = Math.max(time, entry ? entry.at : end)
    entry?.run()
    return entry !== null
  }

  return {
    now: () => time,
    wall: () => startWallMs + time,
    setTimer: (ms, run) => timers.add(time + clampDelay(ms), run),
    advance(ms) {
      const end = time + Math.max(0, ms)
      while (step(end));
    },
    async play(ms) {
      const end = time + Math.max(0, ms)
      do await settle()
      while (step(end))
    },
    get pending() {
      return timers.size
    },
  }
}

/** Resolves when every promise that can settle without a timer or the machine has settled. */
export function settle(): Promise<void> {
  // A message is a task of its own: all microtasks run before it, however long their chain is.
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    const onmessage = (): void => {
      port1.close()
      resolve()
    }
    // Node's types leave this setter out, though Node and browsers have it.
    Object.assign(port1, { onmessage })
    port2.postMessage(null)
  })
}

/** Timers in order of time, those of the same time in order of setting. */
class TimerQueue {
  readonly #entries: Entry[] = []
  #added = 0

  get size(): number {
    return this.#entries.length
  }

  add(at: number, run: () => void): Timer {
    const entry: Entry = { at, order: this.#added++, run }
    this.#entries.splice(this.#place(entry), 0, entry)
    return { cancel: () => this.#remove(entry) }
  }

  takeUntil(end: number): Entry | null {
    const [first] = this.#entries
    if (!first || first.at > end) return null
    this.#entries.shift()
    return first
  }

  #remove(entry: Entry): void {
    const index = this.#place(entry)
    if (this.#entries[index] === entry) this.#entries.splice(index, 1)
  }

  #place(entry: Entry): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#entries[middle]
      if (other && (other.at - entry.at || other.order - entry.order) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
