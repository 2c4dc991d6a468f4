// Errands: what a neighbour asks for, and what this node never had, because it came later or could not get it either. It is
// fetched from those along whose way its author is heard. Else two old members that are linked by newcomers alone would never
// hear what only one of them has.

import { MAX_BATCH_MESSAGES, TokenBucket } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'
import type { Source } from '../machine/arrivals.js'
import type { Interval } from '../order/intervals.js'
import type { PlacedRange } from '../serving/notices.js'
import type { ErrandKind } from './news.js'

/**
 * Questions that this node asks for others: who asks for what nobody has must not set a whole room in motion. It also bounds
 * how many errands are remembered.
 */
export const ERRAND_RATE = { burst: 64, perSecond: 16 } as const
/** Neighbours that are asked for one errand, while somebody waits: who does so for longer asks others itself. */
const MAX_ASKED = 3
/** And for one that nobody waits for: liars among them must not be all. */
const MAX_ASKED_UNASKED = 128
/** Who sends nothing of it for so long is left for another: sooner than its asker leaves us. */
const SILENT_MS = 300
/** What was fetched, or could not be, is not fetched again so soon. */
export const SPENT_MS = 10_000

/**
 * Places of which this node fetches what one neighbour had heard and another had not, unasked: an invented hello must not make it
 * fetch a whole history.
 */
export const BETWEEN_RATE = { burst: 32, perSecond: 1 } as const
/**
 * Questions about them beyond the first of each: a budget of their own, so that liars who have many asked in vain keep nobody who
 * waits from an answer. What had no answer by then is left.
 */
export const UNASKED_RATE = { burst: 64, perSecond: 8 } as const
const UNASKED_MS = 60_000
/** An author that says nothing for so long may have said its last word: what it goes on to say would show what is missing. */
export const LAST_WORD_MS = 2_000
/** Places that are remembered for so long. */
export const MAX_BETWEEN = 512

export interface ErrandContext {
  /** From this number on, what was never accepted and will not be delivered here; null if it may yet come, or is nothing to us. */
  lostFrom(source: Source, first: number): Interval | null
  /** The lowest stretch of the range of which nothing was accepted and anything may be; null if there is none. */
  missingIn(source: Source, range: Interval): Interval | null
  /** True if this node hears the author of this place itself. */
  isFollowed(source: Source): boolean
  /** Who may have what was lost there, the likeliest first. */
  likelyHolders(source: Source, lost: Interval): Iterable<PeerHandle>
  ask(peer: PeerHandle, range: PlacedRange, now: number): void
  /** It is about to be here, or will not be: the one who asked is to be answered. */
  answer(peer: PeerHandle, range: PlacedRange, now: number): void
}

interface Errand {
  readonly source: Source
  readonly lost: Interval
  /** What is fetched of it, and up to where it came. */
  readonly from: number
  readonly to: number
  done: number
  /** Neighbours that wait for the answer. */
  readonly askers: Set<PeerHandle>
  /** True if it is run whether anybody waits for the answer or not. */
  readonly isUnasked: boolean
  readonly tried: Set<PeerHandle>
  asked: PeerHandle | null
  /** Up to where it had come then. */
  askedFrom: number
  readonly since: number
  /** True once its askers were answered. */
  isSpent: boolean
  dueAt: number
}

export class Errands {
  readonly #context: ErrandContext
  readonly #errands = new Map<string, Errand>()
  #budget: TokenBucket | null = null
  /** How often each neighbour sent nothing of what it was asked for: it is asked after others. */
  readonly #broken = new Map<PeerHandle, number>()
  /** What one neighbour had heard and another had not, the first one first. */
  readonly #between = new Map<string, { readonly source: Source; readonly missing: Interval; readonly dueAt: number }>()
  #betweenBudget: TokenBucket | null = null
  #unaskedBudget: TokenBucket | null = null

  constructor(context: ErrandContext) {
    this.#context = context
  }

