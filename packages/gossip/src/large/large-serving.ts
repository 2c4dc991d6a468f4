// What goes out of large records to one neighbour: heads, and the parts that it wants as they are here, several records in turns.

import { encodePartFrame } from '../frames/part-frames.js'
import type { Arrival, ArrivalLog } from '../machine/arrivals.js'
import type { Neighbour } from '../machine/neighbour.js'
import type { PlacedParts } from '../serving/notices.js'
import type { Outgoing } from '../serving/outgoing.js'
import type { Spread } from '../spread/spread.js'
import { isShared, LargeBlock } from './large-block.js'
import type { Transfer } from './transfers.js'

export class LargeServing {
  readonly #log: ArrivalLog
  readonly #spread: Spread
  readonly #outgoing: Outgoing

  constructor({ log, spread, outgoing }: { log: ArrivalLog; spread: Spread; outgoing: Outgoing }) {
    this.#log = log
    this.#spread = spread
    this.#outgoing = outgoing
  }

  /** The neighbour wants these parts of a record; none: no more of it. */
  onWanted(neighbour: Neighbour, { source, first, parts }: PlacedParts, now: number): void {
    const position = this.#log.positionOf(source, first)
    const arrival = position === undefined ? undefined : this.#log.at(position)
    if (parts.length === 0) {
      if (position !== undefined && arrival) this.#onEnough(neighbour, arrival, position)
      return
    }
    const transfer = position === undefined ? undefined : this.#transferOf(neighbour, arrival, position)
    if (!transfer) return neighbour.notices.none({ source, first, count: 1 }, now)
    this.#spread.onAsked(neighbour, source)
    neighbour.transfers.want(transfer, parts)
  }

  /** Sends its head; `mayFollow`: the first parts may follow it unasked. */
  begin(neighbour: Neighbour, transfer: Transfer, mayFollow: boolean): void {
    this.#outgoing.transmit(neighbour, neighbour.transfers.headOf(transfer, mayFollow))
  }

  /** That of a record that is asked for in parts: begun if need be, as often as a record is sent to one who asks. */
  #transferOf(neighbour: Neighbour, arrival: Arrival | undefined, position: number): Transfer | undefined {
    const { transfers } = neighbour
    const known = transfers.find(position)
    if (known || !(arrival?.body instanceof LargeBlock) || !isShared(arrival)) return known
    if (!transfers.hasRoom || !neighbour.mayAnswer(position)) return undefined
    if (position >= neighbour.cursor) this.#log.noteHolder(position, neighbour.handle)
    neighbour.showings.give(position)
    return transfers.begin(position, arrival)
  }

  /** It has the record, or does not want it. */
  #onEnough(neighbour: Neighbour, arrival: Arrival, position: number): void {
    const transfer = neighbour.transfers.find(position)
    if (transfer?.sent.size === 0) neighbour.unanswer(position)
    neighbour.transfers.end(position)
    this.#log.noteHolder(position, neighbour.handle)
    this.#outgoing.tellPushed(neighbour, arrival)
  }

  /** Parts of large records, after everything else. */
  stream(neighbour: Neighbour): void {
    const { transfers } = neighbour
    for (let next = transfers.next(); next && this.#outgoing.hasWindow(neighbour); next = transfers.next()) {
      const { transfer, index } = next
      if (index === null) this.begin(neighbour, transfer, false)
      else this.#sendPart(neighbour, transfer, index)
    }
  }

  #sendPart(neighbour: Neighbour, transfer: Transfer, index: number): void {
    const { arrival, block } = transfer
    const { source, record } = arrival
    const part = block.part(index)
    // Whatever the reason: whose turn it is must not be the same for ever.
    if (!part) return void transfer.wanted.delete(index)
    const naming = neighbour.notices.naming(source)
    if (naming) this.#outgoing.transmit(neighbour, naming)
    const place = { name: neighbour.notices.nameOf(source), first: record.header.firstSeq }
    this.#outgoing.transmit(neighbour, encodePartFrame({ type: 'part', ...place, index, ...part }))
    if (neighbour.transfers.sent(transfer, index)) this.#outgoing.tellPushed(neighbour, arrival)
  }

  /** Ends what is no longer here, also for one that takes nothing: it would keep the bytes alive. */
  sweep(neighbour: Neighbour, now: number): void {
    for (const { position, arrival } of neighbour.transfers.all()) {
      if (this.#log.at(position) === arrival) continue
      const { firstSeq: first, count } = arrival.record.header
      neighbour.transfers.end(position)
      neighbour.notices.none({ source: arrival.source, first, count }, now)
    }
  }
}
