// The application's word on messages before they are passed on: one verdict for each record, for it is signed as a whole.

import type { Clock, Delivery, Timer } from '@hearsay/core'
import type { Verdict } from '../engine.js'
import { GossipError } from '../errors.js'

/** A message as it is judged, before it counts as received. */
export type Judged = Omit<Delivery, 'receivedAt'>

/** True is `accept`, false is `reject`. One that gives no verdict in 30 s ignores the message, with a `warning`. */
export type Validate<Message = Judged> = (message: Message) => Verdict | boolean | PromiseLike<Verdict | boolean>

/** A validator that throws says nothing about the message. */
const UNKNOWN: Verdict = 'ignore'

/** One that does not answer at all must not fill the room with what waits for it. */
const VERDICT_MS = 30_000

export interface ValidationOptions {
  readonly validate: Validate
  readonly clock: Clock
  readonly warn: (error: unknown) => void
}

export class Validation {
  readonly #options: ValidationOptions
  readonly #timers = new Set<Timer>()

  constructor(options: ValidationOptions) {
    this.#options = options
  }

  /** Calls `settle` with the strictest verdict on any of the messages: at once, if the validator answers at once. */
  judge(messages: readonly Judged[], settle: (verdict: Verdict) => void): void {
    const verdicts = messages.map((message) => this.#verdictOn(message))
    if (verdicts.every((verdict) => !isThenable(verdict))) return settle(strictest(verdicts as Verdict[]))
    const timer = this.#options.clock.setTimer(VERDICT_MS, () => {
      this.#timers.delete(timer)
      settle(this.#failed(new GossipError('ERR_VERDICT', `the validator gave no verdict in ${VERDICT_MS} ms`)))
    })
    this.#timers.add(timer)
    const caught = verdicts.map((verdict) => Promise.resolve(verdict).catch((error) => this.#failed(error)))
    void Promise.all(caught).then((all) => {
      // Not twice: its time was over, or the room is.
      if (!this.#timers.delete(timer)) return
      timer.cancel()
      settle(strictest(all))
    })
  }

  /** Nobody waits for a verdict any more. */
  close(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  #verdictOn(message: Judged): ReturnType<Validate> {
    try {
      return this.#options.validate(message)
    } catch (error) {
      return this.#failed(error)
    }
  }

  #failed(error: unknown): Verdict {
    this.#options.warn(error)
    return UNKNOWN
  }
}

function isThenable(value: unknown): boolean {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
}

function strictest(verdicts: readonly (Verdict | boolean)[]): Verdict {
  if (verdicts.some((verdict) => verdict === 'reject' || verdict === false)) return 'reject'
  return verdicts.every((verdict) => verdict === 'accept' || verdict === true) ? 'accept' : UNKNOWN
}
