// What is known of one neighbour on the topic's channel: what it follows, how far it has been served, and how much it takes.

import { type ForkProof, type PeerId, TokenBucket } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'
import type { Frame, Head } from '../frames/frames.js'
import { NAMELESS, NamesHeard } from '../frames/names.js'
import { Transfers } from '../large/transfers.js'
import { IntervalSet } from '../order/intervals.js'
import type { Pending } from '../order/sequence.js'
import { OFFERS } from '../repair/holders.js'
import { Notices, type PlacedRange } from '../serving/notices.js'
import type { Since } from '../since.js'
import type { Alarm } from './alarm.js'
import type { Arrival, ArrivalLog, Source } from './arrivals.js'
import { CHECKS, Checks } from './checks.js'
import { placeKey } from './place-key.js'
import type { Publisher } from './publisher.js'
import { Showings } from './showings.js'

/** Proofs of forks that wait for one neighbour. */
const MAX_PROOFS = 64
/** Questions of one neighbour that wait to be answered; the oldest is forgotten, and its asker asks another. */
export const MAX_REQUESTS = 1_024
/**
 * Numbers of what it asked for and is not here of which it is looked whether a record begins there: a question of a few bytes
 * is about a thousand. Beyond, none does.
 */
const LOOKS = { burst: 65_536, perSecond: 262_144 } as const
/** Who has been in the room for so much longer than this node did not come with it. */
const ELDER_MS = 5_000
/** How often one record is sent to one neighbour because it asks; remembered for as many records as it may ask at once. */
const MAX_ANSWERS = 3

type Introduction = Extract<Frame, { type: 'hello' }>

export class Neighbour {
  readonly handle: PeerHandle
  readonly remote: PeerId
  /** Bytes that may be sent now; may go below 0 by one frame. */
  window: number
  /** The next position of the arrival log to look at. */
  cursor: number
  /** Arrivals from here on came after the channel opened: live. */
  readonly liveFrom: number
  /** What arrived here after that is live for it: it was in the room already, whoever it was linked to. */
  liveSince: number = Number.POSITIVE_INFINITY
  /** The first position that it is owed because it asked for what was before it came. */
  askedFrom: number = Number.POSITIVE_INFINITY
  /** So many messages of the record that stands there are more than it asked for; 0 once that is told. */
  surplus = 0
  /** The position of the record in whose midst begins what it asked for, once that is told. */
  begunAt: number | null = null
  /** Where it says that what was asked of it begins, in the midst of a record. */
  #begin: { readonly source: Source; readonly seq: number } | null = null
  /** True once it said anything else than its hello and names: it says first where what was asked of it begins. */
  hasSpoken = false
  /** Whose own records this neighbour signs; null until its hello. */
  author: PeerId | null = null
  epoch = 0
  /** True if that is what this node signs: a twin, or a liar, to which ours are owed like to others. */
  isTwin = false
  /** Where its deliveries ended when it introduced itself. */
  heads: readonly Head[] = []
  /** Its own messages that it was told we have: more runs than are ever told at once. */
  readonly acknowledged: IntervalSet = new IntervalSet(128, 'forget')
  /** How many deliveries there had been when it was told so. */
  acknowledgedAt = -1
  /** True once our hello is on its way. */
  greeted = false
  /** When its hello must be here. */
  readonly helloBy: number
  /** True after `blocked` was told and until the window is above 0. */
  blocked = false
  /** What it is to be told beside records. */
  readonly notices: Notices
  /** Numbers that it gave to places. */
  readonly names: NamesHeard = new NamesHeard()
  /** Whose records it has handed over of its own. */
  readonly showings: Showings = new Showings()
  /** What it asked for, the oldest first. */
  readonly requests: PlacedRange[] = []
  /** Large records that go out to it. */
  readonly transfers: Transfers = new Transfers()
  /** Positions of large records that became whole while it took nothing, and that it waits for. */
  readonly completed: number[] = []
  /** So many records may still be offered to it. */
  offersLeft: number = OFFERS
  /** Positions that it was sent because it asked, with how often. */
  readonly #answers = new Map<number, number>()
  #looks: TokenBucket | null = null
  #isDoubted = false
  readonly #checks: TokenBucket = new TokenBucket(CHECKS, 0)
  /** True if it was in the room long before this node. */
  #isElder = false
  /** Forks that it is to be told of, while it has no window; the oldest go first. */
  readonly #proofs: ForkProof[] = []
  readonly #heads = new Map<string, number>()
  /** Answers of `owedFrom`: it is asked for each record of the history, and forgets with it. */
  readonly #owed = new WeakMap<Source, number | null>()

  constructor(start: {
    handle: PeerHandle
    remote: PeerId
    window: number
    oldest: number
    next: number
    helloBy: number
    alarm: Alarm
  }) {
    this.handle = start.handle
    this.remote = start.remote
    this.window = start.window
    this.cursor = start.oldest
    this.liveFrom = start.next
    this.helloBy = start.helloBy
    this.notices = new Notices(start.handle, start.alarm)
    start.alarm.set(start.helloBy)
  }

  /** It had better know that all of this is here: at once, or when it takes something again. */
  complete(position: number, arrival: Arrival, now: number): void {
    // What waits in a list keeps its bytes, and it may never take anything.
    if (!this.blocked) return this.notices.have(arrival, now)
    this.completed.push(position)
    if (this.completed.length > MAX_REQUESTS) this.completed.shift()
  }

  /** It says where what was asked of it begins, once and before all else; answers what is wrong with that, or null. */
  hearBegin({ name, seq }: { readonly name: number; readonly seq: number }): string | null {
    const source = this.names.at(name)
    if (!source) return NAMELESS
    if (!this.hasSpoken) this.#begin = { source, seq }
    this.hasSpoken = true
    return null
  }

