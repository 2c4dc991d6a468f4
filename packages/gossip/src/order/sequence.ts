// The order of one author's epoch: what may be delivered now, what waits for an earlier record, and which hole is given up.
//
//   settling  no place to begin yet: heard mid-stream, another path may still bring something earlier
//   flowing   `next` is the first number not yet delivered; records beyond a hole wait in `held`

import type { Cause, PeerId, RecordHead } from '@hearsay/core'
import { type Interval, IntervalSet } from './intervals.js'

/** A record on its way to the application, with what it needs there. */
export interface Pending {
  readonly record: RecordHead
  readonly block: Uint8Array
  readonly messages: readonly Uint8Array[]
  /** What its author had heard before it. */
  readonly causes: readonly Cause[]
  readonly hops: number
  readonly via: PeerId | null
  /** True if the application does not want it: it takes its place, and is not delivered. */
  readonly isRefused?: boolean
  /** True if who sent it was asked for it, mostly since it offered it: so comes what was said before this node came. */
  readonly isOffered?: boolean
}

/** What became deliverable, in order: records, and holes that were given up before them; or came too late for that. */
export type Step =
  | { readonly gap: Interval }
  /** From that number on. */
  | { readonly ready: Pending; readonly from: number }
  | { readonly late: Pending }

/** How long what waits may wait, from `now` on, and what it waits for. */
export interface Patience {
  readonly now: number
  readonly settleMs: number
  readonly holdMs: number
  /** Deliver a record as it comes, whatever is before it. */
  readonly atOnce: boolean
  /** Where what was asked for begins, if that may be in the midst of this record; null if nobody says. */
  readonly beginsAt: (pending: Pending) => number | null
  /** True if nothing that must be heard before this record is missing. */
  readonly isDue: (pending: Pending) => boolean
}

/** What a payload costs beside its bytes while it is held: a view on a buffer takes 107 bytes of heap on Node 20. */
const VIEW_BYTES = 107
/** Words that are asked for before the first that was heard: more is not what was said in the moment that links took to be made. */
const MAX_UNHEARD = 1_024
/** What is on its way is looked for again no sooner, however short the patience. */
const LEAST_WAIT_MS = 10
/** The block of what is no longer held itself, but keeps its place. */
const NOTHING = new Uint8Array()
/** The end of one whose author forked: nothing below it is new. */
export const FORKED: number = Number.MAX_SAFE_INTEGER - 1

export class Sequence {
  /** Every number of which a record was accepted. */
  readonly #known = new IntervalSet()
  #held: Pending[] = []
  #heldBytes = 0
  #next: number | null = null
  /** Never claims what was not delivered: a peer is told these as confirmed. */
  readonly #delivered = new IntervalSet(64, 'forget')
  #deadline: number | null = null
  /** Since when what is held waits for the same hole. */
  #waitsSince = 0
  #frozenAt: number | null = null
  #isRestored = false
  /** True once a record had its turn: what was asked for may begin in the midst of the first only. */
  #hasBegun = false
  /** First numbers of the records that are at the judge. */
  readonly #judged = new Set<number>()

  /** @param end of one that was followed before: nothing below it is new; null of one that was not */
  constructor(end: number | null = null) {
    this.#next = end
    this.#hasBegun = end !== null
    if (end !== null) this.#known.add(0, end)
  }

  /** True if nothing waits: `end` says all that matters. */
  get isIdle(): boolean {
    return this.#held.length === 0 && this.#judged.size === 0
  }

  /** True if it began, or what it may begin with is here: else at most what was fetched for others is known of it. */
  get isFollowed(): boolean {
    return this.#next !== null || !this.isIdle
  }

  /** The number from which on something new may come; there is none of an author that forked. Null if it never began. */
  get end(): number | null {
    return this.#frozenAt === null ? this.#next : FORKED
  }

  /** The first number not yet delivered; null while settling. */
  get next(): number | null {
    return this.#next
  }

  /** The unbroken runs of deliveries, ascending; the latest 64. */
  get delivered(): readonly Interval[] {
    return this.#delivered.ranges
  }

  /** From where on its author is known to have said two things; null if it is not. */
  get frozenAt(): number | null {
    return this.#frozenAt
  }

  /** The record whose turn it is, and that waits for what others said before it. */
  get waiting(): Pending | null {
    const [first] = this.#held
    return first && first.record.header.firstSeq === this.#next ? first : null
  }

  get heldCount(): number {
    return this.#held.length
  }

  /** What the held records take in memory. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** When the lowest hole is to be given up, or settling ends. */
  get deadline(): number | null {
    return this.#deadline
  }

