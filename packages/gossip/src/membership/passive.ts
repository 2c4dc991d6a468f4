// The passive view: peers that are known and not linked, to fall back on. Bounded in number; when it is full, whoever is
// named most loses first: a network, or a peer that names others, cannot fill it. Where it is not full nobody is turned away,
// so that a swarm that lives in one network is not starved.

import { type Candidate, type PeerId, printAddress, type Random, withPeer } from '@hearsay/core'
import { networkOf } from './networks.js'

/** Somebody who is known. */
export interface Known {
  readonly key: string
  candidate: Candidate
  /** Who the candidate is, said by its source or found out by dialling it. */
  peer: PeerId | null
  network: string | null
  /** Who named it first: a peer, `inbound` for those who came by themselves, or the name of a discovery. */
  readonly introducer: string
  /** Tries that came to nothing since it was linked. */
  failures: number
  /** It is not tried before this. */
  notBefore: number
  /** Its link was lost without a word: it may stand on the other side of a split. */
  lost: boolean
  /** It was a neighbour for a while when its link ended. */
  tried: boolean
  /** The pool was asked for it when its link ended, and dials it again. */
  wanted: boolean
  /** It was named by somebody who may be of another part of the swarm. */
  strange: boolean
  /** When its distance was last of interest; null for never. */
  measuredAt: number | null
  /** When it was last tried out; null for never. */
  triedOutAt: number | null
  /** It has brought something that nobody had brought before it. */
  isFeeder: boolean
}

export interface Pick {
  readonly now: number
  readonly count: number
  readonly suits: (known: Known) => boolean
  /** Networks that have enough neighbours already: taken last. */
  readonly isCrowded: (network: string | null) => boolean
}

/** The introducer of those who dialled this node. */
export const INBOUND = 'inbound'
/** Entries of one network, and of one introducer that is a peer, in a full view. */
const NETWORK_CAP = 8
const INTRODUCER_CAP = 8
/** Entries that were given by hand and are never let go. */
const MAX_PERSISTENT = 16
const MAX_ADDRESSES = 16
/** One that was tried so often in vain is let go. */
const MAX_FAILURES = 5
/** After each try in vain it rests twice as long. */
const FIRST_REST_MS = 4_000
const LAST_REST_MS = 120_000

export class PassiveView {
  readonly #entries = new Map<string, Known>()
  readonly #capacity: number
  readonly #random: Random
  readonly #isLinked: (peer: PeerId) => boolean

  /** @param isLinked whom a link leads to does not count, and stays */
  constructor(options: {
    readonly capacity: number
    readonly random: Random
    readonly isLinked: (peer: PeerId) => boolean
  }) {
    this.#capacity = options.capacity
    this.#random = options.random
    this.#isLinked = options.isLinked
  }

  values(): Iterable<Known> {
    return this.#entries.values()
  }

  /** Those that count: linked ones do not. */
  get size(): number {
    return this.#loose().length
  }

