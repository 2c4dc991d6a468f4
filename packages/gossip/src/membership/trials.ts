// Trying others out. Who answers politely and passes nothing on looks like a neighbour until somebody else brings what it did
// not: only by comparing is it found out. So a node takes further peers on trial for a moment, beyond the neighbours that it
// needs. Whoever is the first to bring something, or hands over what it has from others (worth.ts), stays, if need be in place
// of one that is worth less; the others go again. Where nobody speaks nobody is found wanting: those on trial come and go, and
// neighbours stay. Who has heard nothing cannot compare, and need not: whatever it asks of one that has, it is on trial there.
//
//   state                                              | tries one out
//   ---------------------------------------------------|-----------------------------------------------------
//   young: half a minute from the first member on      | every 1.6 seconds
//   alive: somebody speaks, this node or another       | six times a second, 32 of them; neighbours go for others
//   bereft: one that brought something is gone, or an  | six times a second, 32 of them, while some author is brought by
//     author is new                                    | fewer than two; those first that once brought something
//   starving: nobody is left that brought something    | six times a second, in the same order
//   otherwise                                          | once in half a minute

import type { PeerId } from '@hearsay/core'
import type { Neighbours } from './neighbours.js'
import type { Known } from './passive.js'
import type { Rounds } from './rounds.js'
import type { Seeker } from './seeker.js'
import type { Shared } from './shared.js'
import type { Neighbour } from './view.js'

/** Until then a node looks around though nobody speaks. */
const YOUTH_MS = 30_000
const YOUNG_PAUSE_MS = 1_600
/** With four liars to one each of 32 is a liar once in a thousand nodes. */
const ALIVE_TRIALS = 32
const BEREFT_TRIALS = 32
/** Between two times that these are granted; twice as long each time. */
const FIRST_REFILL_MS = 2_500
const LAST_REFILL_MS = 640_000
const BUSY_PAUSE_MS = 160
const REST_PAUSE_MS = 30_000
/** So many are tried out at once, and so many more in hunger. */
const TRIALS = 6
const MORE_TRIALS = 2
/** Nobody is tried out twice in so long, for the pool would not dial it; one that once brought something, much sooner. */
const AGAIN_MS = 600_000
const FEEDER_AGAIN_MS = 1_000
/** When all that are known were tried, discoveries are asked for others, no sooner than this; linked ones are tried again. */
const REFRESH_MS = 10_000

export class Trials {
  readonly #shared: Shared
  readonly #neighbours: Neighbours
  readonly #seeker: Seeker
  readonly #rounds: Rounds
  #youngUntil = 0
  /** Trials that are left because the room is alive, and because an author may be brought by too few. */
  #alive = 0
  #bereft = 0
  #refillAt = 0
  #refillPauseMs = FIRST_REFILL_MS
  #nextAt = Number.POSITIVE_INFINITY
  #refreshedAt = Number.NEGATIVE_INFINITY

  constructor(shared: Shared, parts: { neighbours: Neighbours; seeker: Seeker; rounds: Rounds }) {
    this.#shared = shared
    this.#neighbours = parts.neighbours
    this.#seeker = parts.seeker
    this.#rounds = parts.rounds
  }

