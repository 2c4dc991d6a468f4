// Filling the active view: which members are asked to be neighbours, who of the passive view is dialled, several at once while
// the node is in need, and who is let go when there are enough.

import { type Address, type Candidate, withPeer } from '@hearsay/core'
import type { Neighbours } from './neighbours.js'
import { DIALLED } from './options.js'
import type { Known } from './passive.js'
import type { Shared } from './shared.js'
import type { Neighbour } from './view.js'

/** One that was dialled and has not come counts for so long; then others are dialled beside it. */
const PATIENCE_MS = 1_000
/** After so long it was dialled in vain. */
const VAIN_MS = 10_000
/** In need so many more than needed are dialled. */
const SPARE_DIALS = 2
/** A node in need asks those again that it let go, or that refused, when it was in none. */
const NEED_AGAIN_MS = 1_000
/** Who is in need is dialled first by the pool. */
const PRIORITY_IN_NEED = 1

type Intent = NonNullable<Neighbour['intent']>['why']

interface Dial {
  readonly known: Known
  readonly since: number
  readonly intent: Intent | null
}

export class Seeker {
  readonly #shared: Shared
  readonly #neighbours: Neighbours
  /** Who is being dialled; bounded by the passive view. */
  readonly #dials = new Map<string, Dial>()

  constructor(shared: Shared, neighbours: Neighbours) {
    this.#shared = shared
    this.#neighbours = neighbours
  }

  isDialling(known: Known): boolean {
    return this.#dials.has(known.key)
  }

