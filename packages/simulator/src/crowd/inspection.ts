// What membership promises, looked at from time to time (the numbers are those of its defaults). Who is on trial counts like
// any neighbour where there is an upper bound; but it comes for a moment and goes again, so nobody loses anything with it.

import type { PeerId } from '@hearsay/core'
import { DEFAULT_MEMBERSHIP } from '@hearsay/gossip/machine'
import type { Crowd, CrowdMember } from '../crowd.js'
import type { Membership } from './membership.js'

/** Of the most neighbours so many places are for those that a node dialled itself. */
const DIALLED = 3
/** Others that a node remembers beyond its bound: whom it was given by hand. */
const GIVEN = 1
/** Neighbours of one network, where others are known. */
const NETWORK_CAP = 4
/** Neighbours that one in need, or one of a rarer network, takes from others: at once, and in a second after that. */
const EVICTIONS = { burst: 2, perSecond: 1 / 30 }
/** After a disturbance everybody has neighbours enough and there is one piece within so long. */
const HEALED_MS = 10_000
/** How long a node may lack neighbours at other times. */
const NEED_MS = 5_000
/** Two parts that hear of each other are one within so long. */
const MERGED_MS = 45_000
/** A newcomer has neighbours enough within so long. */
const WELCOME_MS = 1_000
/** Discoveries are asked again within so long: half a minute, a quarter more by chance. */
const REFRESH_MS = 38_000
/** What two nodes say of their link may differ for so long: what crosses, and who does not answer. */
const AGREED_MS = 1_000
/** How long one may be on trial: 0.8 s, and the next look. */
const TRIAL_MS = 1_500
/** How long two nodes may have two links. */
const DOUBLE_MS = 2_000
/** How much nearer neighbours are in the end. */
const NEARER = 0.9
/** When it is known how far neighbours are at first: nobody is young any more, and looks around. */
const MEASURED_MS = 60_000

/** A node, and one of its neighbours. */
interface Pair {
  readonly member: CrowdMember
  readonly peer: PeerId
}

interface Victim {
  readonly member: CrowdMember
  readonly since: number
  /** Neighbours that it had then, but for those on trial. */
  readonly friends: ReadonlySet<PeerId>
  /** Its links fail meanwhile. */
  readonly isCutOff: boolean
  /** Attackers ask for nothing but trials. */
  readonly isTried: boolean
}

export class Inspection {
  readonly violations: string[] = []
  readonly #crowd: Crowd
  readonly #honest: readonly CrowdMember[]
  /** What is not as it should be and may be for a while, with since when; and what was seen so this time. */
  readonly #odd = new Map<string, number>()
  readonly #seen = new Set<string>()
  readonly #bornAt = new Map<CrowdMember, number>()
  #disturbedAt = 0
  #victim: Victim | null = null
  #distance: number | null = null

  /** @param honest those who behave; grows as others come */
  constructor(crowd: Crowd, honest: readonly CrowdMember[]) {
    this.#crowd = crowd
    this.#honest = honest
  }

  /** Many neighbours are gone, or parts hear of each other: it takes a while until all is well again. */
  disturbed(): void {
    this.#disturbedAt = this.#crowd.now
  }

