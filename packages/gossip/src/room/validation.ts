// The application's word on messages before they are passed on: one verdict for each record, for it is signed as a whole.

import type { Delivery } from '@hearsay/core'
import type { Verdict } from '../engine.js'

/** A message as it is judged, before it counts as received. */
export type Judged = Omit<Delivery, 'receivedAt'>

/** True is `accept`, false is `reject`. */
export type Validate<Message = Judged> = (message: Message) => Verdict | boolean | Promise<Verdict | boolean>

/** A validator that throws says nothing about the message. */
const UNKNOWN: Verdict = 'ignore'

/** Calls `settle` with the strictest verdict on any of the messages: at once, if the validator answers at once. */
export function judgeAll(
  messages: readonly Judged[],
  {
    validate,
    settle,
    warn,
  }: { validate: Validate; settle: (verdict: Verdict) => void; warn: (error: unknown) => void },
): void {
  const failed = (error: unknown): Verdict => {
    warn(error)
    return UNKNOWN
  }
  const verdicts = messages.map((message) => {
    try {
      return validate(message)
    } catch (error) {
      return failed(error)
    }
  })
  if (verdicts.every((verdict) => !(verdict instanceof Promise))) return settle(strictest(verdicts as Verdict[]))
  const caught = verdicts.map((verdict) => Promise.resolve(verdict).catch(failed))
  void Promise.all(caught).then((all) => settle(strictest(all)))
}

function strictest(verdicts: readonly (Verdict | boolean)[]): Verdict {
  if (verdicts.some((verdict) => verdict === 'reject' || verdict === false)) return 'reject'
  return verdicts.every((verdict) => verdict === 'accept' || verdict === true) ? 'accept' : UNKNOWN
}
