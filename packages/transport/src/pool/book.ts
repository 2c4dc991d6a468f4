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
  /** Those among them that somebody here gave by hand, by place: the others are hearsay until they were reached. */
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

/** Addresses of one candidate; those heard of first go first. */
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
  #count = 0

  constructor(maxTargets: number) {
    this.#maxTargets = maxTargets
  }

  get size(): number {
    return this.#targets.size
  }

  values(): Iterable<Target> {
    return this.#targets.values()
  }

  /** The candidate as it is known now with what was known before; null if there is nothing to dial, or no room. */
  note({ peer, addresses, source, persistent = false }: Candidate): Target | null {
    const [first] = addresses
    if (peer === null && !first) return null
    const expected = peer ?? first?.peer ?? null
    const key = expected ?? (first ? placeOf(first) : '')
    const known = this.#targets.get(key)
    if (!known && !this.#makeRoom()) return null
    const target = known ?? this.#create(key, source)
    this.#targets.delete(key)
    this.#targets.set(key, target)
    target.peer = expected
    target.persistent ||= persistent
    const before = target.addresses
    target.addresses = union(before, addresses)
    if (persistent || source === MANUAL) for (const address of addresses) target.vouched.add(placeOf(address))
    for (const place of target.vouched)
      if (!target.addresses.some((each) => placeOf(each) === place)) target.vouched.delete(place)
    if (before.length > 0 && target.addresses.some((each) => !before.includes(each) && isNew(each, before)))
      renew(target)
    return target
  }

  delete(target: Target): void {
    this.#targets.delete(target.key)
  }

  /** Everything known that leads to the peer. */
  of(peer: PeerId): readonly Target[] {
    return [...this.#targets.values()].filter((target) => peerOf(target) === peer)
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

  /** Forgets the idle or queued candidate heard of least recently, unless it was given by hand. */
  #makeRoom(): boolean {
    if (this.#targets.size < this.#maxTargets) return true
    for (const target of this.#targets.values()) {
      if (target.state === 'dialling' || target.persistent || target.requests.size > 0) continue
      this.#targets.delete(target.key)
      return true
    }
    return false
  }
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

function isNew(address: Address, known: readonly Address[]): boolean {
  return !known.some((each) => placeOf(each) === placeOf(address))
}

/** Most urgent, then near, then proven, then first come. */
function isBefore(a: Target, b: Target): boolean {
  const difference =
    b.priority - a.priority ||
    Number(b.addresses.some(isNear)) - Number(a.addresses.some(isNear)) ||
    Number(b.proven) - Number(a.proven) ||
    a.order - b.order
  return difference < 0
}

/** Two spellings that differ in the expected peer alone are one place; the one that expects somebody wins. */
function union(known: readonly Address[], more: readonly Address[]): readonly Address[] {
  const all = [...known]
  for (const address of more) {
    const at = all.findIndex((each) => placeOf(each) === placeOf(address))
    if (at < 0) all.push(address)
    else if (address.peer !== null) all[at] = address
  }
  return all.slice(-MAX_ADDRESSES)
}