  /** When `expire` is next needed; infinity if never. */
  get deadline(): number {
    const [[, first] = []] = this.#between
    let due = first?.dueAt ?? Number.POSITIVE_INFINITY
    for (const { dueAt } of this.#errands.values()) due = Math.min(due, dueAt)
    return due
  }

  /** A neighbour asks for what is not here: the number up to which it will be answered later; null if nothing will be. */
  take(asker: PeerHandle, { source, first, count }: PlacedRange, now: number): number | null {
    const key = keyOf(source, first)
    const known = this.#errands.get(key)
    if (known) {
      // Who is asked for it and asks for it itself does not have it.
      if (known.isSpent || known.asked === asker) return null
      known.askers.add(asker)
      return known.to
    }
    const lost = this.#context.lostFrom(source, first)
    if (!lost) return null
    return this.#begin({ source, lost, count, askers: new Set([asker]) }, now)
  }

  /**
   * One neighbour had heard this when it said hello, and another had not. Unless this node comes to hear the author, it is fetched
   * for the other, which may have no other way to it, and would not know that there is anything to ask for.
   */
  between(source: Source, missing: Interval, now: number): void {
    const key = keyOf(source, missing[0])
    if (this.#between.has(key) || this.#between.size >= MAX_BETWEEN) return
    this.#between.set(key, { source, missing, dueAt: now + LAST_WORD_MS })
  }

  #mediate(now: number): void {
    for (const [key, { source, missing, dueAt }] of this.#between) {
      if (dueAt > now) return
      this.#between.delete(key)
      if (this.#context.isFollowed(source)) continue
      // What was fetched for one before is here, and another copy would not be kept.
      const lost = this.#context.missingIn(source, missing)
      if (!lost || this.#errands.has(keyOf(source, lost[0]))) continue
      this.#betweenBudget ??= new TokenBucket(BETWEEN_RATE, now)
      if (!this.#betweenBudget.take(now)) continue
      this.#begin({ source, lost, count: lost[1] - lost[0], askers: new Set() }, now)
    }
  }

  #begin(
    { source, lost, count, askers }: Pick<Errand, 'source' | 'lost' | 'askers'> & { count: number },
    now: number,
  ): number | null {
    const [from] = lost
    const to = Math.min(lost[1], from + count, from + MAX_BATCH_MESSAGES)
    const nobody = {
      tried: new Set<PeerHandle>(),
      asked: null,
      askedFrom: from,
      since: now,
      isSpent: false,
      dueAt: now,
    }
    const errand = { source, lost, from, to, done: from, askers, isUnasked: askers.size === 0, ...nobody }
    if (!this.#askNext(errand, now)) return null
    this.#errands.set(keyOf(source, from), errand)
    return to
  }

  /** A record came: on whose behalf this neighbour was asked for it, if it was. */
  arrived(peer: PeerHandle | null, { source, first, count }: PlacedRange, now: number): ErrandKind | null {
    let kind: ErrandKind | null = null
    for (const errand of this.#errands.values()) {
      if (errand.isSpent || !covers(errand, source, first)) continue
      if (peer !== null && errand.asked === peer && kind !== 'asked') kind = errand.isUnasked ? 'unasked' : 'asked'
      // Who repeats itself brings nothing.
      if (first + count <= errand.done) continue
      // Nor does who leaves out what is before it bring all: others are asked for that.
      if (errand.isUnasked && first > errand.done) continue
      errand.dueAt = now + SILENT_MS
      errand.done = first + count
      // What was fetched unasked is not here yet.
      if (!errand.isUnasked) this.#tell(errand, { source, first, count }, now)
      if (errand.done >= errand.to) this.#end(errand, now)
    }
    return kind
  }

  /** What was fetched unasked is about to be here. */
  released(range: PlacedRange, now: number): void {
    for (const errand of this.#errands.values()) {
      if (errand.isUnasked && covers(errand, range.source, range.first)) this.#tell(errand, range, now)
    }
  }

  #tell({ askers }: Errand, range: PlacedRange, now: number): void {
    for (const asker of askers) this.#context.answer(asker, range, now)
  }

  /** The neighbour does not have it, from there on. */
  none(peer: PeerHandle, { source, first }: PlacedRange, now: number): void {
    for (const errand of this.#errands.values()) {
      if (!errand.isSpent && errand.asked === peer && covers(errand, source, first)) errand.dueAt = now
    }
  }

  down(peer: PeerHandle, now: number): void {
    for (const errand of this.#errands.values()) {
      errand.askers.delete(peer)
      if (errand.asked !== peer) continue
      errand.asked = null
      if (!errand.isSpent) errand.dueAt = now
    }
    this.#broken.delete(peer)
  }

  expire(now: number): void {
    this.#mediate(now)
    for (const [key, errand] of this.#errands) {
      if (errand.dueAt > now) continue
      if (errand.isSpent) this.#errands.delete(key)
      else {
        this.#blame(errand)
        const isWanted = errand.isUnasked ? now < errand.since + UNASKED_MS : errand.askers.size > 0
        if (!isWanted || !this.#askNext(errand, now)) this.#end(errand, now)
      }
    }
  }

  #blame({ asked, askedFrom, done }: Errand): void {
    if (asked !== null && done === askedFrom) this.#broken.set(asked, (this.#broken.get(asked) ?? 0) + 1)
  }

  /** False if there is nobody to ask. What nobody waits for has time: all who may have it are asked, each once. */
  #askNext(errand: Errand, now: number): boolean {
    const { source, done, to, tried, isUnasked } = errand
    if (tried.size >= (isUnasked ? MAX_ASKED_UNASKED : MAX_ASKED)) return false
    const peer = this.#choose(errand)
    if (peer === null) return false
    errand.dueAt = now + SILENT_MS
    errand.asked = null
    if (!this.#mayAsk(errand, now)) return isUnasked
    tried.add(peer)
    errand.asked = peer
    errand.askedFrom = done
    this.#context.ask(peer, { source, first: done, count: to - done }, now)
    return true
  }

  #mayAsk({ isUnasked, tried }: Errand, now: number): boolean {
    this.#budget ??= new TokenBucket(ERRAND_RATE, now)
    this.#unaskedBudget ??= new TokenBucket(UNASKED_RATE, now)
    if (!isUnasked) return this.#budget.take(now)
    return tried.size === 0 || this.#unaskedBudget.take(now)
  }

  /** The likeliest of those who kept their word best. */
  #choose({ source, lost, askers, tried }: Errand): PeerHandle | null {
    let best: { readonly peer: PeerHandle; readonly broken: number } | null = null
    for (const peer of this.#context.likelyHolders(source, lost)) {
      if (tried.has(peer) || askers.has(peer)) continue
      const broken = this.#broken.get(peer) ?? 0
      if (best === null || broken < best.broken) best = { peer, broken }
    }
    return best?.peer ?? null
  }

  #end(errand: Errand, now: number): void {
    const { source, done, to } = errand
    errand.isSpent = true
    errand.dueAt = now + SPENT_MS
    if (done >= to) return
    // Who is answered asks for the rest, and that is spent too.
    const rest = keyOf(source, done)
    if (!this.#errands.has(rest)) this.#errands.set(rest, errand)
    this.#tell(errand, { source, first: done, count: to - done }, now)
  }
}

function covers({ source, from, to }: Errand, { author, epoch }: Source, first: number): boolean {
  return source.author === author && source.epoch === epoch && first >= from && first < to
}

function keyOf({ author, epoch }: Source, first: number): string {
  return `${author} ${epoch} ${first}`
}
