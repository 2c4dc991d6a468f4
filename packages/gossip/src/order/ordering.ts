// From accepted records to deliveries: every author's epoch in order, holes given up in time, within bounds. Engines share
// it; how records get here and where they go next is theirs.

import type { Cause, Crypto, PeerId, RecordHead, RecordHeader } from '@hearsay/core'
import type { Output } from '../engine.js'
import type { Head } from '../frames/frames.js'
import type { Account, Accounts } from '../machine/accounts.js'
import type { Source } from '../machine/arrivals.js'
import { placeKey } from '../machine/place-key.js'
import type { GossipLimits } from '../options.js'
import type { Order } from '../order.js'
import { Authors, type Members } from './authors.js'
import { Causality } from './causality.js'
import type { Interval } from './intervals.js'
import type { Patience, Pending, Sequence, Step } from './sequence.js'

/** A hole, or what may have been said before the first record of a place: since when it is waited for. */
export interface Hole {
  readonly author: PeerId
  readonly epoch: number
  readonly from: number
  readonly before: number
  readonly since: number
}

/** What is at the judge is waited for so long before what was said after it is delivered. */
const JUDGE_MS = 60_000
/** A cause whose place waits itself is waited for so long: as long as an answer that is owed. */
const CAUSE_MS = 30_000

interface Place {
  readonly author: PeerId
  readonly epoch: number
  readonly sequence: Sequence
}

export interface OrderingOptions {
  readonly limits: GossipLimits
  readonly order: Order
  readonly members: Members | null
  readonly crypto: Crypto
  /** This node's own. */
  readonly epoch: number
  /** Tell every record that was delivered, or came too late for that: `keep`. */
  readonly keeps: boolean
  readonly emit: (output: Output) => void
  /** How long the first record of an author heard mid-stream waits for an earlier one, in ms. */
  readonly settleMs: (now: number) => number
  /** True if what fills the hole is on its way, so that it is not given up. */
  readonly isComing: (hole: Hole, now: number) => boolean
  /** Where what was asked for begins, as neighbours say, if that may be in the midst of this record; null if none says. */
  readonly beginsAt: (pending: Pending) => number | null
  /** Called when something of a place was delivered, passed over, or let go. */
  readonly moved: (place: Source) => void
  /** Called when a place is tracked no longer. */
  readonly forgotten: (place: Source) => void
}

export class Ordering {
  readonly #limits: GossipLimits
  readonly #epoch: number
  readonly #keeps: boolean
  readonly #authors: Authors
  readonly #emit: (output: Output) => void
  readonly #order: Order
  readonly #causality = new Causality<Place>()
  readonly #settleMs: (now: number) => number
  readonly #isComing: (hole: Hole, now: number) => boolean
  readonly #beginsAt: (pending: Pending) => number | null
  readonly #moved: (place: Source) => void
  /**
   * Sequences that settle and sequences with a hole; at most `maxHeld` together. Each patience has a map of its own, so that
   * insertion order is the order of deadlines: the first one is due first, however many wait.
   */
  readonly #settling = new Map<string, Place>()
  readonly #holding = new Map<string, Place>()
  #held = 0
  #heldBytes = 0
  #deliveries = 0

  constructor(options: OrderingOptions) {
    const { limits, order, members, crypto, epoch, keeps, emit, settleMs, isComing, moved, forgotten } = options
    this.#epoch = epoch
    this.#keeps = keeps
    this.#settleMs = settleMs
    this.#limits = limits
    this.#order = order
    this.#authors = new Authors({ ...limits, members, crypto, forgotten })
    this.#emit = emit
    this.#isComing = isComing
    this.#beginsAt = options.beginsAt
    this.#moved = moved
  }

  /** True if a record was accepted for any number of the range. */
  isKnown(author: PeerId, epoch: number, range: Interval): boolean {
    return this.#authors.isKnown(author, epoch, range)
  }

  /** True if something of this place was heard, or waits to be. */
  isFollowed(author: PeerId, epoch: number): boolean {
    return this.#authors.isFollowed(author, epoch)
  }

