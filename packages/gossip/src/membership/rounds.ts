// What a node does every half minute with a view that is full enough: it asks discoveries for strangers and joins those who
// may be of another part of the swarm, measures one of those it knows and takes it in place of a farther neighbour, and lets
// one go where both have too many. Who brings an author that few others bring goes for nobody.

import { fromPeerId, type PeerId } from '@hearsay/core'
import { MAX_NAMES_IN_VIEW, NAME_BYTES } from './frames.js'
import type { Neighbours } from './neighbours.js'
import type { Known } from './passive.js'
import type { Seeker } from './seeker.js'
import type { Shared } from './shared.js'
import { hasMoreThan, type Neighbour } from './view.js'

/** Between rounds; up to a quarter more by chance. */
const ROUND_MS = 30_000
/** A node in need asks discoveries again, no sooner than this. */
const NEED_MS = 5_000
/** How long a link for a measurement or a comparison may wait for its answer. */
const INTENT_MS = 10_000
/** Strangers that are dialled each time that discoveries are asked. */
const STRANGERS = 2
/** After a stranger was taken in the next one waits twice as long: in a large swarm everybody is strange. */
const FIRST_PAUSE_MS = 30_000
const LAST_PAUSE_MS = 480_000
/** The same for those given by hand: everybody has the same seed, and it is full first. */
const FIRST_SEED_PAUSE_MS = 120_000
/** One peer is measured once in so long. */
const MEASURE_PAUSE_MS = 600_000
/** A nearer neighbour is nearer by a quarter and by so many ms: less is noise, and not worth a change. */
const MARGIN_MS = 5

export class Rounds {
  readonly #shared: Shared
  readonly #neighbours: Neighbours
  readonly #seeker: Seeker
  #roundAt = Number.POSITIVE_INFINITY
  #askedAt = Number.NEGATIVE_INFINITY
  #strangersLeft = 0
  #strangerAt = 0
  #pauseMs = FIRST_PAUSE_MS
  /** Peers given by hand are looked up again after a pause that grows: a seed of many is not to be asked by all the time. */
  #seedAt: number | null = null
  #seedPauseMs = FIRST_SEED_PAUSE_MS
  /** Whom the one that is measured is to replace. */
  #swap: { readonly near: PeerId; readonly far: PeerId } | null = null

  constructor(shared: Shared, neighbours: Neighbours, seeker: Seeker) {
    this.#shared = shared
    this.#neighbours = neighbours
    this.#seeker = seeker
  }

