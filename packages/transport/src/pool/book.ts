// Whom we could dial: candidates, the topics they serve, and when each is due. It decides who is next; it dials nobody.

import { type Address, type Candidate, type PeerId, printAddress, type TopicId, withPeer } from '@hearsay/core'
import { isNear } from './order.js'

/** A candidate as the pool remembers it. */
export interface Target {
  readonly key: string
  readonly source: string
  readonly order: number
  peer: PeerId | null
  /** Who answered at an address of a candidate whose peer was not known. */
  reached: PeerId | null
  addresses: readonly Address[]
  /** One of them is on this machine or its network. */
  near: boolean
  /** Those among them that somebody here gave by hand, or that led to the peer, by place: the others are hearsay. */
  readonly vouched: Set<string>
  /** Topics that know of it, and those among them that want it linked. */
  readonly offered: Set<TopicId>
  readonly wanted: Set<TopicId>
  /** Requests by hand that wait for it. */
  readonly requests: Set<number>
  priority: number
  persistent: boolean
  /** A link to it was of use before. */
  proven: boolean
  /** Somebody connected to it by hand: the link stays although no topic wants it. */
  kept: boolean
  state: 'idle' | 'queued' | 'dialling'
  dueAt: number
  startedAt: number
  /** Dials and short links that came to nothing since a link was of use. */
  failures: number
  /** How often it was busy in a row, and how often somebody here asked for more patience. */
  busy: number
  backoffs: number
  backedOffAt: number
  /** It is not dialled before this, unless somebody asks for it by hand; why is in `lastCode`. */
  notBefore: number
  lastCode: string | null
  lastDetail: string | null
  /** Had all its chances: forgotten then, unless it is heard of again. */
  expiresAt: number | null
  /** Was linked when the pool was suspended: dialled once when it wakes. */
  recalled: boolean
}

/** Addresses of one candidate; of those that are hearsay the ones heard of first go first. */
const MAX_ADDRESSES = 16
/** Topics of one candidate; the first stay. */
const MAX_TOPICS = 128
/** The source of what a person asked for. */
const MANUAL = 'manual'
/** A candidate asked for by hand goes before those that topics want. */
export const PRIORITY_BY_HAND = 1_000_000

export class Book {
  readonly #targets = new Map<string, Target>()
  readonly #maxTargets: number
  readonly #isLinked: (target: Target) => boolean
  #count = 0

  /** @param isLinked whom a link leads to now: it is forgotten after those who only might be worth a dial */
  constructor(maxTargets: number, isLinked: (target: Target) => boolean) {
    this.#maxTargets = maxTargets
    this.#isLinked = isLinked
  }

  get size(): number {
    return this.#targets.size
  }

  values(): Iterable<Target> {
    return this.#targets.values()
  }