  /** The lowest hole of this place that may still be filled. */
  holeOf(author: PeerId, epoch: number): Interval | null {
    // Epochs follow the clock: who began a later one than ours came later, and is owed to us from its first word on.
    return this.#authors.find(author, epoch)?.fillable(epoch > this.#epoch) ?? null
  }

  /** The hole of this place that is filled or given up in time: `moved` is called then. */
  awaitedOf(author: PeerId, epoch: number): Interval | null {
    return this.#authors.find(author, epoch)?.awaited(epoch > this.#epoch) ?? null
  }

  /** The lowest stretch of the range of which nothing was accepted and anything may be; null if there is none. */
  missingIn(author: PeerId, epoch: number, range: Interval): Interval | null {
    return this.#authors.missingIn(author, epoch, range)
  }

  /** From this number on, what was never accepted and will not be delivered; null if nothing was passed over there. */
  lostFrom(author: PeerId, epoch: number, first: number): Interval | null {
    return this.#authors.find(author, epoch)?.lostFrom(first) ?? null
  }

  /** True if this author's messages are taken. */
  isMember(author: PeerId): boolean {
    return this.#authors.isMember(author)
  }

  /** True if the place is tracked or may be. */
  admits(author: PeerId, epoch: number): boolean {
    return this.#authors.admits(author, epoch)
  }

  /** How often anything was delivered: as long as it stands, `deliveredOf` answers what it did. */
  get deliveries(): number {
    return this.#deliveries
  }

  /** What was delivered of this place: unbroken runs, ascending. */
  deliveredOf(author: PeerId, epoch: number): readonly Interval[] {
    return this.#authors.find(author, epoch)?.delivered ?? []
  }

  /** What was heard since this was asked last, beside what this author's epoch said itself; empty if nobody wants to know. */
  takeCauses(author: PeerId, epoch: number): readonly Cause[] {
    return this.#causality.take(author, epoch)
  }

  /** Where deliveries end, of as many places as a hello takes, most recently active authors first. */
  heads(): readonly Head[] {
    return this.#authors.heads()
  }

