// The linked members of a room and which of them are neighbours: who is held, who may be let go for whom, and in what order.
// It knows no frames and no time but that it is told.

import type { ChannelHandle, PeerId, Random, TokenBucket } from '@hearsay/core'
import { DIALLED, type MembershipLimits, RANDOM } from './options.js'

/** One linked member. It is a neighbour, active, while both ends hold each other. */
export interface Neighbour {
  readonly peer: PeerId
  /** Its members channel; null for one without. */
  handle: ChannelHandle | null
  /** Channels whose links carry the room: two for a moment, while a link takes the place of another. */
  readonly carried: Set<ChannelHandle>
  /** This node dialled it. */
  initiator: boolean
  network: string | null
  /** This node holds it; it holds this node. */
  mine: boolean
  theirs: boolean
  /** When this node began to hold it. */
  heldAt: number
  /** Since when it is a neighbour; null if it is not. */
  activeSince: number | null
  /** How many neighbours it has, by its own word. */
  degree: number
  tellable: boolean
  /** It was chosen for being near. */
  near: boolean
  rttMs: number | null
  ping: { readonly nonce: number; readonly at: number } | null
  /** It is not asked again before this, but in need. */
  restUntil: number
  /** When one of the two let the other go, or refused it. */
  endedAt: number
  /** The same for a trial. */
  noTrialUntil: number
  /** Why there is a link with it, if not to fill the view; until when that may take. */
  intent: { readonly why: 'measure' | 'stranger' | 'trial'; readonly until: number } | null
  /** It is to show what it brings, and goes again if it brings nothing by then; null before it is a neighbour. */
  onTrial: boolean
  trialUntil: number | null
  /** It was the first to bring something since it is a neighbour. */
  hasBrought: boolean
  /** Authors, other than itself, of whom it has handed over something that it has from others. */
  readonly shown: Set<PeerId>
  /** How often any neighbour had brought something when it became one. */
  mark: number
  /** The pool was told that it is not needed. */
  released: boolean
  /** Frames that it may still send. */
  readonly frames: TokenBucket
}

/** Neighbours of one network, beyond which it is crowded. */
const NETWORK_CAP = 4
/** Whoever has few neighbours finds others in this time. */
const FINDING_MS = 30_000
/** Of those who came by themselves the longest-lived cannot be pushed out. */
const PROTECTED = 4

export class View {
  readonly #limits: MembershipLimits
  readonly #random: Random
  readonly #members = new Map<PeerId, Neighbour>()
  readonly #byHandle = new Map<ChannelHandle, Neighbour>()

  constructor(limits: MembershipLimits, random: Random) {
    this.#limits = limits
    this.#random = random
  }

  get(peer: PeerId): Neighbour | undefined {
    return this.#members.get(peer)
  }

  at(handle: ChannelHandle): Neighbour | undefined {
    return this.#byHandle.get(handle)
  }

  /** All members that are linked. */
  get size(): number {
    return this.#members.size
  }

