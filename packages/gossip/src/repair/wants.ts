// Records that neighbours say they hold and this node does not: asked for when no push has come in time, of whoever broke the
// fewest promises, and of the next one if no answer comes. A promise is worth a question, never a belief.

import type { PeerId } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'
import { type Account, countOf } from '../machine/accounts.js'
import type { Source } from '../machine/arrivals.js'
import { placeKey } from '../machine/place-key.js'
import type { PlacedRange } from '../serving/notices.js'
import { DueQueue } from './due-queue.js'
import { Holder, MAX_PROMISES } from './holders.js'
import { type News, NO_NEWS } from './news.js'
import { hasOther, hasTries, hasUntried, isInVain, MAX_TRIES, mostAsked, type Want } from './want.js'

/** Neighbours that are remembered as holding one record. */
const MAX_HOLDERS = 8
/** A link loses nothing, so an answer may only be slow: a large one takes seconds. Who is asked too soon sends it twice. */
const AGAIN_MS = 4_000
/** Who sends other records is waited for so much longer. */
const EXCUSED_MS = 1_000
/** When all who hold it are busy. */
const BUSY_MS = 50
/** What had to wait for room is asked for again after so long even if nobody tells that there is room. */
const DEFER_MS = 30_000

export interface WantsContext {
  /** Sends the question. */
  ask(peer: PeerHandle, range: PlacedRange, now: number): void
  /** Tells a neighbour that it may offer more. */
  more(peer: PeerHandle, now: number): void
  /** Of how many places the neighbour holds something in bulk that is to be fetched. */
  claimsOf(peer: PeerHandle): number
  /** True if the record is still missing. */
  isMissing(range: PlacedRange): boolean
  /** How long a push of this author is waited for. */
  pullDelayMs(author: PeerId): number
}

export class Wants {
  readonly #context: WantsContext
  readonly #wants = new Map<string, Want>()
  readonly #holders = new Map<PeerHandle, Holder>()
  /** Those of each place, to find by place who is asked. */
  readonly #places = new Map<string, Set<Want>>()
  /** Those that wait for room here, the first one first. */
  readonly #deferred = new Set<Want>()
  readonly #due = new DueQueue<{ readonly want: Want; readonly at: number }>()

  constructor(context: WantsContext) {
    this.#context = context
  }

  /** How many records are missed. */
  get size(): number {
    return this.#wants.size
  }

