// What neighbours hold in bulk and this node lacks: the past of a room, and what was said where it could not hear it. Each place
// is fetched from its lowest number on, a stretch at a time and of one neighbour at a time, so that it comes in order and once.

import { MAX_BATCH_MESSAGES } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'
import type { Source } from '../machine/arrivals.js'
import { placeKey } from '../machine/place-key.js'
import type { Interval } from '../order/intervals.js'
import type { PlacedRange } from '../serving/notices.js'
import { Claim } from './claim.js'
import { DueQueue } from './due-queue.js'
import { type Choice, type Claimer, type Fetch, isInVain, isLess, mostSilent, type Place } from './places.js'

/** The next stretch is asked for when no more than this is left of the last one, so that a round trip costs nothing. */
const AHEAD = 512
/** Who sends nothing of what it was asked for so long is left for another, who sends other things too, a while later. */
const SILENT_MS = 400
const DEAF_MS = 4_000
/** Places fetched of one neighbour at once; others wait for their turn. */
export const MAX_FETCHES = 32
/** What is remembered of one neighbour, and for one place; who offers honestly does not come near. */
export const MAX_PLACES = 1_024
export const MAX_CLAIMERS = 16
/** A hole waits so long for a neighbour that says it has what fills it. */
const WORD_MS = 5_000

export interface RunsContext {
  /** The lowest stretch of the range of which nothing was accepted and anything may be; null if there is none. */
  missingIn(source: Source, range: Interval): Interval | null
  ask(peer: PeerHandle, range: PlacedRange, now: number): void
  /** Nothing more is to be fetched of it of one place. */
  settled(peer: PeerHandle, now: number): void
}

/** Of a record that nobody claimed. */
const NOTHING: { readonly isAsked: boolean; readonly holders: readonly PeerHandle[] } = { isAsked: false, holders: [] }

export class Runs {
  readonly #context: RunsContext
  readonly #places = new Map<string, Place>()
  readonly #peers = new Map<PeerHandle, Claimer>()
  readonly #due = new DueQueue<{ readonly place: Place; readonly at: number }>()

  constructor(context: RunsContext) {
    this.#context = context
  }

  /** When `expire` is next needed; infinity if never. */
  get deadline(): number {
    return this.#due.nextAt
  }

  up(peer: PeerHandle): void {
    const heardAt = Number.NEGATIVE_INFINITY
    this.#peers.set(peer, { places: new Set(), waiting: new Set(), fetches: 0, broken: 0, heardAt })
  }

  /** Of how many places something is to be fetched of this neighbour. */
  claimsOf(peer: PeerHandle): number {
    return this.#peers.get(peer)?.places.size ?? 0
  }

  /** Its claims are void; others are asked at once. */
  down(peer: PeerHandle, now: number): void {
    const places = this.#peers.get(peer)?.places ?? []
    this.#peers.delete(peer)
    for (const place of places) {
      place.claims.delete(peer)
      if (place.fetch?.peer === peer) place.fetch = null
      this.#schedule(place, now)
    }
  }

  /** The neighbour says that it holds [from, to) of this place. */
  claim(peer: PeerHandle, source: Source, range: Interval, now: number): void {
    const claimer = this.#peers.get(peer)
    if (!claimer) return
    const key = placeKey(source)
    const fresh = { key, source, claims: new Map(), fetch: null, progressAt: now, dueAt: Number.POSITIVE_INFINITY }
    const place = this.#places.get(key) ?? fresh
    const claim = place.claims.get(peer) ?? new Claim(now)
    const isNew = !place.claims.has(peer)
    if (isNew && place.claims.size >= MAX_CLAIMERS && !this.#makeRoom(place, now)) return
    this.#places.set(key, place)
    place.claims.set(peer, claim)
    claim.add(range)
    claimer.places.add(place)
    const [oldest] = claimer.places
    if (claimer.places.size > MAX_PLACES && oldest) this.#unclaim(oldest, peer, now)
    const soonest = Math.max(now, claim.notBefore)
    if (place.fetch) {
      place.fetch.isLast = false
      if (isNew && now >= place.progressAt + SILENT_MS && isInVain(place)) this.#hurry(place, place.fetch, now)
    }
    // Who was silent is looked at when it may be asked again, however often it repeats itself.
    else if (soonest < place.dueAt) this.#schedule(place, soonest)
  }

  /** The neighbour sends: what it was asked for may be behind that. */
  heard(peer: PeerHandle, now: number): void {
    const known = this.#peers.get(peer)
    if (known) known.heardAt = now
  }

  /** A record came, known or not: whether this neighbour was asked for it, and who claims to have it. */
  arrived(
    peer: PeerHandle | null,
    { source, first, count }: PlacedRange,
    now: number,
  ): { readonly isAsked: boolean; readonly holders: readonly PeerHandle[] } {
    if (peer !== null) this.heard(peer, now)
    const place = this.#places.size === 0 ? undefined : this.#places.get(placeKey(source))
    if (!place) return NOTHING
    const end = first + count
    const holders = [...place.claims].filter(([, claim]) => claim.covers([first, end])).map(([one]) => one)
    const isLate = peer !== null && this.#resume(place, peer, first, now)
    const { fetch } = place
    const isAsked = isLate || (fetch !== null && fetch.peer === peer && first >= fetch.from && first < fetch.to)
    // Who repeats itself brings nothing.
    if (isAsked && fetch?.peer === peer && end > fetch.done) {
      fetch.done = end
      fetch.at = now
      place.progressAt = now
      const left = fetch.to - fetch.done
      if (left <= 0 || (left <= AHEAD && !fetch.isLast)) this.#schedule(place, now)
    }
    return { isAsked, holders }
  }

  /** True if it sends what it was given up for: it is far away, or was busy, and goes on if nobody was asked in its place. */
  #resume(place: Place, peer: PeerHandle, first: number, now: number): boolean {
    const claim = place.claims.get(peer)
    const claimer = this.#peers.get(peer)
    const owed = claim?.owed
    if (!claim || !claimer || !owed || !claim.owes(first)) return false
    if (place.fetch) return true
    claim.speaks(now)
    claimer.fetches++
    place.fetch = { peer, from: owed[0], to: owed[1], done: owed[0], at: now, isLast: false, isHurried: false }
    this.#await(place, place.fetch)
    return true
  }

