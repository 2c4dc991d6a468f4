// The way of a record that is new here: to the application for its verdict, into the log, from where it goes on to others, and
// into the order in which it is delivered.

import type { Crypto, Drop, RecordContents, RecordHead, SignedRecord } from '@hearsay/core'
import type { Output, PeerHandle, Verdict } from '../engine.js'
import type { Assemblies } from '../large/assemblies.js'
import { isShared, LargeBlock, WHOLE_BYTES } from '../large/large-block.js'
import { type Entered, type Entry, rangeOf } from '../large/large-records.js'
import type { Ordering } from '../order/ordering.js'
import type { Pending } from '../order/sequence.js'
import type { Exchange } from '../repair/exchange.js'
import { type News, NO_NEWS } from '../repair/news.js'
import type { Spread } from '../spread/spread.js'
import type { Arrival, ArrivalLog } from './arrivals.js'
import type { Arriving, Judgement } from './judgement.js'
import type { Neighbour } from './neighbour.js'

export interface AdmissionParts {
  readonly crypto: Crypto
  readonly log: ArrivalLog
  readonly ordering: Ordering
  readonly exchange: Exchange
  readonly assemblies: () => Assemblies
  readonly spread: Spread
  readonly neighbours: ReadonlyMap<PeerHandle, Neighbour>
  /** Null if the application judges nothing. */
  readonly judgement: Judgement | null
  readonly emit: (output: Output) => void
}

export class Admission {
  readonly #parts: AdmissionParts

  constructor(parts: AdmissionParts) {
    this.#parts = parts
  }

  /** A whole record, new here. */
  arriving(
    record: SignedRecord,
    how: { contents: RecordContents; hops: number; from: Neighbour | null; now: number },
  ): Arriving {
    const { contents, hops, from, now } = how
    const { messages, causes } = contents
    const via = from?.remote ?? null
    const news = this.#parts.exchange.arrived(from?.handle ?? null, rangeOf(record), now)
    const isOffered = news.recovered
    const pending: Pending = { record, block: record.block, messages, causes, hops, via, isOffered }
    return { pending, position: null, from, news, now }
  }

  /**
   * True if it may be that its author says it just now: nobody asked for it. Of one that came in parts no more is known than that it
   * is withheld; it may be only because there is a judge, and then it can wait as well.
   */
  isDoubtful(arriving: Arriving): boolean {
    const arrival = arriving.position === null ? undefined : this.#parts.log.at(arriving.position)
    const isUnasked = arrival ? !isShared(arrival) : arriving.news.errand === 'unasked'
    return isUnasked && this.#isForOthers(arriving)
  }