  /** Where it says that this source begins. */
  beginOf({ author, epoch }: Source): number | null {
    const isOf = this.#begin?.source.author === author && this.#begin.source.epoch === epoch
    return isOf ? (this.#begin?.seq ?? null) : null
  }

  /** It asks for a range; or, with none, for more offers. */
  request(ranges: readonly PlacedRange[], more: number): void {
    if (ranges.length === 0) this.offersLeft = Math.min(this.offersLeft + more, OFFERS)
    this.requests.push(...ranges)
    if (this.requests.length > MAX_REQUESTS) this.requests.splice(0, this.requests.length - MAX_REQUESTS)
  }

  /** True if it may be sent this record (once more) because it asks. */
  mayAnswer(position: number): boolean {
    const times = (this.#answers.get(position) ?? 0) + 1
    this.#answers.delete(position)
    this.#answers.set(position, times)
    const [oldest] = this.#answers.keys()
    if (this.#answers.size > MAX_REQUESTS && oldest !== undefined) this.#answers.delete(oldest)
    return times <= MAX_ANSWERS
  }

  /** What it may have checked in vain. */
  checksAt(now: number): Checks {
    return new Checks(this.#checks, now)
  }

  /** True if there is time to look for one more number on its behalf. */
  mayLook(now: number): boolean {
    this.#looks ??= new TokenBucket(LOOKS, now)
    return this.#looks.take(now)
  }

  /** It was asked not to be sent after all what it had asked for. */
  unanswer(position: number): void {
    const times = this.#answers.get(position)
    if (times !== undefined) this.#answers.set(position, times - 1)
  }

  /** The remote has introduced itself. */
  introduce(
    { author, epoch, presentMs, since, heads }: Introduction,
    {
      log,
      now,
      presentSince,
      publisher,
    }: { log: ArrivalLog; now: number; presentSince: number; publisher: Pick<Publisher, 'signs' | 'nextSeq'> },
  ): void {
    this.author = author
    this.epoch = epoch
    this.isTwin = publisher.signs({ author, epoch })
    // It may have heard a twin: what this node has not said it cannot have heard of it.
    this.heads = heads.map((head) =>
      publisher.signs(head) ? { ...head, next: Math.min(head.next, publisher.nextSeq) } : head,
    )
    this.#isElder = presentMs >= now - presentSince + ELDER_MS
    this.liveSince = now - presentMs
    if (since === 'all') this.askedFrom = 0
    else if (since !== 'live' && 'age' in since) this.liveSince -= since.age
    else if (since !== 'live') {
      const { position, surplus } = log.lastBefore(this.liveSince, since.last)
      this.askedFrom = position
      this.surplus = surplus
    }
    for (const head of this.heads) this.#heads.set(placeKey(head), head.next)
  }

  owe(proof: ForkProof, now: number): void {
    this.#proofs.push(proof)
    if (this.#proofs.length > MAX_PROOFS) this.#proofs.shift()
    this.notices.hasten(now)
  }

  /** The proof to tell next. */
  get owedProof(): ForkProof | undefined {
    return this.#proofs[0]
  }

  proofTold(): void {
    this.#proofs.shift()
  }

  get introduced(): boolean {
    return this.author !== null
  }

  /** The number from which on it is owed all of this source; null if it did not follow it, and is owed what is live. */
  owedFrom(source: Source): number | null {
    let owed = this.#owed.get(source)
    if (owed === undefined) {
      owed = this.signs(source) ? Number.POSITIVE_INFINITY : (this.headOf(source) ?? null)
      this.#owed.set(source, owed)
    }
    return owed
  }

  /** When something is to be done about it, whatever happens; infinity if it takes nothing now, or there is nothing. */
  get due(): number {
    if (!this.introduced) return this.helloBy
    return this.blocked ? Number.POSITIVE_INFINITY : this.notices.due
  }

  /** Where its deliveries of this source ended when it introduced itself; undefined if it did not follow it. */
  headOf(source: Source): number | undefined {
    return this.#heads.get(placeKey(source))
  }

  /**
   * From where on it may have heard nothing of this source when it introduced itself. Of an author that it had not heard of, from
   * the first word if it was here before: long before this node, and in an earlier epoch than the author's, though a clock may be
   * wrong. Else null: it was not to hear of that.
   */
  mayLackFrom(source: Source): number | null {
    if (!this.introduced) return null
    return this.headOf(source) ?? (this.#isElder && this.epoch < source.epoch ? 0 : null)
  }

  /** True if this source is its own. */
  signs({ author, epoch }: Source): boolean {
    return this.author === author && this.epoch === epoch && !this.isTwin
  }

  /** True once: a liar costs one question. */
  mayBeDoubted(): boolean {
    const may = !this.#isDoubted
    this.#isDoubted = true
    return may
  }
}

/**
 * Where what was asked for begins, by the word of whoever says the least, if so many of the last messages were asked for. Only of
 * what a neighbour offered, and said that of itself: what it says is no reason to pass over what others send, or what is new.
 */
export function beginOf(neighbours: Iterable<Neighbour>, pending: Pending, since: Since): number | null {
  if (!pending.isOffered || typeof since !== 'object' || !('last' in since)) return null
  let [least, isOfSender] = [Number.POSITIVE_INFINITY, false]
  for (const neighbour of neighbours) {
    const begin = neighbour.beginOf(pending.record.header)
    if (begin === null) continue
    least = Math.min(least, begin)
    isOfSender ||= neighbour.remote === pending.via
  }
  return isOfSender ? least : null
}
