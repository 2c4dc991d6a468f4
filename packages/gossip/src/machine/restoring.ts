// Puts back what was kept when the room was here last: as history that is served to others and not delivered again. A store
// gives back what it was given or nothing, so signatures are not checked a second time; what is missing is asked of peers.

import { recordMessages } from '@hearsay/core'
import type { MachineContext, Output, Restored } from '../engine.js'
import { LargeBlock, WHOLE_BYTES } from '../large/large-block.js'
import { IntervalSet } from '../order/intervals.js'
import type { Ordering } from '../order/ordering.js'
import type { ArrivalLog, Source } from './arrivals.js'
import { attempt } from './intake.js'
import { placeKey } from './place-key.js'
import type { UnheardWords } from './unheard.js'

/** Places whose holes are remembered. */
const MAX_PLACES = 256

export interface RestoringParts {
  readonly log: ArrivalLog
  readonly ordering: Ordering
  readonly unheard: UnheardWords
  readonly emit: (output: Output) => void
}

export class Restoring {
  readonly #context: MachineContext
  readonly #parts: RestoringParts
  /** Places of which not everything between the first and the last record was there. */
  hollow: readonly Source[] = []

  constructor(context: MachineContext, parts: RestoringParts) {
    this.#context = context
    this.#parts = parts
  }

  restore(records: readonly Restored[], now: number): void {
    const places = new Map<string, { readonly source: Source; readonly held: IntervalSet }>()
    for (const stored of records) {
      const messages = attempt(() => recordMessages(stored.record, this.#context.topic, this.#context.crypto))
      if ('fault' in messages) continue
      this.#take(stored, messages.value, now)
      const { author, epoch, firstSeq, count } = stored.record.header
      const key = placeKey({ author, epoch })
      const place = places.get(key) ?? { source: { author, epoch }, held: new IntervalSet() }
      place.held.add(firstSeq, firstSeq + count)
      places.set(key, place)
    }
    const hollow = [...places.values()].filter(({ held }) => held.ranges.length > 1)
    this.hollow = hollow.slice(0, MAX_PLACES).map(({ source }) => source)
  }

  #take(stored: Restored, messages: readonly Uint8Array[], now: number): void {
    const { record, receivedAt, at } = stored
    const { author, epoch, firstSeq, time } = record.header
    const { log, ordering, unheard, emit } = this.#parts
    if (!ordering.admits(author, epoch)) return
    ordering.restore(record, now)
    unheard.restore(record.header, stored.isUnheard === true)
    const body = record.block.byteLength > WHOLE_BYTES ? LargeBlock.of(record, this.#context.crypto) : record.block
    log.append({ record, body, hops: 0, at, via: null, isRecovered: true })
    for (const [index, payload] of messages.entries()) {
      const place = { author, epoch, seq: firstSeq + index, time, receivedAt }
      emit({ type: 'recall', delivery: { ...place, hops: 0, via: null, payload } })
    }
  }
}