  /** The neighbour does not hold what it was asked for. */
  none(peer: PeerHandle, { source, first, count }: PlacedRange, now: number): void {
    const place = this.#places.get(placeKey(source))
    const claim = place?.claims.get(peer)
    const fetch = place?.fetch
    if (!place || !claim) return
    const isAsked = fetch?.peer === peer && first >= fetch.from && first < fetch.to
    // Its answer may be late.
    if (!isAsked && !claim.owes(first)) return
    claim.takeOut([first, first + count], (range) => this.#context.missingIn(source, range) !== null)
    if (!isAsked) return
    const claimer = this.#peers.get(peer)
    if (claimer && first === fetch.from && first + count >= fetch.to) claimer.broken++
    // What is before it came before this did.
    fetch.done = Math.max(fetch.done, first + count)
    if (fetch.done < fetch.to) return
    this.#end(place, now)
    this.#schedule(place, now)
  }

  /** True if anybody says that it has something of the range. */
  isClaimed(source: Source, range: Interval): boolean {
    const { claims } = this.#places.get(placeKey(source)) ?? { claims: new Map<PeerHandle, Claim>() }
    for (const claim of claims.values()) if (claim.overlaps(range)) return true
    return false
  }

  /** True if it is being asked for, or will be, of one who has not been silent yet. */
  isAwaited(source: Source, number: number): boolean {
    const { claims, fetch } = this.#places.get(placeKey(source)) ?? {
      claims: new Map<PeerHandle, Claim>(),
      fetch: null,
    }
    if (fetch && number >= fetch.from && number < fetch.to) return true
    const range = [number, number + 1] as const
    for (const claim of claims.values()) if (claim.silences === 0 && claim.overlaps(range)) return true
    return false
  }

  /** True if something of the hole is claimed, and it has not waited long for it: or not since anything claimed came. */
  isComing(
    source: Source,
    hole: { readonly from: number; readonly before: number; readonly since: number },
    now: number,
  ): boolean {
    const { from, before, since } = hole
    const progressAt = this.#places.get(placeKey(source))?.progressAt ?? since
    return now < Math.max(since, progressAt) + WORD_MS && this.isClaimed(source, [from, before])
  }

