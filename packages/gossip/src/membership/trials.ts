// Trying others out. Who answers politely and passes nothing on looks like a neighbour until somebody else brings what it did
// not: only by comparing is it found out. So a young node takes further peers on trial, one after the other, beyond those that
// it needs; so does one whose neighbours all bring nothing while it knows that the room is alive, and any node once a round.
// Whoever is the first to bring something while on trial stays, if need be in place of one that brings nothing; the others go
// again. Where nobody speaks nobody is found wanting, and only those on trial go.
//
//   state      | tries one out
//   -----------|---------------------------------------------------------------
//   young      | every second, for the first minute
//   starving   | twice a second: a neighbour brought something, and none that is left did
//   otherwise  | once a round

import type { Neighbours } from './neighbours.js'
import type { Known } from './passive.js'
import type { Seeker } from './seeker.js'
import type { Shared } from './shared.js'
import type { Neighbour } from './view.js'

const YOUTH_TRIALS = Number(process.env.T_YOUTH ?? 32)
const BEREFT_TRIALS = Number(process.env.T_BEREFT ?? 8)
const ALIVE_MS = Number(process.env.T_ALIVE ?? 500)
const YOUTH_MS = 30_000
const YOUNG_MS = Number(process.env.T_YOUNG ?? 1_000)
const STARVING_MS = Number(process.env.T_STARVE ?? 500)
const ROUND_MS = 30_000
/** So many at once. */
const TRIALS = Number(process.env.T_TRIALS ?? 3)
/** Nobody is tried out twice in so long. */
const AGAIN_MS = 600_000
/** When all that are known were tried, discoveries are asked for others, no sooner than this. */
const REFRESH_MS = 10_000

export class Trials {
  readonly #shared: Shared
  readonly #neighbours: Neighbours
  readonly #seeker: Seeker
  #left = 0
  #bereft = 0
  #youngUntil = 0
  #isAlive = false
  #nextAt = Number.POSITIVE_INFINITY
  #refreshedAt = Number.NEGATIVE_INFINITY

  constructor(shared: Shared, neighbours: Neighbours, seeker: Seeker) {
    this.#shared = shared
    this.#neighbours = neighbours
    this.#seeker = seeker
  }

  get nextAt(): number {
    const ends = this.#shared.view.all().flatMap(({ trialUntil }) => trialUntil ?? [])
    return Math.min(this.#nextAt, ...ends)
  }

  /** The first member is there, or the node has woken. */
  start(): void {
    if (this.#nextAt !== Number.POSITIVE_INFINITY) return
    const { now, random } = this.#shared
    this.#youngUntil = now + YOUTH_MS
    this.#nextAt = now + YOUNG_MS + random.below(YOUNG_MS)
  }

  stop(): void {
    this.#nextAt = Number.POSITIVE_INFINITY
  }

  onTime(): void {
    const { view, now } = this.#shared
    for (const member of view.all()) {
      if (member.trialUntil !== null && member.trialUntil <= now) this.#end(member)
    }
    if (this.#nextAt > now) return
    this.#plan()
    if (!this.#shared.isSmall) this.#begin()
  }

  /** A member is linked that was dialled to be tried out. */
  onUp(member: Neighbour): void {
    const { view, limits } = this.#shared
    if (view.held >= limits.high && !this.#neighbours.makesTrialPlace()) return
    this.#neighbours.tryOut(member)
  }

  /** Somebody speaks: now neighbours can be compared. */
  onAlive(): void {
    if (this.#isAlive) return
    this.#isAlive = true
    this.#left = YOUTH_TRIALS
    if (this.#nextAt !== Number.POSITIVE_INFINITY) this.#plan()
  }

  /** It was the first to bring something. */
  onBrought(member: Neighbour): void {
    const { now } = this.#shared
    const isFirst = member.broughtAt === null
    member.broughtAt = now
    this.#shared.brought++
    member.mark = this.#shared.brought
    this.onAlive()
    member.trialUntil = null
    member.onTrial = false
    const known = this.#shared.passive.of(member.peer)
    if (known) known.isFeeder = true
    if (isFirst) this.#neighbours.makesPlaceFor(member)
  }

  /** A neighbour that brought something is gone: those that are left may bring only half of it. */
  onLoss(): void {
    this.#bereft = BEREFT_TRIALS
    if (this.#nextAt !== Number.POSITIVE_INFINITY) this.#plan()
  }

  #end(member: Neighbour): void {
    const { view, limits } = this.#shared
    member.trialUntil = null
    member.onTrial = false
    if (view.held <= limits.target) return
    if (this.#left <= 0 || !this.#neighbours.makesPlaceFor(member, limits.target)) this.#neighbours.drop(member)
  }

  #plan(): void {
    const { now, random, isStarving } = this.#shared
    const pause = isStarving ? STARVING_MS : this.#left + this.#bereft > 0 ? ALIVE_MS : now < this.#youngUntil ? YOUNG_MS : ROUND_MS
    this.#nextAt = now + pause + random.below(pause / 4)
  }

  #begin(): void {
    const { view, lookup, limits, isStarving } = this.#shared
    if (view.held < limits.target && !isStarving) return
    const running = view.all().filter(({ onTrial, initiator }) => onTrial && initiator).length + this.#seeker.trials
    if (!lookup || running >= TRIALS + (isStarving ? 2 : 0)) return
    if (this.#left > 0) this.#left--
    else if (this.#bereft > 0) this.#bereft--
    const linked = this.#linked()
    if (linked) return this.onUp(linked)
    const known = this.#pick()
    if (known) this.#seeker.dial(known, 'trial')
    else this.#refresh()
  }

  #linked(): Neighbour | null {
    const { view, passive, now, isStarving } = this.#shared
    const idle = view.all().filter((member) => !member.mine && member.handle !== null && member.intent === null)
    if (isStarving) {
      const feeders = idle.filter(({ peer }) => passive.of(peer)?.isFeeder && (passive.of(peer)?.triedOutAt ?? 0) + 1_000 < now)
      const feeder = feeders[this.#shared.random.below(Math.max(1, feeders.length))]
      const known = feeder && passive.of(feeder.peer)
      if (feeder && known) {
        known.triedOutAt = now
        return feeder
      }
    }
    if (this.#shared.random.below(2) === 0) return null
    for (const member of idle) {
      if (member.restUntil > now) continue
      const known = passive.of(member.peer)
      if (!known || !this.#isDue(known)) continue
      known.triedOutAt = now
      return member
    }
    return null
  }

  #pick(): Known | null {
    const { passive, now, self } = this.#shared
    const suits = (known: Known): boolean =>
      known.peer !== self && known.candidate.addresses.length > 0 && this.#isDue(known) && !this.#seeker.isDialling(known)
    const [known] = passive.pick({ now, count: 1, suits, isCrowded: (network) => this.#shared.isCrowded(network) })
    if (known) known.triedOutAt = now
    return known ?? null
  }

  #isDue({ triedOutAt }: Known): boolean {
    return triedOutAt === null || triedOutAt + AGAIN_MS <= this.#shared.now
  }

  #refresh(): void {
    const { now } = this.#shared
    if (now < this.#refreshedAt + REFRESH_MS) return
    this.#refreshedAt = now
    this.#shared.emit({ type: 'refresh' })
  }
}