  get nextAt(): number {
    const { view, isSmall } = this.#shared
    const ends = view.all().flatMap(({ trialUntil }) => trialUntil ?? [])
    // A room of a few that has spoken, or a node that has too few yet, would wake six times a second for nothing.
    const isIdle = (isSmall || !this.#hasEnough) && this.#isBusy()
    return Math.min(isIdle ? Number.POSITIVE_INFINITY : this.#nextAt, ...ends)
  }

  /** The first member is there, or the node has woken. */
  start(): void {
    if (this.#nextAt !== Number.POSITIVE_INFINITY) return
    const { now, random } = this.#shared
    this.#youngUntil = now + YOUTH_MS
    this.#nextAt = now + YOUNG_PAUSE_MS + random.below(YOUNG_PAUSE_MS)
  }

  stop(): void {
    this.#nextAt = Number.POSITIVE_INFINITY
  }

  onTime(): void {
    const { view, now, isSmall } = this.#shared
    for (const member of view.all()) {
      if (member.trialUntil !== null && member.trialUntil <= now) this.#end(member)
    }
    if (this.#nextAt > now) return
    if (this.#alive > 0) this.#neighbours.trim()
    this.#plan()
    if (!isSmall) this.#begin()
  }

  /** A member is linked that was dialled to be tried out. */
  onUp(member: Neighbour): void {
    if (this.#neighbours.findsTrialPlace(member, false)) this.#neighbours.tryOut(member)
  }

  /** Somebody speaks: now neighbours can be compared. */
  onAlive(): void {
    if (this.#shared.isAlive) return
    this.#shared.isAlive = true
    this.#alive = ALIVE_TRIALS
    this.#hurry()
  }

  /** A neighbour was the first to bring something. */
  onBrought(member: Neighbour): void {
    const isFirst = !member.hasBrought
    this.#shared.brought++
    this.onAlive()
    if (isFirst) this.#prove(member)
  }

  /** A neighbour has handed over what this author said, and has it from others. */
  onShown(member: Neighbour, author: PeerId): void {
    if (this.#shared.worth.show(member, author)) this.#refill()
    this.onAlive()
    this.#prove(member)
  }

  /** It is worth more than it was: if it is on trial it stays, for one that is worth less if there is one. */
  #prove(member: Neighbour): void {
    member.hasBrought = true
    const known = this.#shared.passive.of(member.peer)
    if (known) known.isFeeder = true
    if (!member.onTrial) return
    this.#neighbours.makesPlaceFor(member)
    Object.assign(member, { onTrial: false, trialUntil: null })
  }

  /** It had no place just now: it was not tried out, and as long as it is linked it may be asked again. */
  onRefused(member: Neighbour): void {
    const known = this.#knownOf(member)
    if (known) known.triedOutAt = null
  }

  /** A neighbour is gone; if it brought something, those that are left may bring only half of that. */
  onLoss({ hasBrought }: Pick<Neighbour, 'hasBrought'>): void {
    if (!hasBrought) return
    this.#refill()
    this.#hurry()
  }

  /** It has brought nothing; while this node compares, it may have come at the end of a queue of idle ones. */
  #end(member: Neighbour): void {
    const { view, limits } = this.#shared
    Object.assign(member, { onTrial: false, trialUntil: null })
    if (view.held <= limits.target) return
    if (this.#alive === 0 || !this.#neighbours.makesPlaceFor(member, limits.target)) this.#neighbours.drop(member)
  }

  /** Later each time: where an author cannot be brought by two a node must not look for the second one for ever. */
  #refill(): void {
    const { now } = this.#shared
    if (now < this.#refillAt) return
    this.#bereft = BEREFT_TRIALS
    this.#refillAt = now + this.#refillPauseMs
    this.#refillPauseMs = Math.min(2 * this.#refillPauseMs, LAST_REFILL_MS)
  }

  #hurry(): void {
    if (this.#nextAt !== Number.POSITIVE_INFINITY) this.#plan()
  }

  #plan(): void {
    const { now, random } = this.#shared
    const pause = this.#isBusy() ? BUSY_PAUSE_MS : now < this.#youngUntil ? YOUNG_PAUSE_MS : REST_PAUSE_MS
    this.#nextAt = now + pause + random.below(pause / 4)
  }

  #isBusy(): boolean {
    const { isStarving, worth } = this.#shared
    return isStarving || this.#alive > 0 || (this.#bereft > 0 && worth.isLacking)
  }

  /** Neighbours enough, or none that is of any use. */
  get #hasEnough(): boolean {
    const { view, limits, isStarving } = this.#shared
    return view.held >= limits.target || isStarving
  }

  #begin(): void {
    const { view, lookup, isStarving } = this.#shared
    if (!lookup || !this.#hasEnough) return
    const running = view.all().filter(({ onTrial, initiator }) => onTrial && initiator).length + this.#seeker.trials
    if (running >= TRIALS + (isStarving ? MORE_TRIALS : 0)) return
    if (this.#alive > 0) this.#alive--
    else if (this.#bereft > 0) this.#bereft--
    const linked = this.#chooseLinked()
    if (linked) return this.onUp(linked)
    const known = this.#chooseKnown()
    if (known) return this.#seeker.dial(known, 'trial')
    this.#refresh()
    const again = this.#chooseAgain()
    if (again) this.onUp(again)
  }

  /** One that is linked costs no dial; but who came by itself is not to be the only one that is tried out. */
  #chooseLinked(): Neighbour | null {
    const { now, random, isStarving, worth } = this.#shared
    const idle = this.#idle
    const feeders = isStarving || worth.isLacking ? idle.filter((member) => this.#isFeeder(member)) : []
    const others = idle.filter((member) => member.noTrialUntil <= now && this.#isDue(this.#knownOf(member)))
    const other = random.below(2) === 0 ? undefined : others[random.below(Math.max(1, others.length))]
    const chosen = feeders[random.below(Math.max(1, feeders.length))] ?? other
    const known = chosen && this.#knownOf(chosen)
    if (known) known.triedOutAt = now
    return chosen ?? null
  }

  /** All that are known were tried out: one that is linked may bring more by now. */
  #chooseAgain(): Neighbour | null {
    const { now, random } = this.#shared
    const due = this.#idle.filter(({ noTrialUntil }) => noTrialUntil <= now)
    return due[random.below(Math.max(1, due.length))] ?? null
  }

  get #idle(): readonly Neighbour[] {
    const linked = this.#shared.view
      .all()
      .filter(({ mine, handle, intent }) => !mine && handle !== null && intent === null)
    return linked.filter(({ network }) => !this.#shared.isCrowded(network))
  }

  #chooseKnown(): Known | null {
    const { passive, now, self } = this.#shared
    const suits = (known: Known): boolean =>
      known.peer !== self &&
      known.candidate.addresses.length > 0 &&
      this.#isDue(known) &&
      !this.#seeker.isDialling(known)
    const [known] = passive.pick({ now, count: 1, suits, isCrowded: (network) => this.#shared.isCrowded(network) })
    if (known) known.triedOutAt = now
    return known ?? null
  }

  #knownOf({ peer }: Neighbour): Known | null {
    return this.#shared.passive.of(peer)
  }

  #isDue(known: Known | null): boolean {
    if (!known) return false
    return known.triedOutAt === null || known.triedOutAt + AGAIN_MS <= this.#shared.now
  }

  #isFeeder(member: Neighbour): boolean {
    const known = this.#knownOf(member)
    const { now } = this.#shared
    return known?.isFeeder === true && member.noTrialUntil <= now && (known.triedOutAt ?? 0) + FEEDER_AGAIN_MS < now
  }

  #refresh(): void {
    const { now } = this.#shared
    if (now < this.#refreshedAt + REFRESH_MS) return
    this.#refreshedAt = now
    this.#rounds.ask()
  }
}