  /** Nobody hears of it before the application has said what it thinks. */
  judge(arriving: Arriving): void {
    if (!this.#parts.judgement) return this.accept(arriving)
    const { header } = arriving.pending.record
    this.#parts.log.remember(arriving.pending.record)
    // What is at the judge for others only does not make its author one that is followed here.
    if (this.#isForOthers(arriving)) this.#parts.ordering.know(header)
    else this.#parts.ordering.judge(header)
    const verdict = this.#parts.judgement.judge(arriving)
    if (verdict !== null) this.#settle(arriving, verdict)
  }

  onVerdict(ticket: number, verdict: Verdict, now: number): void {
    const arriving = this.#parts.judgement?.take(ticket, verdict, now)
    if (!arriving) return
    const isHere = arriving.from !== null && this.#parts.neighbours.has(arriving.from.handle)
    this.#settle({ ...arriving, from: isHere ? arriving.from : null, now }, verdict)
  }

  #settle(arriving: Arriving, verdict: Verdict): void {
    const { pending, position, now } = arriving
    // Its author may have forked while the application thought about it.
    const isFrozen = this.#parts.ordering.isFrozen(pending.record.header)
    if (verdict === 'accept' && !isFrozen) return this.accept(arriving)
    const isForOthers = this.#isForOthers(arriving)
    if (position !== null) this.#parts.log.remove(position)
    if (verdict !== 'accept')
      this.#parts.emit(dropped(pending.record.header, verdict === 'reject' ? 'rejected' : 'ignored'))
    if (isForOthers) return
    // It keeps its place, so that what follows it is not held up, and nobody is asked for it.
    this.#parts.ordering.accept({ ...pending, isRefused: true }, { begin: false, now })
  }

  accept(arriving: Arriving): void {
    const { pending, from, now } = arriving
    const { header } = pending.record
    const isForOthers = this.#isForOthers(arriving)
    const arrival = this.#parts.log.at(this.#positionOf(arriving))
    if (arrival) arrival.isForOthers = isForOthers
    if (isForOthers) {
      // It was over when this node came, whoever says that somebody lacks it.
      return this.#parts.ordering.know(header)
    }
    this.#parts.ordering.accept(pending, { begin: this.#mayBegin(pending.record, from), now })
    if (!arrival || from === null) return
    const { author, epoch } = arrival.source
    if (this.#parts.ordering.holeOf(author, epoch)) this.#parts.exchange.fillings.note(arrival.source, from.handle, now)
  }

  /** True if it was fetched for neighbours, and this node does not hear its author itself. */
  #isForOthers({ news, position, pending: { record } }: Arriving): boolean {
    const arrival = position === null ? undefined : this.#parts.log.at(position)
    const isFetched = news.errand !== null || arrival?.isForOthers === true
    return isFetched && !this.#parts.ordering.isFollowed(record.header.author, record.header.epoch)
  }

  /** Where it stands in the log. What was judged stood where nobody was told of it: it goes on as if it had just come. */
  #positionOf(arriving: Arriving): number {
    const { position, from, now } = arriving
    const arrival = position === null ? undefined : this.#parts.log.at(position)
    if (position === null || (!arrival && this.#parts.judgement)) return this.#enterWhole(arriving).position
    if (!(arrival?.body instanceof LargeBlock) || arrival.body.isShared) return position
    arrival.body.share()
    this.#parts.log.remove(position)
    const news = { ...NO_NEWS, asked: true, recovered: arrival.isRecovered, holders: arrival.holders ?? [] }
    return this.#enterWith(arrival, { from, news, now }).position
  }

  #enterWhole({ pending: { record, block, hops }, from, news, now }: Arriving): Entered {
    const body = block.byteLength > WHOLE_BYTES ? LargeBlock.of({ ...record, block }, this.#parts.crypto) : block
    return this.#enterWith({ record, body, hops }, { from, news, now })
  }

  /** The head of a large record: its parts come later, for others too if they were asked for on behalf of those. */
  enter(entry: Entry, from: Neighbour | null, now: number): Entered {
    const { author, epoch } = entry.record.header
    const news = this.#parts.exchange.arrived(from?.handle ?? null, rangeOf(entry.record), now)
    const entered = this.#enterWith(entry, { from, news, now })
    const isForOthers = news.errand !== null && !this.#parts.ordering.isFollowed(author, epoch)
    if (entered.arrival) entered.arrival.isForOthers = isForOthers
    if (isForOthers && news.errand === 'unasked' && entry.body instanceof LargeBlock) entry.body.withhold()
    return entered
  }

  #enterWith(
    { record, body, hops }: Entry,
    { from, news, now }: { from: Neighbour | null; news: News; now: number },
  ): Entered {
    const via = from?.handle ?? null
    this.forgotten(this.#parts.log.append({ record, body, hops, at: now, via, isRecovered: news.recovered }))
    const position = this.#parts.log.next - 1
    const arrival = this.#parts.log.at(position)
    for (const holder of news.holders) this.#parts.log.noteHolder(position, holder)
    if (arrival) this.#parts.spread.onAccepted(arrival, { from, news, now })
    return { arrival, position, holders: news.holders }
  }

  /**
   * An author sends its own in order, and from a lone one nothing earlier can come by another path, but what is large comes
   * later than what was said after it. A relay sends as it heard, which need not be in order.
   */
  #mayBegin({ header }: RecordHead, from: Neighbour | null): boolean {
    if (this.#parts.neighbours.size > 1 || from?.signs(header) !== true) return false
    const range = { from: 0, before: header.firstSeq }
    return (
      !this.#parts.assemblies().isComing(header, range, null) &&
      !this.#parts.exchange.runs.isClaimed(header, [0, header.firstSeq]) &&
      this.#parts.exchange.wants.promisersOf(header, range).size === 0
    )
  }

  /** These had to leave the log. */
  forgotten(evicted: readonly Arrival[]): void {
    for (const { record, body } of evicted) {
      const isUnheard = body instanceof LargeBlock && body.whole === null
      this.#parts.emit({ ...dropped(record.header, 'history'), ...(isUnheard && { isUnheard }) })
    }
  }
}

/** This record is let go, or was never taken. */
export function dropped(
  { author, epoch, firstSeq, count }: RecordHead['header'],
  reason: Drop['reason'],
): Extract<Output, { type: 'drop' }> {
  return { type: 'drop', drop: { author, epoch, from: firstSeq, to: firstSeq + count, reason } }
}