  /** How many are dialled to be tried out; one that has not come for a while does not count, for it may never be dialled. */
  get trials(): number {
    const { now } = this.#shared
    const isFresh = ({ since, intent }: Dial): boolean => intent === 'trial' && since + PATIENCE_MS > now
    return [...this.#dials.values()].filter(isFresh).length
  }

  /** A discovery has found somebody: it is answered if it is new and not dialled yet. */
  onCandidate(candidate: Candidate): Known | null {
    const { passive, self, now, view, goal } = this.#shared
    if (candidate.peer === self) return null
    const isNew = passive.find(candidate) === null
    const known = passive.note(candidate)
    if (!known) return null
    // The pool knows how often it may be dialled: what a discovery says again may be news.
    if (candidate.referrer === undefined) known.notBefore = Math.min(known.notBefore, now)
    const isLinked = known.peer !== null && view.get(known.peer) !== undefined
    if (isLinked) return null
    // What was given by hand is dialled at once, and what is dialled again: the pool knows best what to make of news of it.
    if ((candidate.persistent && isNew) || this.#dials.has(known.key)) this.dial(known, null)
    return isNew && view.held >= goal ? known : null
  }

  dial(known: Known, intent: Intent | null): void {
    const { view, limits, now } = this.#shared
    const before = this.#dials.get(known.key)
    this.#dials.set(known.key, before ?? { known, since: now, intent })
    const priority = view.held < limits.low ? PRIORITY_IN_NEED : 0
    this.#shared.emit({ type: 'want', candidate: known.candidate, priority })
  }

  /** The member is linked; answers for what it was dialled, if it was. */
  onUp({ peer, initiator }: Neighbour, address: Address | null): Intent | null {
    // A candidate without a name has one now.
    const nameless = initiator && address ? { peer: null, addresses: [withPeer(address, null)], source: '' } : null
    const found = nameless && this.#shared.passive.find(nameless)
    if (found) found.peer = peer
    let intent: Intent | null = null
    for (const [key, dial] of this.#dials) {
      if (dial.known.peer !== peer) continue
      this.#dials.delete(key)
      intent ??= dial.intent
    }
    return intent
  }

  /**
   * Its link was lost; the pool goes on dialling it while the room is in need of somebody. One that was a neighbour for a
   * while is wanted back in any case: by cutting links nobody makes a node change friends for those who wait at its door.
   */
  onLost(known: Known): void {
    const intent = known.lost && known.tried ? 'stranger' : null
    this.#dials.set(known.key, { known, since: this.#shared.now - PATIENCE_MS, intent })
  }

  forget(known: Known): void {
    this.#dials.delete(known.key)
  }

  /** Asks and dials as many as are missing; lets go of those that are not needed when none is. */
  seek(): void {
    this.#expire()
    const need = this.#need()
    if (need <= 0) return this.#settle()
    const left = need - this.#askLinked(need)
    if (left > 0 && this.#shared.lookup) this.#dialMore(left)
  }

  /** When it is to be called again, if nothing happens. */
  get nextAt(): number {
    const { passive, view, now } = this.#shared
    const inNeed = this.#need() > 0
    let at = Number.POSITIVE_INFINITY
    for (const { since } of this.#dials.values()) {
      const patience = since + PATIENCE_MS
      at = Math.min(at, inNeed && patience > now ? patience : since + VAIN_MS)
    }
    if (!inNeed) return at
    for (const { notBefore } of passive.values()) if (notBefore > now) at = Math.min(at, notBefore)
    for (const member of view.all()) {
      const againAt = this.#againAt(member)
      if (!member.mine && againAt > now) at = Math.min(at, againAt)
    }
    return at
  }

  #need(): number {
    const { view, limits, goal, lookup } = this.#shared
    const { held } = view
    if (held < goal) return goal - held
    // All came by themselves: some are to be of this node's own choice.
    const missing = lookup && held < limits.high ? DIALLED - view.dialled : 0
    return missing > 0 && !this.#shared.isSmall ? Math.min(missing, limits.high - held) : 0
  }

  /** Those that are linked already. Who came by itself only in need: by coming often nobody gets more places. */
  #askLinked(need: number): number {
    const { view, limits, now, passive, goal } = this.#shared
    const mayAsk = (member: Neighbour): boolean =>
      !member.mine && member.handle !== null && member.intent === null && this.#againAt(member) <= now
    const isInNeed = view.held < limits.low || passive.size === 0 || goal > limits.target
    const isChoice = ({ initiator }: Neighbour): boolean => initiator || (isInNeed && view.held < goal)
    const idle = view.all().filter((member) => mayAsk(member) && isChoice(member))
    const [rare, crowded] = [
      idle.filter(({ network }) => !this.#shared.isCrowded(network)),
      idle.filter(({ network }) => this.#shared.isCrowded(network)),
    ]
    const asked = [...rare, ...crowded].slice(0, need)
    for (const member of asked) this.#neighbours.hold(member)
    return asked.length
  }

  #againAt({ restUntil, endedAt }: Neighbour): number {
    const { view, limits } = this.#shared
    return view.held < limits.low ? Math.min(restUntil, endedAt + NEED_AGAIN_MS) : restUntil
  }

  #dialMore(need: number): void {
    const { passive, view, limits, now, self } = this.#shared
    const fresh = [...this.#dials.values()].filter(({ since }) => since + PATIENCE_MS > now).length
    const more = need + (view.held < limits.low ? SPARE_DIALS : 0) - fresh
    if (more <= 0) return
    const suits = (known: Known): boolean =>
      known.peer !== self && known.candidate.addresses.length > 0 && !this.#dials.has(known.key)
    const isCrowded = (network: string | null): boolean => this.#shared.isCrowded(network)
    for (const known of passive.pick({ now, count: more, suits, isCrowded })) this.dial(known, null)
  }

  #expire(): void {
    const { passive, now } = this.#shared
    for (const [key, { known, since, intent }] of this.#dials) {
      if (since + VAIN_MS > now) continue
      this.#dials.delete(key)
      passive.fail(known, now)
      // Otherwise the pool has its own patience with it; but of one that is linked and no member it would have no end.
      if (intent !== null || this.#isAbsent(known)) this.#release(known)
    }
  }

  #settle(): void {
    const { view, limits } = this.#shared
    for (const [key, { known, intent }] of this.#dials) {
      const isKept = known.candidate.persistent === true && view.degree < limits.target
      if (intent !== null || isKept || view.degree < limits.low) continue
      this.#dials.delete(key)
      this.#release(known)
    }
    for (const member of view.all()) {
      if (member.mine || member.intent !== null || member.released) continue
      member.released = true
      this.#shared.emit({ type: 'release', peer: member.peer })
    }
  }

  #isAbsent({ peer, candidate }: Known): boolean {
    const { view, isLinked } = this.#shared
    return peer !== null && candidate.persistent !== true && view.get(peer) === undefined && isLinked(peer)
  }

  #release({ peer, candidate }: Known): void {
    this.#shared.emit({ type: 'release', peer: peer ?? candidate })
  }
}
