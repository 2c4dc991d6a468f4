// Who is a neighbour: the agreement of the two ends of a link. Each says `hold` when it takes the other for its neighbour and
// `drop` when it does not or no longer does; a link carries the room while both hold.
//
//   heard | held by this node | effect
//   ------|-------------------|-------------------------------------------------------------------------------------
//   hold  | yes               | both hold: the link carries the room
//   hold  | no                | a wish: answered by hold, or by drop with others to try
//   drop  | either            | nobody holds anybody; the others it names go to the passive view
//
// Frames of one link arrive in order and each wish is answered, so whatever crosses on the way, the last word of each side
// decides and both agree.

import { type AddressRecord, decodeAddressRecord, encodeAddressRecord, hasCode, TokenBucket } from '@hearsay/core'
import { encodeMembersFrame, MAX_TRIES, type MembersFrame } from './frames.js'
import type { Shared } from './shared.js'
import type { Neighbour } from './view.js'

/** Who does not answer a wish in this time is not waited for. */
const ANSWER_MS = 10_000
/** The same for one that is to be tried out: of the few places for that none is to be kept by saying nothing. */
const TRIAL_ANSWER_MS = 2_000
/** Nobody is asked again so soon after it let this node go; up to half as much again by chance. */
const REST_MS = 20_000
/** The same where everybody is to be linked with everybody, and nobody has a reason to refuse. */
const SHORT_REST_MS = 2_000
/** The same for a node in need: it has something else to say now, that its wish is urgent. */
const NEED_REST_MS = 500
/** Nobody is tried out again so soon; one that refused, sooner. */
const TRIAL_REST_MS = 3_000
const REFUSED_REST_MS = 1_500
/** Neighbours beyond those that a node looks for, taken from those who look for theirs. */
const SLACK = 2
/** A node in need bears so many refusals before its wish is urgent, and may cost somebody a place. */
const PATIENT = 2
/** Neighbours that go for others in need: two at once, one in half a minute. Joiners cannot churn a view. */
const EVICTIONS = { burst: 2, perSecond: 1 / 30 } as const

/** In this time a neighbour on trial is to bring something: what it has it shows in a round trip and a half. */
const TRIAL_MS = 800
/** One that had so long goes for the next one that asks for a trial, if there is no other place. */
const LEAST_TRIAL_MS = 300
/** Who has one of the last places has found others by then, and may go for one that is to be tried out. */
const GUEST_MS = 5_000
/** Neighbours that go for others to be tried out. */
const TRIAL_EVICTIONS = { burst: 8, perSecond: 4 } as const

type Drop = Extract<MembersFrame, { type: 'drop' }>
type Hold = Extract<MembersFrame, { type: 'hold' }>

export class Neighbours {
  readonly #shared: Shared
  readonly #evictions = new TokenBucket(EVICTIONS, 0)
  readonly #trialEvictions = new TokenBucket(TRIAL_EVICTIONS, 0)
  /** Wishes that were refused while this node was in need. */
  #refusals = 0

  constructor(shared: Shared) {
    this.#shared = shared
  }

  send({ handle }: Neighbour, frame: MembersFrame): void {
    if (handle !== null) this.#shared.emit({ type: 'send', handle, frame: encodeMembersFrame(frame) })
  }