  of(peer: PeerId): Known | null {
    const direct = this.#entries.get(peer)
    if (direct) return direct
    for (const known of this.#entries.values()) if (known.peer === peer) return known
    return null
  }

  find(candidate: Candidate): Known | null {
    return this.#entries.get(keyOf(candidate) ?? '') ?? null
  }

  /** Remembers the candidate; null if there is nothing to dial. */
  note(candidate: Candidate, introducer: string = candidate.referrer ?? candidate.source): Known | null {
    const key = keyOf(candidate)
    if (key === null) return null
    const addresses = candidate.addresses.slice(0, MAX_ADDRESSES)
    const known = this.#entries.get(key)
    if (known) {
      if (addresses.length > 0) known.candidate = updated(known, { ...candidate, addresses })
      known.network = networkOf(known.candidate.addresses[0])
      return known
    }
    const fresh: Known = {
      key,
      candidate: { ...candidate, addresses },
      peer: candidate.peer ?? addresses[0]?.peer ?? null,
      network: networkOf(addresses[0]),
      introducer,
      failures: 0,
      notBefore: 0,
      lost: false,
      tried: false,
      wanted: false,
      strange: false,
      measuredAt: null,
      triedOutAt: null,
      isFeeder: false,
    }
    this.#entries.set(key, fresh)
    this.shrink()
    return this.#entries.get(key) ?? null
  }

  delete(known: Known): void {
    this.#entries.delete(known.key)
  }

  /** It was tried in vain. */
  fail(known: Known, now: number): void {
    known.failures++
    known.notBefore = now + Math.min(FIRST_REST_MS * 2 ** known.failures, LAST_REST_MS)
    if (known.failures > MAX_FAILURES && known.candidate.persistent !== true) this.delete(known)
  }

  /** By chance up to `count` of those that may be tried now, of networks that are not crowded first. */
  pick({ now, count, suits, isCrowded }: Pick): readonly Known[] {
    const suitable = this.#loose().filter((known) => known.notBefore <= now && suits(known))
    const [rare, crowded] = [
      suitable.filter(({ network }) => !isCrowded(network)),
      suitable.filter(({ network }) => isCrowded(network)),
    ]
    return [...this.#draw(rare, count), ...this.#draw(crowded, count)].slice(0, count)
  }

  /** Lets go of those beyond the capacity: of whoever has too many, then of anybody. */
  shrink(): void {
    const loose = this.#loose()
    const persistent = loose.filter(({ candidate }) => candidate.persistent === true)
    const rest = loose.filter(({ candidate }) => candidate.persistent !== true)
    for (const known of persistent.slice(MAX_PERSISTENT)) this.delete(known)
    while (rest.length > this.#capacity) {
      const victims = mostNamed(rest)
      const [victim] = this.#draw(victims, 1)
      if (!victim) return
      this.delete(victim)
      rest.splice(rest.indexOf(victim), 1)
    }
  }

  #loose(): Known[] {
    return [...this.#entries.values()].filter(({ peer }) => peer === null || !this.#isLinked(peer))
  }

  #draw(from: readonly Known[], count: number): readonly Known[] {
    const left = [...from]
    const drawn: Known[] = []
    while (drawn.length < count && left.length > 0) drawn.push(...left.splice(this.#random.below(left.length), 1))
    return drawn
  }
}

/** What is known of it now: hearsay takes the place of nothing better, and what was given by hand stays. */
function updated({ candidate: known, failures }: Known, candidate: Candidate): Candidate {
  const isHearsay = candidate.referrer !== undefined && known.referrer === undefined && known.addresses.length > 0
  if (isHearsay && (failures === 0 || known.persistent)) return known
  if (!known.persistent || candidate.persistent) return candidate
  const given = new Set(known.addresses.map(printAddress))
  const others = candidate.addresses.filter((address) => !given.has(printAddress(address)))
  return { ...known, addresses: [...known.addresses, ...others].slice(0, MAX_ADDRESSES) }
}

/** Null if there is nothing to dial. */
export function keyOf({ peer, addresses }: Candidate): string | null {
  const [first] = addresses
  if (peer !== null) return peer
  if (!first) return null
  return first.peer ?? printAddress(withPeer(first, null))
}

/** Those of the network or introducer that is furthest above its cap; all if none is. */
function mostNamed(entries: readonly Known[]): readonly Known[] {
  let worst: readonly Known[] = entries
  let excess = 0
  for (const [cap, groups] of [
    [NETWORK_CAP, grouped(entries, ({ network }) => network)],
    [INTRODUCER_CAP, grouped(entries, ({ candidate, introducer }) => peerIntroducer(candidate, introducer))],
  ] as const) {
    for (const group of groups) {
      if (group.length - cap <= excess) continue
      excess = group.length - cap
      worst = group
    }
  }
  return worst
}

/** A discovery of this node may name as many as it finds. */
function peerIntroducer({ source, referrer }: Candidate, introducer: string): string | null {
  return introducer === INBOUND || referrer !== undefined || introducer !== source ? introducer : null
}

function grouped(entries: readonly Known[], by: (known: Known) => string | null): Iterable<readonly Known[]> {
  const groups = new Map<string, Known[]>()
  for (const known of entries) {
    const name = by(known)
    if (name !== null) groups.set(name, [...(groups.get(name) ?? []), known])
  }
  return groups.values()
}