  /** The candidate as it is known now with what was known before; null if there is nothing to dial, or no room. */
  note({ peer, addresses, source, persistent = false }: Candidate): Target | null {
    const key = keyOf({ peer, addresses })
    if (key === null) return null
    const expected = peer ?? addresses[0]?.peer ?? null
    const known = this.#targets.get(key)
    if (!known && !this.#makeRoom()) return null
    const target = known ?? this.#create(key, source)
    this.#targets.delete(key)
    this.#targets.set(key, target)
    target.peer = expected
    target.persistent ||= persistent
    if (persistent || source === MANUAL) for (const address of addresses) target.vouched.add(placeOf(address))
    const isRenewed = addAddresses(target, addresses)
    if (isRenewed) renew(target)
    return target
  }

  delete(target: Target): void {
    this.#targets.delete(target.key)
  }

  /** Everything known that leads to the peer. */
  of(peer: PeerId): readonly Target[] {
    return [...this.#targets.values()].filter((target) => peerOf(target) === peer)
  }

  /** The candidate as it is known. */
  find(candidate: Candidate): readonly Target[] {
    const known = this.#targets.get(keyOf(candidate) ?? '')
    return known ? [known] : []
  }

  ofRequest(request: number): Target | null {
    for (const target of this.#targets.values()) if (target.requests.has(request)) return target
    return null
  }

  /** The queued target that is due and most urgent, or null. */
  next(now: number, isOpenTo: (target: Target) => boolean): Target | null {
    let best: Target | null = null
    for (const target of this.#targets.values()) {
      if (target.state !== 'queued' || target.dueAt > now || (best && !isBefore(target, best))) continue
      if (isOpenTo(target)) best = target
    }
    return best
  }

  /** Forgets who had all its chances and was not heard of again. */
  expire(now: number): void {
    for (const target of this.#targets.values()) {
      if (target.expiresAt !== null && target.expiresAt <= now && target.state === 'idle')
        this.#targets.delete(target.key)
    }
  }

  #create(key: string, source: string): Target {
    return {
      key,
      source,
      order: this.#count++,
      peer: null,
      reached: null,
      addresses: [],
      near: false,
      vouched: new Set(),
      offered: new Set(),
      wanted: new Set(),
      requests: new Set(),
      priority: 0,
      persistent: false,
      proven: false,
      kept: false,
      state: 'idle',
      dueAt: 0,
      startedAt: 0,
      failures: 0,
      busy: 0,
      backoffs: 0,
      backedOffAt: 0,
      notBefore: 0,
      lastCode: null,
      lastDetail: null,
      expiresAt: null,
      recalled: false,
    }
  }

  /**
   * Forgets the idle or queued candidate heard of least recently, unless it was given by hand: first one that was of no use
   * yet, or a flood of hearsay would take from us the peers that we have.
   */
  #makeRoom(): boolean {
    if (this.#targets.size < this.#maxTargets) return true
    const isFree = (target: Target): boolean => target.state !== 'dialling' && !isByHand(target)
    const isUnused = (target: Target): boolean => isFree(target) && !target.proven && !this.#isLinked(target)
    const least = this.#first(isUnused) ?? this.#first(isFree)
    if (least) this.#targets.delete(least.key)
    return least !== null
  }

  #first(suits: (target: Target) => boolean): Target | null {
    for (const target of this.#targets.values()) if (suits(target)) return target
    return null
  }
}

/** What a candidate is known by; null if there is nothing to dial. */
function keyOf({ peer, addresses: [first] }: Pick<Candidate, 'peer' | 'addresses'>): string | null {
  return peer ?? first?.peer ?? (first ? placeOf(first) : null)
}

export function peerOf({ peer, reached }: Target): PeerId | null {
  return peer ?? reached
}

/** The spelling of an address without the peer that is expected there. */
export function placeOf(address: Address): string {
  return address.scheme === 'hyper' ? printAddress(address) : printAddress(withPeer(address, null))
}

export function addTopic(topics: Set<TopicId>, topic: TopicId): void {
  if (topics.size < MAX_TOPICS) topics.add(topic)
}

export function isNeeded(target: Target): boolean {
  return target.wanted.size > 0 || target.requests.size > 0 || target.recalled
}

/** Given or asked for by hand: limits that keep room for others do not count. */
export function isByHand(target: Target): boolean {
  return target.persistent || target.requests.size > 0
}

/** What went wrong before counts no more. */
export function renew(target: Target): void {
  Object.assign(target, { failures: 0, busy: 0, notBefore: 0, expiresAt: null, lastCode: null, lastDetail: null })
}

/** Most urgent, then near, then proven, then first come. */
function isBefore(a: Target, b: Target): boolean {
  const difference =
    b.priority - a.priority ||
    Number(b.near) - Number(a.near) ||
    Number(b.proven) - Number(a.proven) ||
    a.order - b.order
  return difference < 0
}

/**
 * Takes them up; true if the target was known by others before. Two spellings that differ in the expected peer alone are one
 * place; the one that expects somebody wins.
 */
function addAddresses(target: Target, more: readonly Address[]): boolean {
  const all = new Map(target.addresses.map((address) => [placeOf(address), address]))
  const before = new Set(all.keys())
  for (const address of more.slice(-MAX_ADDRESSES)) {
    const place = placeOf(address)
    if (address.peer !== null || !all.has(place)) all.set(place, address)
  }
  for (const place of spare(target, all)) all.delete(place)
  for (const place of target.vouched) if (!all.has(place)) target.vouched.delete(place)
  target.addresses = [...all.values()]
  target.near = target.addresses.some(isNear)
  return before.size > 0 && [...all.keys()].some((place) => !before.has(place))
}

/** Those beyond the bound: hearsay first, or a stranger could make us forget what we were given. */
function spare({ vouched }: Target, all: ReadonlyMap<string, Address>): readonly string[] {
  const places = [...all.keys()]
  const order = [...places.filter((place) => !vouched.has(place)), ...places.filter((place) => vouched.has(place))]
  return order.slice(0, Math.max(0, places.length - MAX_ADDRESSES))
}
