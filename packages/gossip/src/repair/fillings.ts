// Holes that nobody spoke of, or of which was spoken in vain: seen because their author went on. The lowest one of each place is
// asked of whoever sent what follows it, then of others, a stretch at a time and one neighbour at a time.

import { MAX_BATCH_MESSAGES } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'
import type { Source } from '../machine/arrivals.js'
import { placeKey } from '../machine/place-key.js'
import type { Interval } from '../order/intervals.js'
import type { PlacedRange } from '../serving/notices.js'

/** How long a hole waits for what may be on another way: long beside a push or a promise, short beside the patience for holes. */
const WAIT_MS = 100
/** Who sends nothing of what it was asked for so long is left for another. */
const SILENT_MS = 400
/** Neighbours that are asked for one stretch. */
const MAX_ASKED = 4
/** Who promised it and sends nothing of it for so long need not have it. */
const PROMISE_MS = 1_000
/** Links lose nothing, so an answer that is owed is only late: no later than a link that carries nothing is found dead. */
export const OWED_MS = 30_000
/** Places that are filled at once: authors that leave holes must not keep this node busy. */
export const MAX_FILLINGS = 256

export interface FillingContext {
  /** The lowest hole of this place that may still be filled, or null. */
  holeOf(source: Source): Interval | null
  /** Who sent the record that begins there; null if that is no neighbour any more. */
  senderOf(source: Source, first: number): PeerHandle | null
  /** True if nothing of this range was accepted, and it may be. */
  isMissing(range: PlacedRange): boolean
  /** True if a record of this place that begins there was promised, and is or will be asked for. */
  isPromised(source: Source, first: number): boolean
  /** Neighbours that may be asked. */
  neighbours(): Iterable<PeerHandle>
  ask(peer: PeerHandle, range: PlacedRange, now: number): void
}

/** What a neighbour was asked for. */
interface Question {
  readonly peer: PeerHandle
  readonly from: number
  readonly to: number
  readonly at: number
  isOwed: boolean
}

/** From where on, and up to what is here. */
type Hole = { readonly from: number; readonly before: number }

interface Filling {
  readonly source: Source
  /** Who sent something from behind the hole, or says that it is beyond it; null if that one is gone. */
  sender: PeerHandle | null
  /** The last question, while its answer is waited for before another is asked. */
  asked: Question | null
  /** Who was asked for the stretch that begins at `from`. */
  from: number
  /** Until then a promise of it is worth waiting for. */
  promisedUntil: number
  readonly tried: Map<PeerHandle, Question>
  dueAt: number
}

export class Fillings {
  readonly #context: FillingContext
  readonly #fillings = new Map<string, Filling>()

  constructor(context: FillingContext) {
    this.#context = context
  }