  /** Asks the member to be a neighbour, or agrees to its wish. */
  hold(member: Neighbour): void {
    const { view, now, limits, tellable } = this.#shared
    const degree = view.degree
    if (!member.mine) member.heldAt = now
    member.mine = true
    if (degree >= limits.low) this.#refusals = 0
    const urgent = this.#shared.isStarving || (degree < limits.low && this.#refusals >= PATIENT)
    // Where somebody speaks, whoever is tried out may be one who has not heard of it.
    const strange = member.intent?.why === 'stranger' || (member.onTrial && this.#shared.isAlive)
    const { degree: told, isHungry: hungry } = this.#shared
    this.send(member, { type: 'hold', urgent, strange, trial: member.onTrial, hungry, tellable, degree: told })
    if (member.theirs) this.#activate(member)
  }

  /** Asks the member to be a neighbour for a while. */
  tryOut(member: Neighbour): void {
    member.onTrial = true
    this.hold(member)
  }

  /** Lets the member go, or refuses its wish, and names others that it may try. */
  drop(member: Neighbour): void {
    this.#end(member)
    if (member.handle === null) return this.refuse(member)
    this.send(member, { type: 'drop', degree: this.#shared.degree, tries: this.#tries(member) })
  }

  /** One without a members channel cannot be told: it is taken off the room. */
  refuse({ peer }: Neighbour): void {
    this.#shared.emit({ type: 'refuse', peer })
    this.#shared.emit({ type: 'release', peer })
  }

  onHold(member: Neighbour, { urgent, strange, trial, hungry, degree, tellable }: Hold): void {
    Object.assign(member, { degree, tellable, theirs: true })
    if (member.mine) return this.#activate(member)
    const mayTry = member.noTrialUntil <= this.#shared.now
    if (trial && !mayTry) return this.drop(member)
    // Whoever comes for a trial beyond those that this node takes in any case is on trial here too.
    const isBeyond = this.#shared.view.held >= this.#ordinary
    const isTaken = this.#accepts(member, { urgent, strange })
    // One that has heard nothing of a room that speaks may know nobody honest but this node.
    const isTried = trial || (hungry && mayTry && this.#shared.isAlive)
    if (!isTaken && !(isTried && this.findsTrialPlace(member, strange))) return this.drop(member)
    member.onTrial = !isTaken || (trial && isBeyond)
    this.hold(member)
  }

  /** Whoever is tried out takes a place like others: none of a crowded network, and none that is for those dialled. */
  findsTrialPlace(newcomer: Neighbour, isAliveElsewhere: boolean): boolean {
    const { view, limits, isSmall, isAlive } = this.#shared
    if (this.#isCrowded(newcomer)) return false
    const hasPlace = (): boolean => view.hasPlaceFor(newcomer, { most: limits.high, isSmall })
    if (hasPlace()) return true
    // Where nobody speaks nobody is found wanting, and nobody goes.
    return (isAlive || isAliveElsewhere) && this.#makesTrialPlace() && hasPlace()
  }

  /**
   * Whoever came last by itself goes: one that is settled only if there are more than this node looks for, so that by asking
   * for trials nobody costs it the others; one on trial once it had time to show something, so that nobody keeps others out.
   */
  #makesTrialPlace(): boolean {
    const { view, now, limits } = this.#shared
    const isOver = view.settled > limits.target
    const mayGo = (member: Neighbour): boolean => (member.onTrial ? hadTime(member, now) : isOver)
    const guest = view.newest((member) => !member.initiator && !member.hasBrought && mayGo(member))
    // If the last one is too new nobody older goes for it: those who ask for trials would take one place after the other.
    if (!guest || !hadTime(guest, now)) return false
    if (!this.#trialEvictions.take(now)) return false
    this.drop(guest)
    return true
  }

  /**
   * One that brings something costs one that is worth less its place: any if this node chose the newcomer, else one that came
   * by itself too, so that nobody who dials this node takes the places of those that it dialled.
   */
  makesPlaceFor(newcomer: Neighbour, most: number = this.#ordinary): boolean {
    const { view, random, worth } = this.#shared
    if (view.held <= most) return true
    const isReplaceable = (member: Neighbour): boolean => newcomer.initiator || !member.initiator
    const compared = view.active().filter((member) => isReplaceable(member) && this.#shared.isCompared(member))
    const worse = worth.worse(compared, newcomer)
    const victim = worse[random.below(Math.max(1, worse.length))]
    if (victim) this.drop(victim)
    return victim !== undefined
  }

  /**
   * While this node compares, places beyond those that it looks for are for trials: the one that is worth least goes. Those that
   * it dialled go only if they are more than it looks for.
   */
  trim(): void {
    const { view, worth, random, limits } = this.#shared
    if (view.settled <= limits.target) return
    const mayGo = ({ initiator, onTrial }: Neighbour): boolean =>
      !onTrial && (!initiator || view.dialled > limits.target)
    const worst = worth.worst(view.active().filter((member) => mayGo(member) && this.#shared.isCompared(member)))
    const victim = worst[random.below(Math.max(1, worst.length))]
    if (victim) this.drop(victim)
  }

  /** Neighbours up to which everybody who asks is taken. */
  get #ordinary(): number {
    const { target, high } = this.#shared.limits
    return Math.min(high, target + SLACK)
  }

  onDrop(member: Neighbour, { degree, tries }: Drop): void {
    member.degree = degree
    if (member.mine && member.activeSince === null) this.#refusals++
    this.#end(member)
    if (this.#shared.lookup) this.#learn(member, tries)
  }

  /** A remote without a members channel is taken as it is, if there is a place. */
  admit(member: Neighbour): boolean {
    if (!this.#accepts(member, { urgent: false, strange: false })) return false
    const { now } = this.#shared
    Object.assign(member, { mine: true, theirs: true, heldAt: now, activeSince: now, mark: this.#shared.brought })
    this.#want(member)
    return true
  }

  /** Gives up on those who do not answer. */
  expire(): void {
    const { view, now } = this.#shared
    for (const member of view.all()) {
      if (isWaitedFor(member) && answerBy(member) <= now) this.drop(member)
    }
  }

  /** When the next wish is given up. */
  get nextAt(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#shared.view.all().filter(isWaitedFor).map(answerBy))
  }

  #accepts(member: Neighbour, { urgent, strange }: Pick<Hold, 'urgent' | 'strange'>): boolean {
    const { view, now, limits, isSmall } = this.#shared
    // The last places are for those who cannot do without.
    const most = urgent || strange || isSmall ? limits.high : this.#ordinary
    if (this.#isCrowded(member)) return view.held < limits.low
    if (!view.hasPlaceFor(member, { most, isSmall })) return this.#makesPlace(urgent && member.degree === 0)
    // One that this node let go of a moment ago comes back only in need.
    return view.held < limits.target || urgent || member.restUntil <= now
  }

  #isCrowded({ network }: Neighbour): boolean {
    return this.#shared.isCrowded(network)
  }

  /** Somebody goes for one that has nobody at all, first one on trial; or one of a crowded network for one of another. */
  #makesPlace(isAlone: boolean): boolean {
    const { view, now } = this.#shared
    const isGuest = ({ initiator, onTrial }: Neighbour): boolean => onTrial && !initiator
    if (isAlone && view.active().some(isGuest)) {
      const guest = view.newest((member) => isGuest(member) && hadTime(member, now))
      if (guest) this.drop(guest)
      // Else it asks again in a moment: nor may those who say that they are alone cut every trial short.
      return guest !== null
    }
    const victim = view.victim(this.#shared.now)
    if (!victim || (!isAlone && !this.#isCrowded(victim)) || !this.#evictions.take(now)) return false
    this.drop(victim)
    return true
  }

  #activate(member: Neighbour): void {
    const { handle } = member
    if (handle === null) return
    const isNew = member.activeSince === null
    if (isNew) {
      member.activeSince = this.#shared.now
      member.mark = this.#shared.brought
      if (member.onTrial) member.trialUntil = this.#shared.now + TRIAL_MS
    }
    if (!member.carried.has(handle)) {
      member.carried.add(handle)
      this.#shared.emit({ type: 'activate', handle })
    }
    if (isNew) this.#want(member)
  }

  /** The link is needed, whoever dialled it: another topic that lets it go must not end it. */
  #want(member: Neighbour): void {
    const known = this.#shared.passive.of(member.peer)
    if (known) Object.assign(known, { failures: 0, lost: false, strange: false, notBefore: 0 })
    member.intent = null
    member.released = false
    const candidate = known?.candidate ?? { peer: member.peer, addresses: [], source: 'member' }
    this.#shared.emit({ type: 'want', candidate, priority: 0 })
  }

  #end(member: Neighbour): void {
    const { now, random, isSmall, view, limits } = this.#shared
    const isInNeed = view.degree < limits.low && this.#refusals >= PATIENT
    const rest = isInNeed ? NEED_REST_MS : isSmall ? SHORT_REST_MS : REST_MS
    member.endedAt = now
    if (member.mine) member.noTrialUntil = now + (member.activeSince === null ? REFUSED_REST_MS : TRIAL_REST_MS)
    if (member.mine && !member.onTrial) member.restUntil = now + rest + random.below(rest / 2)
    Object.assign(member, { mine: false, theirs: false, activeSince: null, near: false, intent: null })
    Object.assign(member, { onTrial: false, trialUntil: null, hasBrought: false })
    member.shown.clear()
    for (const handle of member.carried) this.#shared.emit({ type: 'deactivate', handle })
    member.carried.clear()
  }

  /** Records of neighbours, by their own word to this node: nothing that was heard of others. */
  #tries(asker: Neighbour): readonly Uint8Array[] {
    const { view, random, recordOf } = this.#shared
    const others = [...view.active()].filter(({ peer, tellable }) => peer !== asker.peer && tellable)
    const tries: Uint8Array[] = []
    while (tries.length < MAX_TRIES && others.length > 0) {
      const [other] = others.splice(random.below(others.length), 1)
      const record = other ? recordOf(other.peer) : null
      if (record && record.addresses.length > 0) tries.push(encodeAddressRecord(record))
    }
    return tries
  }

  #learn(member: Neighbour, tries: readonly Uint8Array[]): void {
    const { passive, self, crypto, view } = this.#shared
    const isStrange = member.intent?.why === 'stranger'
    for (const bytes of tries) {
      const record = decode(bytes, crypto)
      // Whoever passes on one forgery checks none of it.
      if (!record) return
      const { peer, addresses } = record
      if (peer === self || addresses.length === 0 || view.get(peer)) continue
      const known = passive.note({ peer, addresses, source: 'members', referrer: member.peer })
      if (known && isStrange) known.strange = true
    }
  }
}

/** It was asked, on the link that it has now, and has not answered. */
function isWaitedFor({ mine, theirs }: Neighbour): boolean {
  return mine && !theirs
}

function answerBy({ heldAt, onTrial }: Neighbour): number {
  return heldAt + (onTrial ? TRIAL_ANSWER_MS : ANSWER_MS)
}

/** True if a guest has been here long enough to show something, or to find others. */
function hadTime({ activeSince, onTrial }: Neighbour, now: number): boolean {
  return (activeSince ?? now) + (onTrial ? LEAST_TRIAL_MS : GUEST_MS) <= now
}

function decode(bytes: Uint8Array, crypto: Shared['crypto']): AddressRecord | null {
  try {
    return decodeAddressRecord(bytes, crypto)
  } catch (error) {
    if (hasCode(error, 'ERR_RECORD', 'ERR_ENCODING')) return null
    throw error
  }
}