  /** What is waited for: from where, and up to what is held already; since when. Null if nothing waits. */
  get hole(): { readonly from: number; readonly before: number; readonly since: number } | null {
    const first = this.#held[0]?.record.header.firstSeq
    return first === undefined ? null : { from: this.#next ?? 0, before: first, since: this.#waitsSince }
  }

  /** True if a record was accepted for any number of the range. */
  isKnown(from: number, to: number): boolean {
    return this.#known.overlaps(from, to)
  }

  /** True if a record of the range is at the judge. */
  isJudging({ from, before }: { readonly from: number; readonly before: number }): boolean {
    for (const first of this.#judged) if (first >= from && first < before) return true
    return false
  }

  /** The lowest hole that may still be filled: in what was kept, for the history and for others; or one that is waited for. */
  fillable(isNew: boolean): Interval | null {
    const [first, second] = this.#known.ranges
    const isKept = this.#isRestored && this.#next !== null && first && second && first[1] < this.#next
    return isKept ? [first[1], second[0]] : this.awaited(isNew)
  }

  /**
   * The hole that is filled or given up in time, for something waits behind it. Before the first that was heard is one only if
   * the author is `new` in the room.
   */
  awaited(isNew: boolean): Interval | null {
    if (this.#next === null) return isNew ? this.#unheard : null
    const [held] = this.#held
    const before = held?.record.header.firstSeq ?? this.#next
    return before > this.#next && this.#frozenAt === null ? [this.#next, before] : null
  }

  /** The lowest stretch of the range of which nothing was accepted; null if there is none. */
  missingIn([from, to]: Interval): Interval | null {
    const end = Math.min(to, this.#frozenAt ?? to)
    let low = from
    for (const [known, after] of this.#known.ranges) {
      if (known > low) return low < end ? [low, Math.min(known, end)] : null
      low = Math.max(low, after)
    }
    return low < end ? [low, end] : null
  }

  /**
   * From this number on, what was passed over, or is known only for others: never accepted, and not to be delivered any more. Null
   * if that is nothing.
   */
  lostFrom(first: number): Interval | null {
    const end = this.isFollowed ? (this.#next ?? 0) : Number.POSITIVE_INFINITY
    if (first >= end || this.#frozenAt !== null) return null
    const after = this.#known.ranges.find((range) => range[1] > first)
    return after && after[0] > first ? [first, Math.min(after[0], end)] : null
  }

  /** What was said before the first that is held, if it is not too much. */
  get #unheard(): Interval | null {
    const before = this.#held[0]?.record.header.firstSeq ?? 0
    return before > 0 && before <= MAX_UNHEARD && this.#frozenAt === null ? [0, before] : null
  }

  /**
   * A record that was here before: delivered, as everything before it was or could not be. If records are delivered as they
   * come that is not known: a hole before it is waited for again.
   */
  restore(record: RecordHead, patience: Patience): readonly Step[] {
    const { firstSeq, count } = record.header
    const end = firstSeq + count
    this.#isRestored = true
    this.#hasBegun = true
    this.#known.add(firstSeq, end, this.#held.length + 1)
    this.#delivered.add(firstSeq, end)
    if (patience.atOnce && this.#next !== null && firstSeq > this.#next) this.#holdPlace({ record })
    else this.#next = Math.max(this.#next ?? 0, end)
    const steps = this.#release(patience)
    this.#reschedule(patience, steps.length > 0)
    return steps
  }

  /** Another copy is nothing new. */
  know({ firstSeq, count }: { readonly firstSeq: number; readonly count: number }): void {
    this.#known.add(firstSeq, firstSeq + count, this.#held.length + this.#judged.size + 1)
  }

  /** It is on its way to the application, by way of a judge. */
  judge(header: { readonly firstSeq: number; readonly count: number }): void {
    this.know(header)
    this.#judged.add(header.firstSeq)
  }

  /** Takes a record of a place that is not known yet. `begin` says whether an unknown sequence may begin right here. */
  accept(pending: Pending, options: { readonly begin: boolean; readonly patience: Patience }): readonly Step[] {
    const { firstSeq } = pending.record.header
    const { patience } = options
    this.know(pending.record.header)
    this.#judged.delete(firstSeq)
    // What is known and below is held, or at the judge: it comes first.
    const mayBegin = firstSeq === 0 || (options.begin && !this.isKnown(0, firstSeq))
    if (this.#next === null && mayBegin) this.#next = firstSeq
    // What comes after its gap was told, or from before the beginning, is history only.
    if (this.#next !== null && firstSeq < this.#next) return pending.isRefused ? [] : [{ late: pending }]
    const early = patience.atOnce ? this.#deliver(pending, patience) : []
    if (patience.atOnce) this.#holdPlace(pending)
    else this.#hold(pending)
    const steps = this.#release(patience)
    this.#reschedule(patience, steps.length > 0)
    return [...early, ...steps]
  }

  /** Something that a record may have waited for was heard. */
  retry(patience: Patience): readonly Step[] {
    const steps = this.#release(patience)
    this.#reschedule(patience, steps.length > 0)
    return steps
  }

  /** What is missing is on its way: waits as long again. */
  postpone({ now, settleMs, holdMs }: Patience): readonly Step[] {
    if (this.#deadline !== null) this.#deadline = now + Math.max(this.#next === null ? settleMs : holdMs, LEAST_WAIT_MS)
    return []
  }

  /** Gives up the lowest hole (or ends settling), and what then follows. */
  giveUp(patience: Patience): readonly Step[] {
    const first = this.#held[0]
    if (!first) return []
    const { firstSeq } = first.record.header
    const steps: Step[] = this.#next === null || this.#next === firstSeq ? [] : [{ gap: [this.#next, firstSeq] }]
    this.#next = firstSeq
    // Whatever it waited for: it has waited long enough.
    steps.push(...this.#pass(patience), ...this.#release(patience))
    this.#reschedule(patience, true)
    return steps
  }

  /** Its author forked at this number: what waits from there on is let go. */
  freeze(at: number): readonly Step[] {
    this.#frozenAt = Math.min(at, this.#frozenAt ?? at)
    const below = this.#held.filter(({ record: { header } }) => header.firstSeq < at)
    this.#held = below.flatMap((held) => (endOf(held) <= at ? held : isPlace(held) ? placeOf(held, at) : []))
    this.#heldBytes = this.#held.reduce((sum, pending) => sum + costOf(pending), 0)
    if (this.#held.length === 0) this.#deadline = null
    return []
  }

  /** What was delivered before its turn. Where nothing is missing between two it is one place: a room comes back with masses of them. */
  #holdPlace({ record }: Pick<Pending, 'record'>): void {
    const last = this.#held.at(-1)
    if (last && isPlace(last) && endOf(last) === record.header.firstSeq)
      this.#held[this.#held.length - 1] = placeOf(last, endOf({ record }))
    else this.#hold(placeOf({ record }))
  }

  #hold(pending: Pending): void {
    const { firstSeq } = pending.record.header
    // What comes is mostly the latest.
    const at = this.#held.findLastIndex((other) => other.record.header.firstSeq <= firstSeq) + 1
    this.#held.splice(at, 0, pending)
    this.#heldBytes += costOf(pending)
  }

  #release(patience: Patience): Step[] {
    const steps: Step[] = []
    for (let first = this.waiting; first && patience.isDue(first); first = this.waiting)
      steps.push(...this.#pass(patience))
    return steps
  }

  /** The first that is held takes its turn. */
  #pass(patience: Patience): Step[] {
    const pending = this.#held.shift() as Pending
    const { firstSeq, count } = pending.record.header
    this.#heldBytes -= costOf(pending)
    this.#next = firstSeq + count
    return this.#deliver(pending, patience)
  }

  #deliver(pending: Pending, { beginsAt }: Patience): Step[] {
    const isFirst = !this.#hasBegun
    this.#hasBegun = true
    if (pending.isRefused) return []
    const { firstSeq, count } = pending.record.header
    const begin = (isFirst && beginsAt(pending)) || firstSeq
    const from = begin > firstSeq && begin < firstSeq + count ? begin : firstSeq
    this.#delivered.add(from, firstSeq + count)
    return [{ ready: pending, from }]
  }

  /** A sequence that has just begun waits as one that flows, however it came to begin. */
  #reschedule({ now, settleMs, holdMs }: Patience, progressed: boolean): void {
    // What waits keeps the holes before it open, and is bounded for all authors together.
    this.#known.trim(this.#held.length + this.#judged.size)
    if (this.#held.length === 0) this.#deadline = null
    else if (this.#deadline === null || progressed) {
      this.#deadline = now + (this.#next === null ? settleMs : holdMs)
      this.#waitsSince = now
    }
  }
}

/** What is left of what was delivered before its turn, up to the end of its record or to another one: a place that is not a hole. */
function placeOf(held: Pick<Pending, 'record'>, end: number = endOf(held)): Pending {
  const { header } = held.record
  const record = { ...held.record, header: { ...header, count: end - header.firstSeq } }
  return { record, block: NOTHING, messages: [], causes: [], hops: 0, via: null, isRefused: true }
}

function isPlace({ block }: Pending): boolean {
  return block === NOTHING
}

function endOf({ record: { header } }: Pick<Pending, 'record'>): number {
  return header.firstSeq + header.count
}

function costOf({ block, messages }: Pending): number {
  return messages.length === 0 ? 0 : block.byteLength + messages.length * VIEW_BYTES
}