  /** True if the author forked before the end of this range: nothing of it is taken any more. */
  isFrozen({ author, epoch, firstSeq, count }: Pick<RecordHeader, 'author' | 'epoch' | 'firstSeq' | 'count'>): boolean {
    return firstSeq + count > (this.#authors.frozenAt(author, epoch) ?? Number.POSITIVE_INFINITY)
  }

  /** True if more is known of this place than where it ended. */
  isTracked(author: PeerId, epoch: number): boolean {
    return this.#authors.find(author, epoch) !== undefined
  }

  /** True if it is not known of this place, of which something was heard, that its author forked. */
  mayFork(author: PeerId, epoch: number): boolean {
    const isHeard = this.isTracked(author, epoch) || this.isFollowed(author, epoch)
    return isHeard && !this.isForked(author, epoch)
  }

  /** True if it is known of this place that its author forked. */
  isForked(author: PeerId, epoch: number): boolean {
    return this.#authors.frozenAt(author, epoch) !== null
  }

  /** Nothing of this place from `at` on is delivered any more; answers true the first time, and if the place is admitted. */
  freeze(author: PeerId, epoch: number, at: number): boolean {
    if (!this.#authors.admits(author, epoch)) return false
    const sequence = this.#authors.open(author, epoch)
    const isNew = sequence.frozenAt === null
    this.#track({ author, epoch, sequence }, () => sequence.freeze(at))
    return isNew
  }

  /** A record that was here before. */
  restore(record: RecordHead, now: number): void {
    const { author, epoch } = record.header
    const place = { author, epoch, sequence: this.#authors.open(author, epoch) }
    const patience = this.#patienceFor(place, now)
    // What was heard in an earlier life is not what the next own record answers.
    if (patience.atOnce) this.#track(place, () => place.sequence.restore(record, patience))
    else place.sequence.restore(record, patience)
    this.#deliveries++
    this.#authors.touch(author)
    this.#makeRoom(now)
  }

  /** The record holds nothing that can be delivered: another copy of it is nothing new. */
  know(header: RecordHeader): void {
    this.#authors.open(header.author, header.epoch).know(header)
  }

  /** The record is at the judge, and is accepted, refused or not, in the end: its place is not forgotten before. */
  judge(header: RecordHeader): void {
    this.#authors.open(header.author, header.epoch).judge(header)
  }

  /** A place that is admitted is followed: its first record is on its way. */
  follow(author: PeerId, epoch: number): void {
    this.#authors.open(author, epoch)
    this.#authors.touch(author)
  }

  /** Takes a record of a place that is admitted and not known; `begin` says whether an unknown place may begin with it. */
  accept(pending: Pending, { begin, now }: { readonly begin: boolean; readonly now: number }): void {
    const { author, epoch } = pending.record.header
    const sequence = this.#authors.open(author, epoch)
    this.#authors.touch(author)
    const place = { author, epoch, sequence }
    this.#track(place, () => sequence.accept(pending, { begin, patience: this.#patienceFor(place, now) }))
    this.#goOn(now)
    this.#makeRoom(now)
  }

  /** Gives up the holes whose time has come, unless what fills them does too. */
  expire(now: number): void {
    this.#goOn(now)
    for (let first = this.#first; first && deadlineOf(first) <= now; first = this.#first) {
      const place = first
      if (this.#isAwaited(place, now)) {
        this.#track(place, () => place.sequence.postpone(this.#patienceFor(place, now)))
      } else this.#giveUp(place, now)
    }
  }

  /** True if what the place waits for is on its way: what fills its hole, or what was said before it elsewhere. */
  #isAwaited({ author, epoch, sequence }: Place, now: number): boolean {
    const { hole, waiting } = sequence
    if (!hole) return false
    if (!waiting) return this.#isOnItsWay({ author, epoch, ...hole }, now)
    const others = this.#missing(waiting).filter((cause) => cause.author !== author || cause.epoch !== epoch)
    return others.some((cause) => this.#isCauseAwaited(cause, hole.since, now))
  }

  #isOnItsWay(hole: Hole, now: number): boolean {
    const isJudging = this.#authors.find(hole.author, hole.epoch)?.isJudging(hole) ?? false
    return (isJudging && now < hole.since + JUDGE_MS) || this.#isComing(hole, now)
  }

  /** Nobody but the author of what waits says that there is such a cause: it is not asked for, and moves nothing. */
  #isCauseAwaited({ author, epoch, next }: Cause, since: number, now: number): boolean {
    const sequence = this.#authors.find(author, epoch)
    // What waits there is given up in its own time; but two may wait for each other.
    if (sequence?.hole && now < since + CAUSE_MS) return true
    return this.#isOnItsWay({ author, epoch, from: sequence?.next ?? 0, before: next, since }, now)
  }

  /** When `expire` is next needed. */
  get deadline(): number | null {
    return this.#first?.sequence.deadline ?? null
  }

  /** Who has waited long enough first. */
  get #first(): Place | undefined {
    const [[, settling] = []] = this.#settling
    const [[, holding] = []] = this.#holding
    if (settling && holding) return deadlineOf(settling) <= deadlineOf(holding) ? settling : holding
    return settling ?? holding
  }

  /** What waits for something earlier. */
  get held(): Account {
    const { maxHeld, capacityBytes } = this.#limits
    return { entries: this.#held, bytes: this.#heldBytes, maxEntries: maxHeld, maxBytes: capacityBytes }
  }

  get authors(): Pick<Accounts, 'places' | 'ends'> {
    return this.#authors.accounts
  }

  /** Gives up what has waited longest until what waits is within its bounds. */
  #makeRoom(now: number): void {
    for (let first = this.#first; first && this.#isOver(); first = this.#first) this.#giveUp(first, now)
  }

  #isOver(): boolean {
    return this.#held > this.#limits.maxHeld || this.#heldBytes > this.#limits.capacityBytes
  }

