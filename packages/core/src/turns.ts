// One at a time: what happens while something is dealt with waits its turn, so that a machine never sees an input before the
// outputs of the one before it are carried out.

export class Turns<Input> {
  readonly #step: (input: Input) => void
  readonly #waiting: Input[] = []
  #running = false

  /** @param step deals with one input, and may cause others */
  constructor(step: (input: Input) => void) {
    this.#step = step
  }

  /** True while an input is dealt with: whatever is taken now must outlive whoever gives it. */
  get running(): boolean {
    return this.#running
  }

  /** Deals with the input, and with all that it causes; or, within a turn, puts it behind. What `step` throws is thrown. */
  take(input: Input): void {
    this.#waiting.push(input)
    if (this.#running) return
    this.#running = true
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#step(next)
    } finally {
      this.#running = false
    }
  }
}
