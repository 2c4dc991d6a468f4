// Notices a remote that begins a frame and then feeds it byte by byte to hold our memory. It counts bytes and time; it
// knows neither frames nor streams.

import type { Clock, Timer } from './contracts/clock.js'

/** Bytes a second that an unfinished frame must make at least. */
export const MIN_BYTES_PER_SECOND = 1_024
/** How long progress is averaged over: a stall is noticed after one to two of these. */
export const PROGRESS_PERIOD_MS = 5_000

/** Watches the frame that is being received. */
export class ProgressWatch {
  readonly #clock: Clock
  readonly #onStall: () => void
  #timer: Timer | null = null
  #unfinished = false
  #bytes = 0
  /** A frame ended in this period, so the present one is younger than it. */
  #fresh = true

  constructor(clock: Clock, onStall: () => void) {
    this.#clock = clock
    this.#onStall = onStall
  }

  /** Bytes came; `unfinished` says whether they leave a frame begun, `ended` whether they ended one. */
  note(bytes: number, { unfinished, ended }: { readonly unfinished: boolean; readonly ended: boolean }): void {
    this.#bytes += bytes
    this.#fresh ||= ended || !this.#unfinished
    this.#unfinished = unfinished
    if (unfinished && !this.#timer) this.#begin()
  }

  /** We do not read: the remote cannot be blamed. */
  pause(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  resume(): void {
    if (this.#unfinished && !this.#timer) this.#begin()
  }

  /** A new period begins; one timer serves many frames, as most end long before it fires. */
  #begin(): void {
    this.#bytes = 0
    this.#fresh = false
    this.#timer = this.#clock.setTimer(PROGRESS_PERIOD_MS, () => this.#onPeriod())
  }

  #onPeriod(): void {
    this.#timer = null
    if (!this.#unfinished) return
    const enough = this.#bytes >= (MIN_BYTES_PER_SECOND * PROGRESS_PERIOD_MS) / 1_000
    if (enough || this.#fresh) this.#begin()
    else this.#onStall()
  }
}
