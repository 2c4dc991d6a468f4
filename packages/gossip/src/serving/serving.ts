// What goes out to one neighbour, and when: hello, acknowledgements, proofs, answers, then the arrival log from its cursor on,
// each as far as its window goes. It serves from the log: what the neighbour lacks of the authors that it follows, what has
// come since it has been in the room (it may have lost a link meanwhile), and what of our own nobody has confirmed yet; then
// whatever arrives. One that does not keep up costs its position.

import { encodeRecord } from '@hearsay/core'
import type { Output, PeerHandle } from '../engine.js'
import { encodeFrame } from '../frames/frames.js'
import { isShared, LargeBlock } from '../large/large-block.js'
import { LargeServing } from '../large/large-serving.js'
import type { Arrival, ArrivalLog } from '../machine/arrivals.js'
import type { Neighbour } from '../machine/neighbour.js'
import type { Publisher } from '../machine/publisher.js'
import type { UnheardWords } from '../machine/unheard.js'
import type { Ordering } from '../order/ordering.js'
import type { Errands } from '../repair/errands.js'
import type { Waiters } from '../repair/waiters.js'
import type { Since } from '../since.js'
import type { Spread } from '../spread/spread.js'
import type { PlacedParts, PlacedRange } from './notices.js'
import { Outgoing } from './outgoing.js'

export interface ServingParts {
  readonly log: ArrivalLog
  readonly ordering: Ordering
  readonly publisher: Publisher
  readonly spread: Spread
  readonly since: Since
  readonly neighbours: ReadonlyMap<PeerHandle, Neighbour>
  readonly errands: Errands
  readonly waiters: Waiters
  readonly unheard: UnheardWords
  readonly emit: (output: Output) => void
}

export class Serving {
  readonly #parts: ServingParts
  readonly #outgoing: Outgoing
  readonly #large: LargeServing
  /** What is asked of neighbours that come from now on. */
  since: Since
  #lastFrame: { position: number; bytes: Uint8Array } = { position: -1, bytes: new Uint8Array() }

  constructor(parts: ServingParts) {
    const { log, spread, publisher, emit } = parts
    this.#parts = parts
    this.#outgoing = new Outgoing(publisher, emit)
    this.#large = new LargeServing({ log, spread, outgoing: this.#outgoing })
    this.since = parts.since
  }