  expire(now: number): void {
    for (let due = this.#due.take(now); due; due = this.#due.take(now)) {
      const { place, at } = due
      if (place.dueAt !== at || this.#places.get(place.key) !== place) continue
      place.dueAt = Number.POSITIVE_INFINITY
      this.#act(place, now)
    }
  }

  #act(place: Place, now: number): void {
    const { fetch } = place
    if (!fetch) return this.#begin(place, now)
    if (fetch.to - fetch.done <= AHEAD && this.#extend(place, fetch, now)) return this.#await(place, fetch)
    if (fetch.done >= fetch.to) {
      this.#end(place, now)
      return this.#begin(place, now)
    }
    if (!fetch.isHurried && this.#silentAt(fetch) > now) return this.#await(place, fetch)
    // It may have come another way, all of it.
    if (this.#context.missingIn(place.source, [fetch.done, fetch.to])) this.#blame(place, fetch, now)
    this.#end(place, now)
    this.#begin(place, now)
  }

  #blame(place: Place, { peer, done, to }: Fetch, now: number): void {
    const claim = place.claims.get(peer)
    const claimer = this.#peers.get(peer)
    if (!claim || !claimer) return
    claim.wasSilent([done, to], now)
    claimer.broken++
  }

  /** Asks the same one for more, while the rest is on its way. */
  #extend(place: Place, fetch: Fetch, now: number): boolean {
    const claim = place.claims.get(fetch.peer)
    const stretch = claim && this.#stretchOf(place, claim, fetch.to)
    fetch.isLast = !stretch
    if (!stretch) return false
    fetch.to = stretch[1]
    this.#ask(place, fetch.peer, stretch, now)
    return true
  }

  #begin(place: Place, now: number): void {
    const claimers = [...place.claims.keys()]
    const { best, soonest } = this.#choose(place, now)
    if (best) {
      const { peer, stretch } = best
      place.fetch = {
        peer,
        from: stretch[0],
        to: stretch[1],
        done: stretch[0],
        at: now,
        isLast: false,
        isHurried: false,
      }
      const claimer = this.#peers.get(peer)
      if (claimer) claimer.fetches++
      this.#ask(place, peer, stretch, now)
      this.#await(place, place.fetch)
    } else if (place.claims.size === 0) this.#places.delete(place.key)
    else if (soonest < Number.POSITIVE_INFINITY) this.#schedule(place, soonest)
    // It may have been this one's turn with them, and it does not take it.
    for (const peer of claimers) if (peer !== best?.peer) this.#wake(peer, now)
  }

  /** Of whom to ask what; else when somebody may be asked, or infinity if all who hold it have enough to send. */
  #choose(place: Place, now: number): { readonly best: Choice | null; readonly soonest: number } {
    let best: Choice | null = null
    let soonest = Number.POSITIVE_INFINITY
    for (const [peer, claim] of place.claims) {
      const claimer = this.#peers.get(peer)
      const stretch = this.#stretchOf(place, claim, 0)
      if (!claimer || !stretch) {
        this.#unclaim(place, peer, now)
        continue
      }
      if (claimer.fetches >= MAX_FETCHES) {
        claimer.waiting.add(place)
        continue
      }
      soonest = Math.min(soonest, claim.notBefore)
      const rank = [stretch[0], claim.silences, claimer.broken, claimer.fetches]
      if (claim.notBefore <= now && (best === null || isLess(rank, best.rank))) best = { peer, rank, stretch }
    }
    return { best, soonest }
  }

  /** The lowest stretch from there on that it claims and this node lacks. */
  #stretchOf({ source }: Place, { ranges }: Claim, from: number): Interval | null {
    for (const [low, high] of ranges) {
      const missing = this.#context.missingIn(source, [Math.max(low, from), high])
      if (missing) return [missing[0], Math.min(missing[1], missing[0] + MAX_BATCH_MESSAGES)]
    }
    return null
  }

  #ask({ source }: Place, peer: PeerHandle, [from, to]: Interval, now: number): void {
    this.#context.ask(peer, { source, first: from, count: to - from }, now)
  }

  #silentAt({ peer, at }: Fetch): number {
    const heardAt = this.#peers.get(peer)?.heardAt ?? at
    return Math.min(Math.max(heardAt, at) + SILENT_MS, at + DEAF_MS)
  }

  /** Somebody else claims it: the one that is asked may still answer, and is waited for no longer. */
  #hurry(place: Place, fetch: Fetch, now: number): void {
    fetch.isHurried = true
    this.#schedule(place, now)
  }

  #await(place: Place, fetch: Fetch): void {
    this.#schedule(place, this.#silentAt(fetch))
  }

  #end(place: Place, now: number): void {
    const peer = place.fetch?.peer
    const claimer = peer === undefined ? undefined : this.#peers.get(peer)
    place.fetch = null
    if (peer === undefined || !claimer) return
    claimer.fetches--
    this.#wake(peer, now)
  }

  /** The next of those that wait for this neighbour, if it has few enough to send. */
  #wake(peer: PeerHandle, now: number): void {
    const claimer = this.#peers.get(peer)
    if (!claimer || claimer.fetches >= MAX_FETCHES) return
    for (const next of claimer.waiting) {
      claimer.waiting.delete(next)
      if (next.fetch) continue
      this.#schedule(next, now)
      return
    }
  }

  #unclaim(place: Place, peer: PeerHandle, now: number): void {
    place.claims.delete(peer)
    this.#peers.get(peer)?.places.delete(place)
    this.#peers.get(peer)?.waiting.delete(place)
    if (place.fetch?.peer === peer) this.#end(place, now)
    if (!place.fetch) this.#schedule(place, now)
    this.#context.settled(peer, now)
  }

  /** Who was silent most gives way to one that was not yet. */
  #makeRoom(place: Place, now: number): boolean {
    const worst = mostSilent(place)
    if (worst !== null) this.#unclaim(place, worst, now)
    return worst !== null
  }

  #schedule(place: Place, at: number): void {
    place.dueAt = at
    this.#due.add(at, { place, at })
  }
}