  get account(): Account {
    return countOf(this.size, MAX_PROMISES * this.#holders.size)
  }

  /** True if a record that begins there was promised. */
  has(source: Source, first: number): boolean {
    return this.#wants.has(keyOf({ source, first, count: 1 }, false))
  }

  /** True if this neighbour was asked for a record that begins there, and has not answered, however long ago. */
  isOwed(peer: PeerHandle, source: Source, first: number): boolean {
    const want = this.#wants.get(keyOf({ source, first, count: 1 }, false))
    return (want?.holders.get(peer) ?? 0) > 0
  }

  /** When `expire` is next needed; infinity if never. */
  get deadline(): number {
    return this.#due.nextAt
  }

  up(peer: PeerHandle): void {
    this.#holders.set(peer, new Holder(peer))
  }

  /** Its promises are void; others are asked at once. */
  down(peer: PeerHandle, now: number): void {
    const holder = this.#holders.get(peer)
    this.#holders.delete(peer)
    for (const want of holder?.promises.values() ?? []) {
      want.holders.delete(peer)
      if (want.askedOf === peer) this.#schedule(want, now)
      else if (want.holders.size === 0) this.#forget(want)
    }
  }

  /** A neighbour says that it holds this, which we do not. */
  promise(
    peer: PeerHandle,
    range: PlacedRange,
    { offered, isDoubt, now }: { readonly offered: boolean; readonly isDoubt: boolean; readonly now: number },
  ): void {
    const holder = this.#holders.get(peer)
    if (!holder) return
    const key = keyOf(range, isDoubt)
    const known = this.#wants.get(key)
    const want = known ?? this.#begin(peer, range, { key, offered, isDoubt, now })
    if (!want.holders.has(peer) && want.holders.size >= MAX_HOLDERS && !this.#makesPlace(want)) return
    const isSilent = want.askedOf !== null && !want.holders.has(peer)
    if (!want.holders.has(peer)) want.holders.set(peer, 0)
    const forgotten = holder.promise(want)
    if (forgotten) this.#leave(forgotten, peer, now)
    // Whoever is asked may have been silent for long.
    if (isSilent) this.#schedule(want, now)
    if (offered && !want.offered && want.askedOf === null) {
      want.offered = true
      this.#schedule(want, now)
    }
  }

  /** A neighbour told so many offers, or runs; it may be told to go on. */
  offered(peer: PeerHandle, count: number, now: number): void {
    this.#holders.get(peer)?.offered(count)
    this.more(peer, now)
  }

  /** Who has promised a record of this place that begins below `before` and ends above `from`. */
  promisersOf(source: Source, { from, before }: { readonly from: number; readonly before: number }): Set<PeerHandle> {
    const promisers = new Set<PeerHandle>()
    for (const { first, count, holders } of this.#places.get(placeKey(source)) ?? []) {
      if (first < before && first + count > from) for (const peer of holders.keys()) promisers.add(peer)
    }
    return promisers
  }

  /** The neighbour sends: what it was asked for may be behind that. */
  heard(peer: PeerHandle, now: number): void {
    const holder = this.#holders.get(peer)
    if (holder) holder.heardAt = now
  }

  /** A record came from this neighbour. */
  arrived(peer: PeerHandle | null, range: PlacedRange, now: number): News {
    const key = keyOf(range, false)
    const holder = peer === null ? undefined : this.#holders.get(peer)
    const doubt = this.#wants.get(keyOf(range, true))
    const asked = holder?.answer(key, now) ?? false
    if (holder) holder.heardAt = now
    if (doubt && doubt.askedOf === peer) this.#forget(doubt, now)
    const want = this.#wants.get(key)
    if (!want) return { ...NO_NEWS, asked }
    const holders = [...want.holders.keys()]
    const repaired = asked && !want.offered
    this.#forget(want, now)
    const promise = want.offered ? null : want.promise
    return { asked, recovered: asked && want.offered, repaired, promise, holders, errand: null }
  }

  /** The neighbour has it, and there is no room for it yet: its promise stands, and it may not promise ever more. */
  defer(peer: PeerHandle, range: PlacedRange, now: number): void {
    const key = keyOf(range, false)
    const holder = this.#holders.get(peer)
    holder?.answer(key, now)
    if (holder) holder.heardAt = now
    this.promise(peer, range, { offered: true, isDoubt: false, now })
    const want = this.#wants.get(key)
    if (!want) return
    if (want.askedOf === peer) want.askedOf = null
    if (want.askedOf !== null) return
    // It did answer.
    if (want.holders.has(peer)) want.holders.set(peer, 0)
    this.#deferred.add(want)
    this.#schedule(want, now + DEFER_MS)
  }

  /** There is room for one more from some neighbours: asks for what waits for that. */
  resume(hasRoom: (peer: PeerHandle) => boolean, now: number): void {
    const rooms = new Map<PeerHandle, boolean>()
    const isRoom = (peer: PeerHandle): boolean => {
      const known = rooms.get(peer) ?? hasRoom(peer)
      rooms.set(peer, known)
      return known
    }
    for (const want of this.#deferred) {
      if (![...want.holders.keys()].some(isRoom)) continue
      this.#deferred.delete(want)
      if (this.#context.isMissing(want)) return this.#schedule(want, now)
      this.#forget(want, now)
    }
  }

  /** The neighbour does not hold what it was asked for. */
  none(peer: PeerHandle, range: PlacedRange, now: number): void {
    const holder = this.#holders.get(peer)
    if (!holder?.answer(keyOf(range, false), now)) return
    for (const isDoubt of [false, true]) {
      const want = this.#wants.get(keyOf(range, isDoubt))
      if (!want?.holders.has(peer)) continue
      holder.breaks(now)
      holder.promises.delete(want.key)
      this.#leave(want, peer, now)
    }
    this.more(peer, now)
  }

  /** Asks for what is due, and others for what was not answered. */
  expire(now: number): void {
    for (let due = this.#due.take(now); due; due = this.#due.take(now)) {
      const { want, at } = due
      if (want.dueAt === at && this.#wants.get(want.key) === want) this.#act(want, now)
    }
  }

  #begin(
    peer: PeerHandle,
    range: PlacedRange,
    { key, offered, isDoubt, now }: { key: string; offered: boolean; isDoubt: boolean; now: number },
  ): Want {
    const { source, first, count } = range
    const promise = { peer, at: now }
    const want: Want = {
      key,
      source,
      first,
      count,
      holders: new Map(),
      promise,
      offered,
      isDoubt,
      dueAt: 0,
      askedOf: null,
    }
    this.#wants.set(key, want)
    const place = placeKey(source)
    this.#places.set(place, (this.#places.get(place) ?? new Set()).add(want))
    this.#schedule(want, offered || isDoubt ? now : now + this.#context.pullDelayMs(source.author))
    return want
  }

  #act(want: Want, now: number): void {
    if (!want.isDoubt && !this.#context.isMissing(want)) return this.#forget(want, now)
    const asked = want.askedOf === null ? undefined : this.#holders.get(want.askedOf)
    if (asked) {
      const askedAt = asked.asked.get(keyOf(want, false)) ?? 0
      const inVain = isInVain(want)
      // While it sends other records ours may be behind them, for a while; where others have sent nothing either that is no
      // excuse.
      const heardAt = inVain ? askedAt : Math.max(askedAt, Math.min(asked.heardAt, askedAt + EXCUSED_MS))
      const patientUntil = heardAt + asked.patienceMs
      if (patientUntil > now && !(inVain && hasUntried(want))) return this.#schedule(want, patientUntil)
      const againAt = askedAt + AGAIN_MS
      if (againAt > now && !hasOther(want, asked.peer)) return this.#schedule(want, againAt)
      asked.breaks(now)
      asked.asked.delete(keyOf(want, false))
    }
    want.askedOf = null
    this.#deferred.delete(want)
    const holder = this.#choose(want, now)
    if (holder) this.#ask(want, holder, now)
    else if (hasTries(want)) this.#schedule(want, now + BUSY_MS)
    else this.#forget(want, now)
  }

  #ask(want: Want, holder: Holder, now: number): void {
    want.holders.set(holder.peer, (want.holders.get(holder.peer) ?? 0) + 1)
    want.askedOf = holder.peer
    holder.ask(keyOf(want, false), now)
    this.#schedule(want, now + holder.patienceMs)
    this.#context.ask(holder.peer, want, now)
  }

  /** Who was asked least for it, of those who broke the fewest promises, of those who are nearest. */
  #choose(want: Want, now: number): Holder | null {
    let best: Holder | null = null
    for (const [peer, tries] of want.holders) {
      const holder = this.#holders.get(peer)
      if (!holder || holder.isBusy(now) || tries >= MAX_TRIES) continue
      if (best === null) best = holder
      else {
        const order =
          tries - (want.holders.get(best.peer) ?? 0) || Math.round(holder.brokenAt(now) - best.brokenAt(now))
        if (order < 0) best = holder
      }
    }
    return best
  }

  /** Who was asked most in vain goes: those that say that they have it and never send it keep out nobody who does. */
  #makesPlace(want: Want): boolean {
    const silent = mostAsked(want)
    if (silent === null) return false
    want.holders.delete(silent)
    this.#holders.get(silent)?.promises.delete(want.key)
    return true
  }

