// What a record turns out to be that is not news: known, faulty, another's affair, or one half of a fork.

import type { RecordHead } from '@hearsay/core'
import type { Output } from '../engine.js'
import { rangeOf } from '../large/large-records.js'
import type { Exchange } from '../repair/exchange.js'
import type { News } from '../repair/news.js'
import type { Spread } from '../spread/spread.js'
import { dropped } from './admission.js'
import type { ArrivalLog } from './arrivals.js'
import type { Forks } from './forks.js'
import type { Fault, Finding } from './intake.js'
import type { Neighbour } from './neighbour.js'
import type { Publisher } from './publisher.js'

export interface FindingsContext {
  readonly log: ArrivalLog
  readonly forks: Forks
  readonly exchange: Exchange
  readonly spread: Spread
  readonly publisher: Publisher
  emit(output: Output): void
  misbehaved(neighbour: Neighbour, fault: Fault, now: number): void
}

export class Findings {
  readonly #context: FindingsContext

  constructor(context: FindingsContext) {
    this.#context = context
  }

  /** What the neighbour sent is not new. */
  take(neighbour: Neighbour, finding: Exclude<Finding, { is: 'new' }>, now: number): void {
    switch (finding.is) {
      case 'known':
        return this.known(neighbour, finding, { isAsked: false, now })
      case 'faulty':
        return this.#context.misbehaved(neighbour, finding.fault, now)
      case 'unseen':
        return this.#context.exchange.unseen(neighbour.handle, rangeOf(finding.record), now)
      case 'foreign':
        this.#answered(neighbour, finding.record, now)
        return void this.#context.emit(dropped(finding.record.header, 'members'))
      case 'refused':
        this.#answered(neighbour, finding.record, now)
        return void this.#context.emit(dropped(finding.record.header, 'authors'))
      case 'fork':
        this.#answered(neighbour, finding.record, now)
        return this.#context.forks.onRecords(finding.held, finding.record)
    }
  }

  /** It is here already: it may answer a question, and shows that the neighbour has it. */
  known(
    neighbour: Neighbour,
    { record, position }: { readonly record: RecordHead; readonly position: number | null },
    { isAsked, now }: { readonly isAsked: boolean; readonly now: number },
  ): void {
    const { asked } = this.#answered(neighbour, record, now)
    const arrival = position === null ? undefined : this.#context.log.at(position)
    if (position === null || !arrival) return
    if (!asked && !isAsked) this.#context.spread.onDuplicate(neighbour, arrival, now)
    if (neighbour.showings.isForeign(position, this.#context.log.next)) this.noteShown(neighbour, record)
    this.#context.log.noteHolder(position, neighbour.handle)
  }

  /** Who passes on what others say is worth more than who says something itself: that is told by deliveries. */
  noteShown(neighbour: Neighbour, { header: { author } }: RecordHead): void {
    if (author === neighbour.author || author === this.#context.publisher.author.id || !neighbour.showings.show(author))
      return
    this.#context.emit({ type: 'shown', remote: neighbour.remote, author })
  }

  /** Also what is not taken answers a question: the neighbour would count as busy with it for good. */
  #answered(neighbour: Neighbour, record: RecordHead, now: number): News {
    return this.#context.exchange.arrived(neighbour.handle, rangeOf(record), now)
  }
}