  onNewcomer(newcomer: CrowdMember): void {
    const before = this.#settledLinks
    this.#crowd.after(WELCOME_MS, () => {
      const { length } = newcomer.neighbours
      if (length < DEFAULT_MEMBERSHIP.low) this.#violated(`a newcomer has ${length} neighbours after ${WELCOME_MS} ms`)
      const lost = before.filter(({ member, peer }) => !member.neighbours.includes(peer))
      if (lost.length > 0) this.#violated(`a newcomer cost others ${lost.length / 2} links`)
    })
  }

  onAttack(member: CrowdMember, how: Pick<Victim, 'isCutOff' | 'isTried'>): void {
    const friends = new Set(settled(member).map(({ peer }) => peer))
    this.#victim = { member, since: this.#crowd.now, friends, ...how }
  }

  look(): void {
    const { now } = this.#crowd
    for (const member of this.#living) {
      this.#bornAt.set(member, this.#bornAt.get(member) ?? now)
      this.#lookAtView(member)
    }
    if (now > this.#disturbedAt + HEALED_MS) {
      for (const member of this.#living) this.#lookAtNeed(member)
      this.#lookAtLinks()
    }
    for (const { member, peer } of this.#trials) this.#lasts(`${member} has ${peer} on trial`, TRIAL_MS)
    for (const [one, other] of this.#crowd.doubleLinks) this.#lasts(`${one} and ${other} have two links`, DOUBLE_MS)
    this.#lookAtVictim()
    if (this.#distance === null && now >= MEASURED_MS) this.#distance = this.#meanDistance
    this.#forget()
  }

  /** What holds in the end. */
  conclude({ isNearer }: { readonly isNearer: boolean }): void {
    const { now } = this.#crowd
    if (now > this.#disturbedAt + MERGED_MS) {
      const parts = this.#crowd.components(this.#honest)
      if (parts.length > 1) this.#violated(`the room is in ${parts.length} parts: ${parts.join(', ')}`)
    }
    for (const member of this.#living) {
      const rounds = Math.floor((now - (this.#bornAt.get(member) ?? now)) / REFRESH_MS)
      if (member.refreshes < rounds)
        this.#violated(`${member} asked discoveries ${member.refreshes} times, at least ${rounds} expected`)
    }
    const distance = this.#meanDistance
    if (isNearer && distance > NEARER * (this.#distance ?? 0))
      this.#violated(
        `neighbours are ${Math.round(distance)} ms away, after ${Math.round(this.#distance ?? 0)} at first`,
      )
  }

  #lookAtView(member: CrowdMember): void {
    const { high, mesh, passive } = DEFAULT_MEMBERSHIP
    const { view } = member
    if (!view) return
    const { length } = view.active
    if (length > high) this.#violated(`${member} has ${length} neighbours, at most ${high} allowed`)
    const inbound = view.active.filter(({ initiator }) => !initiator).length
    // Whose links fail asks those who came by themselves.
    if (this.#crowd.members.length > mesh + 1 && !this.#victim?.isCutOff && inbound > high - DIALLED)
      this.#lasts(`${member} has ${inbound} neighbours that it did not choose, at most ${high - DIALLED} allowed`, 0)
    if (view.passive > passive + GIVEN)
      this.#violated(`${member} remembers ${view.passive} others, at most ${passive + GIVEN} allowed`)
  }

  #lookAtNeed(member: CrowdMember): void {
    const { low, mesh } = DEFAULT_MEMBERSHIP
    const others = this.#living.length - 1
    // Whoever is on trial may be gone in a moment.
    const { length } = settled(member)
    const least = others <= mesh ? others : low
    if (this.#crowd.now > (this.#bornAt.get(member) ?? 0) + HEALED_MS && length < least)
      this.#lasts(`${member} has ${length} neighbours, at least ${least} expected`, NEED_MS)
  }

  #lookAtLinks(): void {
    const byId = new Map(this.#living.map((member) => [member.id, member]))
    for (const { id, neighbours } of this.#living) {
      for (const peer of neighbours) {
        const other = byId.get(peer)
        if (other && !other.neighbours.includes(id))
          this.#lasts(`${id} takes ${peer} for its neighbour, which does not`, AGREED_MS)
      }
    }
  }

  #lookAtVictim(): void {
    if (!this.#victim) return
    const { member, since, friends, isCutOff, isTried } = this.#victim
    const active = member.view?.active ?? []
    const left = active.filter(({ peer }) => friends.has(peer)).length
    const evicted = EVICTIONS.burst + (EVICTIONS.perSecond * (this.#crowd.now - since)) / 1_000
    // Trials cost it only those beyond the ones that it looks for.
    const most = (isTried ? Math.max(0, friends.size - DEFAULT_MEMBERSHIP.target) : evicted) + 1
    if (!isCutOff && friends.size - left > most)
      this.#violated(`${member} has ${left} of ${friends.size} neighbours left, at most ${Math.floor(most)} may go`)
    for (const network of new Set(active.map((one) => one.network))) {
      const count = active.filter((one) => one.network === network).length
      if (network !== null && count > NETWORK_CAP)
        this.#violated(`${member} has ${count} neighbours of one network, at most ${NETWORK_CAP} allowed`)
    }
  }

  get #living(): readonly CrowdMember[] {
    return this.#honest.filter(({ stopped }) => !stopped)
  }

  /** Links that neither end has on trial, told of by both. */
  get #settledLinks(): readonly Pair[] {
    const trials = new Set(this.#trials.flatMap(({ member, peer }) => [`${member.id} ${peer}`, `${peer} ${member.id}`]))
    const all = this.#living.flatMap((member) => member.neighbours.map((peer) => ({ member, peer })))
    return all.filter(({ member, peer }) => !trials.has(`${member.id} ${peer}`))
  }

  get #trials(): readonly Pair[] {
    return this.#living.flatMap((member) => {
      const onTrial = member.view?.active.filter((one) => one.onTrial) ?? []
      return onTrial.map(({ peer }) => ({ member, peer }))
    })
  }

  get #meanDistance(): number {
    const all = this.#living.flatMap((member) => settled(member).flatMap(({ rttMs }) => rttMs ?? []))
    return all.reduce((sum, each) => sum + each, 0) / Math.max(1, all.length)
  }

  /** Broken only if it is still so after a while. */
  #lasts(violation: string, ms: number): void {
    const { now } = this.#crowd
    const since = this.#odd.get(violation) ?? now
    this.#odd.set(violation, since)
    this.#seen.add(violation)
    if (now - since >= ms) this.#violated(violation)
  }

  /** What was odd and is not any more. */
  #forget(): void {
    for (const violation of this.#odd.keys()) if (!this.#seen.has(violation)) this.#odd.delete(violation)
    this.#seen.clear()
  }

  #violated(violation: string): void {
    this.violations.push(`${violation} (at ${Math.floor(this.#crowd.now)} ms)`)
  }
}

/** Its neighbours, but for those on trial. */
function settled({ view }: CrowdMember): Membership['active'] {
  return view?.active.filter(({ onTrial }) => !onTrial) ?? []
}