  #schedule(want: Want, at: number): void {
    want.dueAt = at
    this.#due.add(at, { want, at })
  }

  /** This neighbour is no longer one to ask. */
  #leave(want: Want, peer: PeerHandle, now: number): void {
    want.holders.delete(peer)
    if (want.askedOf === peer) {
      want.askedOf = null
      this.#schedule(want, now)
    } else if (want.holders.size === 0) this.#forget(want)
  }

  #forget(want: Want, now?: number): void {
    this.#wants.delete(want.key)
    this.#deferred.delete(want)
    const place = placeKey(want.source)
    const others = this.#places.get(place)
    others?.delete(want)
    if (others?.size === 0) this.#places.delete(place)
    for (const peer of want.holders.keys()) {
      this.#holders.get(peer)?.promises.delete(want.key)
      if (now !== undefined) this.more(peer, now)
    }
  }

  /** Something of what it offered was settled: it may be told to go on. */
  more(peer: PeerHandle, now: number): void {
    if (this.#holders.get(peer)?.takeMore(this.#context.claimsOf(peer))) this.#context.more(peer, now)
  }
}

function keyOf({ source, first }: PlacedRange, isDoubt: boolean): string {
  return `${source.author} ${source.epoch} ${first}${isDoubt ? '?' : ''}`
}
