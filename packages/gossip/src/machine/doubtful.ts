// Records of which it is not clear whether they are old: fetched for others unasked, they are put aside (aside.ts), and are
// what they seem to be if nobody else tells of them meanwhile.

import type { PeerHandle } from '../engine.js'
import { rangeOf } from '../large/large-records.js'
import type { Ordering } from '../order/ordering.js'
import type { Exchange } from '../repair/exchange.js'
import type { Account } from './accounts.js'
import type { Admission } from './admission.js'
import type { ArrivalLog } from './arrivals.js'
import { Aside } from './aside.js'
import type { Forks } from './forks.js'
import type { Intake } from './intake.js'
import type { Arriving } from './judgement.js'
import type { Neighbour } from './neighbour.js'

export interface DoubtfulContext {
  readonly capacityBytes: number
  readonly log: ArrivalLog
  readonly ordering: Ordering
  readonly intake: Intake
  readonly forks: Forks
  readonly exchange: Exchange
  readonly admission: Admission
  readonly neighbours: ReadonlyMap<PeerHandle, Neighbour>
}

export class Doubtful {
  readonly #context: DoubtfulContext
  readonly #aside: Aside

  constructor(context: DoubtfulContext) {
    this.#context = context
    this.#aside = new Aside(context.capacityBytes)
  }

  get account(): Account {
    return this.#aside.account
  }

  /** When `release` is next needed; infinity if never. */
  get deadline(): number {
    return this.#aside.deadline
  }

  /** All of a new record is here; what came in parts stands in the log. */
  take(arriving: Arriving): void {
    const { admission, log } = this.#context
    if (!admission.isDoubtful(arriving)) return admission.judge(arriving)
    const isKept = this.#aside.put(arriving)
    if (isKept) log.remember(arriving.pending.record)
    else if (arriving.position !== null) log.remove(arriving.position)
  }

  /** What nobody else told of meanwhile is old, and for those who lack it. */
  release(now: number): void {
    const { admission, exchange, neighbours } = this.#context
    for (let arriving = this.#aside.take(now); arriving; arriving = this.#aside.take(now)) {
      const { record } = arriving.pending
      if (!this.#isStillNew(arriving)) continue
      const range = rangeOf(record)
      const errand = exchange.isTold(range) ? null : arriving.news.errand
      const from = (arriving.from && neighbours.get(arriving.from.handle)) ?? null
      admission.judge({ ...arriving, from, news: { ...arriving.news, errand }, now })
      exchange.errands.released(range, now)
    }
  }

  /** It was when it came: false if it came by another way since, or had to leave the log. */
  #isStillNew({ pending: { record, block }, position }: Arriving): boolean {
    const { log, ordering, intake, forks } = this.#context
    if (position !== null) return log.at(position)?.record === record && !ordering.isFrozen(record.header)
    const finding = intake.judgeAgain({ ...record, block })
    if (finding.is === 'fork') forks.onRecords(finding.held, finding.record)
    return finding.is === 'new'
  }
}