  /** Sends what the neighbour is owed, as far as its window goes. `presentMs`: how long this node has been in the room. */
  serve(neighbour: Neighbour, now: number, presentMs: number): void {
    this.#large.sweep(neighbour, now)
    if (neighbour.blocked) return
    this.#greet(neighbour, presentMs)
    if (!neighbour.introduced || !this.#tellBegin(neighbour)) return
    this.#tellCompleted(neighbour, now)
    this.#acknowledge(neighbour)
    this.#tellForks(neighbour)
    this.#answer(neighbour, now)
    this.#tell(neighbour, now)
    this.#advance(neighbour, now)
    this.#tell(neighbour, now)
    this.#large.stream(neighbour)
    // What waited for a large record to be over goes on, and nobody else need do anything for that.
    if (neighbour.requests.length > 0 && !neighbour.transfers.isFull && !neighbour.blocked)
      neighbour.notices.hasten(now)
  }

  /** The neighbour wants these parts of a record; none: no more of it. */
  onWanted(neighbour: Neighbour, wanted: PlacedParts, now: number): void {
    this.#large.onWanted(neighbour, wanted, now)
  }

  #greet(neighbour: Neighbour, presentMs: number): void {
    if (neighbour.greeted || !this.#outgoing.hasWindow(neighbour)) return
    neighbour.greeted = true
    const { publisher, ordering } = this.#parts
    const { author, epoch } = publisher
    this.#outgoing.send(neighbour, {
      type: 'hello',
      author: author.id,
      epoch,
      presentMs,
      since: this.since,
      heads: ordering.heads(),
    })
  }

  #tellCompleted(neighbour: Neighbour, now: number): void {
    if (neighbour.completed.length === 0) return
    for (const position of neighbour.completed.splice(0)) {
      const arrival = this.#parts.log.at(position)
      if (arrival) neighbour.notices.have(arrival, now)
    }
  }

  /** Tells a neighbour which of its own messages have been handed to our room. */
  #acknowledge(neighbour: Neighbour): void {
    const { ordering } = this.#parts
    if (neighbour.author === null || neighbour.isTwin || neighbour.acknowledgedAt === ordering.deliveries) return
    for (const [from, to] of ordering.deliveredOf(neighbour.author, neighbour.epoch)) {
      if (neighbour.acknowledged.covers(from, to)) continue
      if (!this.#outgoing.hasWindow(neighbour)) return
      neighbour.acknowledged.add(from, to)
      this.#outgoing.send(neighbour, { type: 'ack', from, to })
    }
    neighbour.acknowledgedAt = ordering.deliveries
  }

  #tellForks(neighbour: Neighbour): void {
    for (let proof = neighbour.owedProof; proof && this.#outgoing.hasWindow(neighbour); proof = neighbour.owedProof) {
      this.#outgoing.send(neighbour, { type: 'fork', proof })
      neighbour.proofTold()
    }
  }

  /** The records that it asked for: those that begin where it asks, and on to the end of the range. */
  #answer(neighbour: Neighbour, now: number): void {
    for (
      let request = neighbour.requests[0];
      request && this.#outgoing.hasWindow(neighbour);
      request = neighbour.requests[0]
    ) {
      // It waits rather than pushing out one whose head has just gone, and which is about to be wanted.
      if (this.#mustWait(neighbour, request)) return
      neighbour.requests.shift()
      const rest = this.#answerFirst(neighbour, request, now)
      if (rest) neighbour.requests.unshift(rest)
    }
  }

  #mustWait(neighbour: Neighbour, { source, first }: PlacedRange): boolean {
    const position = this.#parts.log.positionOf(source, first)
    if (!neighbour.transfers.isFull || position === undefined || neighbour.transfers.has(position)) return false
    return this.#parts.log.at(position)?.body instanceof LargeBlock
  }

  #answerFirst(neighbour: Neighbour, request: PlacedRange, now: number): PlacedRange | null {
    const { log } = this.#parts
    const { source, first, count } = request
    const position = log.positionOf(source, first)
    const arrival = position === undefined ? undefined : log.at(position)
    // It may be on its way already.
    const isSent = position !== undefined && neighbour.transfers.has(position)
    if (position === undefined || !arrival || !isShared(arrival)) return this.#skip(neighbour, request, now)
    if (!isSent && !neighbour.mayAnswer(position)) {
      neighbour.notices.none(request, now)
      return null
    }
    if (position >= neighbour.cursor) log.noteHolder(position, neighbour.handle)
    if (!isSent) this.#push(neighbour, arrival, position)
    const left = first + count - arrival.end
    return left > 0 ? { source, first: arrival.end, count: left } : null
  }

  /** What is not here, up to where the next record begins that is: it may be in the midst of one, or what was here is gone. */
  #skip(neighbour: Neighbour, { source, first, count }: PlacedRange, now: number): PlacedRange | null {
    const { log } = this.#parts
    const end = first + count
    const next = log.nextStart(source, [first + 1, end], () => neighbour.mayLook(now))
    const lacked = { source, first, count: next - first }
    const later = log.positionOf(source, first) === undefined ? this.#answerLater(neighbour, lacked, now) : null
    if (later === null) neighbour.notices.none(lacked, now)
    const rest = later ?? next
    return rest < end ? { source, first: rest, count: end - rest } : null
  }

  /** Up to where it will be answered: what this node waits for as well, or fetches for it; null if there is nothing to come. */
  #answerLater({ handle }: Neighbour, lacked: PlacedRange, now: number): number | null {
    const { errands, waiters } = this.#parts
    return waiters.take(handle, lacked) ?? errands.take(handle, lacked, now)
  }

  #advance(neighbour: Neighbour, now: number): void {
    const { log, spread } = this.#parts
    const end = spread.upTo ?? log.next
    neighbour.cursor = Math.max(neighbour.cursor, log.oldest)
    for (; neighbour.cursor < end; neighbour.cursor++) {
      const arrival = log.at(neighbour.cursor)
      if (arrival && !this.#pass(neighbour, arrival, now)) return
    }
  }

  /** Tells or sends one arrival, if it is owed; false if that must wait. */
  #pass(neighbour: Neighbour, arrival: Arrival, now: number): boolean {
    if (!isShared(arrival)) return true
    const owed = this.#owed(neighbour, arrival)
    const isHeld = arrival.holders?.includes(neighbour.handle)
    if (owed === 'nothing') return true
    if (isHeld && !this.#isSharing(neighbour, arrival)) {
      // It came there by another way: no more can be done for it.
      this.#outgoing.tellPushed(neighbour, arrival)
      return true
    }
    if (!this.#outgoing.hasWindow(neighbour)) return false
    if (isHeld) {
      neighbour.notices.have(arrival, now)
      return true
    }
    const { spread, neighbours } = this.#parts
    const others = neighbours.size - (arrival.via !== null && neighbours.has(arrival.via) ? 1 : 0)
    const way = spread.wayOf({ neighbour, arrival, isPast: owed === 'past', isOnly: others <= 1, now })
    switch (way === 'push' && this.#mustOffer(neighbour, arrival, owed) ? 'offer' : way) {
      case 'push':
        // What was offered before it is to be heard of before it: else its author would begin with this one.
        if (neighbour.notices.hasOffers) this.#tellOffers(neighbour, now)
        if (!this.#outgoing.hasWindow(neighbour)) return false
        this.#push(neighbour, arrival, neighbour.cursor)
        return true
      case 'have':
        neighbour.notices.have(arrival, now)
        return true
      case 'offer':
        if (!(arrival.body instanceof LargeBlock)) return this.#noteRun(neighbour, arrival, { owed, now })
        if (neighbour.offersLeft === 0) return false
        neighbour.offersLeft--
        neighbour.notices.offer(arrival, now)
        return true
    }
  }

  /** The past is told as soon as all of it is known; what is recovered comes bit by bit, and can wait for more. */
  #noteRun(neighbour: Neighbour, arrival: Arrival, { owed, now }: { owed: 'live' | 'past'; now: number }): boolean {
    if (neighbour.notices.isFull) {
      this.#tellOffers(neighbour, now)
      if (!this.#outgoing.hasWindow(neighbour)) return false
    }
    if (!neighbour.notices.isRunning(arrival)) {
      if (neighbour.offersLeft === 0) return false
      neighbour.offersLeft--
    }
    neighbour.notices.run(arrival, now)
    if (owed === 'past' || !arrival.isRecovered) neighbour.notices.hasten(now)
    return true
  }

  #tellOffers(neighbour: Neighbour, now: number): void {
    neighbour.notices.hasten(now)
    this.#tell(neighbour, now)
  }

  /** Live records, unless it has them; of what was before, what it lacks of authors it followed and our own unconfirmed. */
  #owed(neighbour: Neighbour, arrival: Arrival): 'nothing' | 'live' | 'past' {
    const { record, at, via, source, end, isForOthers } = arrival
    if (via === neighbour.handle) return 'nothing'
    const { cursor, liveFrom, liveSince, askedFrom } = neighbour
    const isLive = cursor >= liveFrom
    const owedFrom = neighbour.owedFrom(source)
    if (owedFrom !== null && end <= owedFrom) return 'nothing'
    if (isForOthers) return neighbour.mayLackFrom(source) === null ? 'nothing' : 'past'
    if (isLive) return 'live'
    if (owedFrom !== null || cursor >= askedFrom || at > liveSince) return 'past'
    return this.#parts.unheard.isUnheard(record.header) ? 'live' : 'nothing'
  }

  /** The last messages that it asked for may begin in the midst of a record: it hears so first of all. False if that must wait. */
  #tellBegin(neighbour: Neighbour): boolean {
    const { surplus, askedFrom, notices } = neighbour
    if (surplus === 0) return true
    const arrival = this.#parts.log.at(askedFrom)
    if (!arrival || !this.#isCut(neighbour, arrival)) {
      // Later it would be no news.
      neighbour.surplus = 0
      return true
    }
    const { source, record } = arrival
    if (!this.#outgoing.hasWindow(neighbour)) return false
    const naming = notices.naming(source)
    if (naming) this.#outgoing.transmit(neighbour, naming)
    // The name may have taken the rest.
    if (!this.#outgoing.hasWindow(neighbour)) return false
    this.#outgoing.send(neighbour, {
      type: 'begin',
      name: notices.nameOf(source),
      seq: record.header.firstSeq + surplus,
    })
    neighbour.surplus = 0
    neighbour.begunAt = askedFrom
    return true
  }

  /** Unless it is owed all of the record for another reason, or nothing of it. */
  #isCut(neighbour: Neighbour, arrival: Arrival): boolean {
    if (!isShared(arrival) || arrival.isForOthers || neighbour.askedFrom >= neighbour.liveFrom) return false
    return neighbour.owedFrom(arrival.source) === null && !this.#parts.unheard.isUnheard(arrival.record.header)
  }

  #push(neighbour: Neighbour, arrival: Arrival, position: number): void {
    neighbour.showings.give(position)
    if (arrival.body instanceof LargeBlock) {
      if (!neighbour.transfers.isFull) this.#large.begin(neighbour, neighbour.transfers.begin(position, arrival), true)
      return
    }
    this.#outgoing.transmit(neighbour, this.#frameOf(position, arrival, arrival.body))
    this.#outgoing.tellPushed(neighbour, arrival)
  }

  /**
   * Large ones of the past come in masses: the neighbour is to say how many it can put together. And what comes unasked may be new:
   * of that it hears all.
   */
  #mustOffer(neighbour: Neighbour, { body }: Arrival, owed: 'live' | 'past'): boolean {
    if (neighbour.cursor === neighbour.begunAt) return true
    return body instanceof LargeBlock && (owed === 'past' || neighbour.transfers.isFull)
  }

  /** True if the neighbour, which has at least the beginning of it, had better know that we do too. */
  #isSharing(neighbour: Neighbour, { body }: Arrival): boolean {
    return body instanceof LargeBlock && !neighbour.transfers.has(neighbour.cursor)
  }

  #tell(neighbour: Neighbour, now: number): void {
    while (neighbour.notices.due <= now && this.#outgoing.hasWindow(neighbour)) {
      const frame = neighbour.notices.take(now)
      if (frame) this.#outgoing.transmit(neighbour, frame)
    }
    // It has asked not to be sent these, so nothing better will be done for it.
    for (const arrival of neighbour.notices.takeTold()) this.#outgoing.tellPushed(neighbour, arrival)
  }

  /** Neighbours mostly stand at the same place of the log, so the frame made last is mostly the one needed next. */
  #frameOf(position: number, { record, hops }: Arrival, block: Uint8Array): Uint8Array {
    if (this.#lastFrame.position !== position) {
      const { header, signature, signed, id } = record
      const bytes = encodeFrame({
        type: 'record',
        hops,
        record: encodeRecord({ header, signature, signed, id, block }),
      })
      this.#lastFrame = { position, bytes }
    }
    return this.#lastFrame.bytes
  }
}
