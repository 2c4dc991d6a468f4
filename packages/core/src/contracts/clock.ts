// Time as an argument. Cores are given numbers; drivers are given a Clock; only the system clock asks the machine.

/** A pending call; cancelling it twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void
}

/** Where time comes from. */
export interface Clock {
  /** Milliseconds on a clock that never goes back; only differences mean something. */
  now(): number
  /** Milliseconds since 1970 as this machine believes; for display and epochs, never compared across machines. */
  wall(): number
  /** Calls `run` once after `ms`; a delay that is not a number in [0, 2^31) is clamped into it. */
  setTimer(ms: number, run: () => void): Timer
}