  #giveUp(place: Place, now: number): void {
    this.#track(place, () => place.sequence.giveUp(this.#patienceFor(place, now)))
    this.#goOn(now)
  }

  /** What waited for what has been heard by now. */
  #goOn(now: number): void {
    for (let place = this.#causality.next(); place; place = this.#causality.next()) {
      const { sequence } = place
      this.#track(place, () => sequence.retry(this.#patienceFor(place, now)))
    }
  }

  #patienceFor(place: Place, now: number): Patience {
    const { holdMs } = this.#limits
    const settleMs = this.#settleMs(now)
    const isDue = (pending: Pending): boolean => this.#order !== 'causal' || this.#isDue(place, pending)
    return { now, settleMs, holdMs, atOnce: this.#order === 'none', beginsAt: this.#beginsAt, isDue }
  }

  /** True if all that must be heard before it was; if not, it is tried again when that has come. */
  #isDue(place: Place, pending: Pending): boolean {
    const [missing] = this.#missing(pending)
    if (missing) this.#causality.wait(place, missing)
    return missing === undefined
  }

  /** What must be heard before it, and was not. */
  #missing({ causes }: Pending): readonly Cause[] {
    return this.#order === 'causal' ? causes.filter((cause) => !this.#isHeard(cause)) : []
  }

  /** Of what is not followed nothing will ever be heard. */
  #isHeard({ author, epoch, next }: Cause): boolean {
    const sequence = this.#authors.find(author, epoch)
    if (!sequence) return this.isKnown(author, epoch, [next - 1, next]) || !this.admits(author, epoch)
    return (sequence.next ?? 0) >= next || (sequence.frozenAt ?? next) < next
  }

  /** Tells what became deliverable and keeps the books on what waits. */
  #track(place: Place, change: () => readonly Step[]): void {
    const { sequence } = place
    const { heldCount, heldBytes, deadline, next, frozenAt } = sequence
    const steps = change()
    this.#held += sequence.heldCount - heldCount
    this.#heldBytes += sequence.heldBytes - heldBytes
    if (sequence.deadline !== deadline) this.#enqueue(place)
    for (const step of steps) this.#tell(place, step)
    const hasMoved = sequence.next !== next || sequence.frozenAt !== frozenAt
    if (hasMoved) this.#moved(place)
    if (this.#order !== 'causal') return
    if (sequence.waiting === null) this.#causality.leave(place)
    // Only what changes here sets others free: forked authors that wait for each other would do so for ever.
    if (hasMoved) this.#causality.heard(place)
  }

  /** A new deadline is the latest of its kind, so its place is the last. */
  #enqueue(place: Place): void {
    const key = placeKey(place)
    this.#settling.delete(key)
    this.#holding.delete(key)
    if (place.sequence.deadline === null) return
    const queue = place.sequence.next === null ? this.#settling : this.#holding
    queue.set(key, place)
  }

  #tell({ author, epoch }: Place, step: Step): void {
    if ('gap' in step) {
      this.#emit({ type: 'gap', gap: { author, epoch, from: step.gap[0], to: step.gap[1] } })
      return
    }
    // Not sooner: what was kept counts as delivered when the room is here again.
    const pending = 'late' in step ? step.late : step.ready
    const { record, block, messages, hops, via } = pending
    if (this.#keeps) this.#emit({ type: 'keep', record: { ...record, block } })
    if ('ready' in step) this.#deliveries++
    const { firstSeq, time } = record.header
    const missing = this.#missing(pending)
    const unheard = missing.length > 0 ? missing : undefined
    // Spelt out: a copy by spread takes ten times as long (V8 12), and every message comes by here.
    for (const [index, payload] of messages.entries()) {
      const seq = firstSeq + index
      // What is more than was asked for is in the history all the same: nobody's word loses what was said.
      const type = 'late' in step || seq < step.from ? 'late' : 'deliver'
      this.#emit({ type, delivery: { author, epoch, seq, time, hops, via, payload, unheard } })
    }
  }
}

function deadlineOf({ sequence }: Place): number {
  return sequence.deadline ?? Number.POSITIVE_INFINITY
}