  get nextAt(): number {
    const intents = this.#shared.view.all().flatMap(({ intent }) => intent?.until ?? [])
    return Math.min(this.#roundAt, ...intents)
  }

  /** The first member is there, or the node has woken: rounds begin. */
  start(): void {
    if (this.#roundAt === Number.POSITIVE_INFINITY) this.#plan()
  }

  stop(): void {
    this.#roundAt = Number.POSITIVE_INFINITY
  }

  onTime(): void {
    const { view, now } = this.#shared
    for (const member of view.all()) {
      if (member.intent && member.intent.until <= now) member.intent = null
    }
    if (now >= this.#roundAt) this.#round()
  }

  /** A neighbour is gone. In need discoveries are asked at once; after a great loss strangers are worth more. */
  onLoss(): void {
    const { view, limits, lookup, now } = this.#shared
    if (view.degree >= limits.low) return
    this.#pauseMs = FIRST_PAUSE_MS
    this.#strangerAt = now
    this.#seedPauseMs = FIRST_SEED_PAUSE_MS
    this.#seedAt = now
    if (lookup && now - this.#askedAt >= NEED_MS) this.ask()
  }

  /** Asks discoveries. Whom they find is news only once, so strangers are compared whatever they were asked for. */
  ask(): void {
    this.#strangersLeft = STRANGERS
    this.#askedAt = this.#shared.now
    this.#shared.emit({ type: 'refresh' })
  }

  /** Somebody whom nobody needs was found, by a discovery of this node or by hearsay. */
  onStranger(known: Known): void {
    if (known.candidate.referrer !== undefined || this.#strangersLeft === 0) return
    if (this.#shared.now < this.#strangerAt) return
    this.#strangersLeft--
    this.#seeker.dial(known, 'stranger')
  }

  /** A member is linked for a purpose of this file. */
  onUp(member: Neighbour, why: NonNullable<Neighbour['intent']>['why']): void {
    const { view, limits, passive, now } = this.#shared
    member.intent = { why, until: now + INTENT_MS }
    if (why !== 'stranger') return
    const known = passive.of(member.peer)
    const wasLost = known?.lost === true
    if (known) known.lost = false
    if (!wasLost) return this.#neighbours.send(member, { type: 'ask' })
    // Who is back from a split brings others with it, whatever it is linked with by now.
    const victim = view.held < limits.high ? null : view.victim(this.#shared.now)
    if (victim) this.#neighbours.drop(victim)
    if (view.held < limits.high) this.#neighbours.hold(member)
    else member.intent = null
  }

  onAsk(member: Neighbour): void {
    this.#neighbours.send(member, { type: 'view', names: this.#names(member) })
  }

  /** A stranger whose neighbours are none of ours may be of another part of the swarm. */
  onView(member: Neighbour, names: readonly Uint8Array[]): void {
    if (member.intent?.why !== 'stranger' || member.mine) return
    const own = new Set(this.#names(member).map(String))
    const { view, limits, now } = this.#shared
    if (names.some((name) => own.has(String(name))) || view.held >= limits.high || now < this.#strangerAt) {
      member.intent = null
      return
    }
    this.#strangerAt = now + this.#pauseMs
    this.#pauseMs = Math.min(2 * this.#pauseMs, LAST_PAUSE_MS)
    this.#neighbours.hold(member)
  }

  ping(member: Neighbour): void {
    const { random, now } = this.#shared
    member.ping = { nonce: random.below(2 ** 32), at: now }
    this.#neighbours.send(member, { type: 'ping', nonce: member.ping.nonce, degree: this.#shared.degree })
  }

  onPong(member: Neighbour, nonce: number): void {
    if (member.ping?.nonce !== nonce) return
    const ms = this.#shared.now - member.ping.at
    member.ping = null
    member.rttMs = member.rttMs === null ? ms : (3 * member.rttMs + ms) / 4
    if (member.intent?.why === 'measure' && !member.mine) this.#compare(member, member.rttMs)
  }

  onDrop({ peer }: Neighbour): void {
    if (this.#swap?.near === peer) this.#swap = null
  }

  /** The nearer one has agreed: only now the farther one goes. */
  onActive(member: Neighbour): void {
    if (this.#swap?.near !== member.peer) return
    const far = this.#shared.view.get(this.#swap.far)
    this.#swap = null
    member.near = true
    const { limits, worth, now } = this.#shared
    if (far?.mine && hasMoreThan(limits.low, far, now) && !worth.isNeeded(far)) this.#neighbours.drop(far)
  }

  #compare(member: Neighbour, rttMs: number): void {
    const { view, limits, worth, now } = this.#shared
    const far = view.furthest(now, (each) => !worth.isNeeded(each))
    const isNearer = far?.rttMs && rttMs + MARGIN_MS < far.rttMs && rttMs * 4 < far.rttMs * 3
    if (!far || !isNearer || view.held >= limits.high) {
      member.intent = null
      return
    }
    this.#swap = { near: member.peer, far: far.peer }
    this.#neighbours.hold(member)
  }

  #round(): void {
    const { view, limits, lookup, worth, now } = this.#shared
    this.#plan()
    for (const member of view.active()) this.ping(member)
    if (view.active().filter(({ onTrial }) => !onTrial).length > limits.target + 2) {
      const spare = view.spare(now, (member) => !worth.isNeeded(member))
      if (spare) this.#neighbours.drop(spare)
    }
    if (!lookup) return
    this.ask()
    this.#seekLost()
    if (view.degree >= limits.target) this.#measureOne()
  }

  /** Those who went without a word, who were given by hand, or of whom a stranger told: the others may be with them. */
  #seekLost(): void {
    const { passive, now } = this.#shared
    this.#seedAt ??= now + this.#seedPauseMs
    const seedAt = this.#seedAt
    const isSeed = ({ candidate }: Known): boolean => candidate.persistent === true && now >= seedAt
    const isLead = (known: Known): boolean => known.lost || known.strange || isSeed(known)
    const suits = (known: Known): boolean => isLead(known) && !this.#seeker.isDialling(known)
    for (const known of passive.pick({ now, count: 1, suits, isCrowded: () => false })) {
      if (isSeed(known)) {
        this.#seedAt = now + this.#seedPauseMs
        this.#seedPauseMs = Math.min(2 * this.#seedPauseMs, LAST_PAUSE_MS)
      }
      known.strange = false
      this.#seeker.dial(known, 'stranger')
    }
  }

  #measureOne(): void {
    const { passive, now } = this.#shared
    const isDue = ({ measuredAt }: Known): boolean => measuredAt === null || measuredAt + MEASURE_PAUSE_MS <= now
    const suits = (known: Known): boolean => known.peer !== null && isDue(known) && !this.#seeker.isDialling(known)
    for (const known of passive.pick({ now, count: 1, suits, isCrowded: () => false })) {
      known.measuredAt = now
      this.#seeker.dial(known, 'measure')
    }
  }

  #plan(): void {
    this.#roundAt = this.#shared.now + ROUND_MS + this.#shared.random.below(ROUND_MS / 4)
  }

  #names(except: Neighbour): readonly Uint8Array[] {
    const others = this.#shared.view.active().filter(({ peer }) => peer !== except.peer)
    return others.slice(0, MAX_NAMES_IN_VIEW).map(({ peer }) => fromPeerId(peer).subarray(0, NAME_BYTES))
  }
}