  all(): readonly Neighbour[] {
    return [...this.#members.values()]
  }

  add(member: Neighbour): void {
    this.#members.set(member.peer, member)
    if (member.handle !== null) this.#byHandle.set(member.handle, member)
  }

  /** The member's channel is another one now. */
  move(member: Neighbour, handle: ChannelHandle): void {
    member.handle = handle
    this.#byHandle.set(handle, member)
  }

  forgetHandle(handle: ChannelHandle): void {
    this.#byHandle.get(handle)?.carried.delete(handle)
    this.#byHandle.delete(handle)
  }

  remove(member: Neighbour): void {
    this.#members.delete(member.peer)
    for (const [handle, each] of this.#byHandle) if (each === member) this.#byHandle.delete(handle)
  }

  /** Neighbours. */
  active(): readonly Neighbour[] {
    return this.all().filter(({ activeSince }) => activeSince !== null)
  }

  get degree(): number {
    return this.active().length
  }

  /** Neighbours, and those that are asked to be. */
  get held(): number {
    let count = 0
    for (const { mine } of this.#members.values()) if (mine) count++
    return count
  }

  /** Those that are held, but for guests: on trial for a moment. */
  get settled(): number {
    return this.all().filter(({ mine, onTrial }) => mine && !onTrial).length
  }

  get dialled(): number {
    return this.all().filter(({ mine, initiator }) => mine && initiator).length
  }

  /** True if one more may be a neighbour beside fewer than `most` settled ones: some places are for those this node chose. */
  hasPlaceFor(member: Neighbour, { most, isSmall }: { readonly most: number; readonly isSmall: boolean }): boolean {
    if (this.settled >= most || this.held >= this.#limits.high) return false
    if (member.initiator || isSmall) return true
    return this.held - this.dialled < this.#limits.high - DIALLED
  }

  isCrowded(network: string | null): boolean {
    if (network === null) return false
    return this.all().filter((member) => member.mine && member.network === network).length >= NETWORK_CAP
  }

  /**
   * Who goes for one in need: by chance, of those who came by themselves, have neighbours enough without this node, and have
   * not been here longest. Those of crowded networks first, then those that never brought anything.
   */
  victim(now: number): Neighbour | null {
    const inbound = this.active().filter(({ initiator }) => !initiator)
    const random = new Set(this.#randomOnes())
    const free = oldestFirst(inbound)
      .slice(PROTECTED)
      .filter((member) => hasMoreThan(this.#limits.low, member, now) && !random.has(member))
    const crowded = free.filter(({ network }) => this.isCrowded(network))
    const poor = free.filter(({ hasBrought }) => !hasBrought)
    return this.#draw(crowded.length > 0 ? crowded : poor.length > 0 ? poor : free)
  }

  /** The neighbour that is one for the shortest time, of those that suit. */
  newest(suits: (member: Neighbour) => boolean): Neighbour | null {
    return oldestFirst(this.active().filter(suits)).at(-1) ?? null
  }

  /** Who may be let go when there are more neighbours than needed: one who has more than enough itself. */
  spare(now: number, mayGo: (member: Neighbour) => boolean): Neighbour | null {
    const { target } = this.#limits
    return this.#draw(this.#replaceable().filter((member) => hasMoreThan(target, member, now) && mayGo(member)))
  }

  /** The neighbour furthest away that a nearer one may replace. */
  furthest(now: number, mayGo: (member: Neighbour) => boolean): Neighbour | null {
    let worst: Neighbour | null = null
    for (const member of this.#replaceable()) {
      if (member.rttMs === null || !hasMoreThan(this.#limits.low, member, now) || !mayGo(member)) continue
      if (!worst || member.rttMs > (worst.rttMs ?? 0)) worst = member
    }
    return worst
  }

  /** Neither among the random ones, nor among the few that this node dialled. */
  #replaceable(): readonly Neighbour[] {
    const random = new Set(this.#randomOnes())
    const dialled = new Set(oldestFirst(this.active().filter(({ initiator }) => initiator)).slice(0, DIALLED))
    return this.active().filter((member) => !random.has(member) && !dialled.has(member))
  }

  #randomOnes(): readonly Neighbour[] {
    return oldestFirst(this.active().filter(({ near }) => !near)).slice(0, RANDOM)
  }

  #draw(from: readonly Neighbour[]): Neighbour | null {
    return from.length > 0 ? (from[this.#random.below(from.length)] ?? null) : null
  }
}

function oldestFirst(members: readonly Neighbour[]): readonly Neighbour[] {
  return [...members].sort((a, b) => (a.activeSince ?? 0) - (b.activeSince ?? 0))
}

/**
 * True if it has more neighbours than this, or had time to find them: attackers that claim to have nobody would never be the
 * ones to go.
 */
export function hasMoreThan(count: number, { degree, activeSince }: Neighbour, now: number): boolean {
  return degree > count || (activeSince !== null && activeSince + FINDING_MS <= now)
}