  /** When `expire` is next needed; infinity if never. */
  get deadline(): number {
    let due = Number.POSITIVE_INFINITY
    for (const { dueAt } of this.#fillings.values()) due = Math.min(due, dueAt)
    return due
  }

  /** This neighbour sent something of the place behind a hole, or says that it is beyond it. */
  note(source: Source, sender: PeerHandle, now: number): void {
    const key = placeKey(source)
    const known = this.#fillings.get(key)
    if (known) {
      known.sender = sender
      if (known.asked === null) known.dueAt = Math.min(known.dueAt, now + WAIT_MS)
    } else if (this.#fillings.size < MAX_FILLINGS || this.#makeRoom()) {
      const fresh = { asked: null, from: -1, promisedUntil: now, tried: new Map() }
      this.#fillings.set(key, { source, sender, ...fresh, dueAt: now + WAIT_MS })
    }
  }

  /** A record came; true if this neighbour was asked for it. */
  arrived(peer: PeerHandle | null, range: PlacedRange, now: number): boolean {
    const { source, first, count } = range
    const filling = this.#fillings.size === 0 ? undefined : this.#fillings.get(placeKey(source))
    const question = filling && peer !== null ? askedFor(filling, peer, first) : undefined
    if (!filling || !question) return false
    // Who repeats itself brings nothing.
    if (filling.asked !== question || !this.#context.isMissing(range)) return true
    // The end of it may have come of itself, and the rest is owed as before.
    const isOver = first + count >= question.to
    if (isOver) filling.asked = null
    // Who goes on and on is given no more time than who is silent.
    filling.dueAt = isOver ? now : Math.min(now + SILENT_MS, question.at + OWED_MS)
    return true
  }

  /** The neighbour does not have it, from there on. */
  none(peer: PeerHandle, { source, first }: PlacedRange, now: number): void {
    const filling = this.#fillings.get(placeKey(source))
    const question = filling && askedFor(filling, peer, first)
    if (filling && question) this.#settle(filling, question, now)
  }

  down(peer: PeerHandle, now: number): void {
    for (const filling of this.#fillings.values()) {
      const question = filling.tried.get(peer)
      if (question) this.#settle(filling, question, now)
      // Others are asked in its place.
      filling.tried.delete(peer)
      if (filling.sender === peer) filling.sender = null
    }
  }

  /** True while somebody who was asked for this hole sends, or may. */
  isFilling(source: Source, { from, before }: Hole): boolean {
    const asked = this.#fillings.get(placeKey(source))?.asked
    return asked !== undefined && asked !== null && overlaps(asked, from, before)
  }

  /** True if this neighbour was asked for some of this hole and has not answered, or is about to be asked. */
  isOwed(peer: PeerHandle, source: Source, { from, before }: Hole): boolean {
    const filling = this.#fillings.get(placeKey(source))
    if (!filling) return false
    const question = filling.tried.get(peer)
    return question === undefined || (question.isOwed && overlaps(question, from, before))
  }

  /** True if anybody was, and has not, or is about to be. */
  isOwedByAny(source: Source, { from, before }: Hole): boolean {
    const filling = this.#fillings.get(placeKey(source))
    if (!filling) return false
    for (const question of filling.tried.values()) {
      if (question.isOwed && overlaps(question, from, before)) return true
    }
    return filling.sender !== null && !filling.tried.has(filling.sender)
  }

  expire(now: number): void {
    for (const [key, filling] of this.#fillings) {
      if (filling.dueAt <= now && !this.#goOn(filling, now)) this.#fillings.delete(key)
    }
  }

  /** The first of those of which everybody was asked, and answers are owed, gives way. */
  #makeRoom(): boolean {
    for (const [key, { asked, tried }] of this.#fillings) {
      if (asked === null && tried.size > 0) return this.#fillings.delete(key)
    }
    return false
  }

  #settle(filling: Filling, question: Question, now: number): void {
    question.isOwed = false
    if (filling.asked !== question) return
    filling.asked = null
    filling.dueAt = now
  }

  /** False if there is nothing to fill, or nobody to ask who does not owe an answer. */
  #goOn(filling: Filling, now: number): boolean {
    const { source, tried } = filling
    filling.asked = null
    const hole = this.#context.holeOf(source)
    if (!hole) return false
    const [from, end] = hole
    if (filling.from !== from) {
      tried.clear()
      filling.from = from
      filling.promisedUntil = now + PROMISE_MS
    }
    if (now < filling.promisedUntil && this.#context.isPromised(source, from)) {
      filling.dueAt = now + WAIT_MS
      return true
    }
    const peer = this.#choose(filling, end)
    if (peer === null) return this.#isOwed(filling, now)
    const question = { peer, from, to: Math.min(end, from + MAX_BATCH_MESSAGES), at: now, isOwed: true }
    tried.set(peer, question)
    filling.asked = question
    filling.dueAt = now + SILENT_MS
    this.#context.ask(peer, { source, first: from, count: question.to - from }, now)
    return true
  }

  /** True if somebody may still answer: it is looked at again when that has had its time. */
  #isOwed(filling: Filling, now: number): boolean {
    let until = 0
    for (const { at, isOwed } of filling.tried.values()) if (isOwed) until = Math.max(until, at + OWED_MS)
    filling.dueAt = until
    return until > now
  }

  /** Whoever sent what follows, then whoever sent something of what comes later, then others. */
  #choose({ source, sender, tried }: Filling, end: number): PeerHandle | null {
    const nearest = this.#context.senderOf(source, end)
    if (nearest !== null && !tried.has(nearest)) return nearest
    if (tried.size >= MAX_ASKED) return null
    let first: PeerHandle | null = null
    for (const peer of this.#context.neighbours()) {
      if (tried.has(peer)) continue
      if (peer === sender) return peer
      first ??= peer
    }
    return first
  }
}

function overlaps(question: Question, from: number, before: number): boolean {
  return question.from < before && question.to > from
}

function askedFor({ tried }: Filling, peer: PeerHandle, first: number): Question | undefined {
  const question = tried.get(peer)
  return question && first >= question.from && first < question.to ? question : undefined
}
