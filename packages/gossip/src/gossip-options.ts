// What gossip is made from, and what follows from it before anything happens.

import {
  type Clock,
  type Crypto,
  type EpochSource,
  type Gossip,
  type Identity,
  isPeerId,
  type PeerId,
  type Store,
  type Topic,
} from '@hearsay/core'
import type { Engine, MachineContext } from './engine.js'
import { GossipError } from './errors.js'
import { type GossipLimits, resolveLimits, withoutUndefined } from './options.js'
import { checkOrder, type Order } from './order.js'
import type { Validate } from './room/validation.js'
import { checkSince, type Since } from './since.js'
import { trees } from './trees.js'

/** The last millisecond that a Date can hold (ECMA-262, 21.4.1.1), and a record. */
const MAX_TIME_MS = 8.64e15

export interface GossipOptions {
  readonly topic: Topic
  /** Signs what is published here. */
  readonly author: Identity
  /** An epoch that this author has never used: take it from an `EpochSource`. */
  readonly epoch: number
  /** Where the next one is from, should somebody else turn out to sign in this one. @default `publish` fails then */
  readonly epochs?: EpochSource
  /** @default trees() */
  readonly engine?: Engine
  /** Beside those of the engine. */
  readonly limits?: Partial<GossipLimits>
  /** What of before it came this node asks for. @default 'live' */
  readonly since?: Since
  /** In which order messages are delivered. @default 'author' */
  readonly order?: Order
  /** The only authors whose messages are taken; one who is not among them only listens. @default everybody */
  readonly members?: Iterable<PeerId>
  /** Keeps the room's messages beyond its life; it closes with the room. @default none: history ends with the room */
  readonly store?: Store
  /** Judges messages of others before they are delivered and passed on; a record of several falls with any of them. */
  readonly validate?: Validate
  /** Asks each neighbour for something of what it only tells of, for a membership that compares them. @default false */
  readonly doubts?: boolean
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
}

/** Gossip that may have been here before. */
export interface KeptGossip extends Gossip {
  /** Resolves when what the store held is in the history; until then links and publications wait. Never rejects. */
  readonly restored: Promise<void>
}

export interface ResolvedGossip
  extends Required<Pick<MachineContext, 'since' | 'order' | 'judges' | 'keeps' | 'doubts'>> {
  readonly engine: Engine
  readonly limits: GossipLimits
  /** Null: everybody. */
  readonly members: ReadonlySet<PeerId> | null
}

/** The options with everything filled in, or `ERR_OPTION`. */
export function resolveGossip(options: GossipOptions): ResolvedGossip {
  const { engine = trees(), since = 'live', order = 'author', members, store, validate, doubts = false } = options
  return {
    engine: checkEngine(engine),
    limits: resolveLimits({ ...engine.limits, ...withoutUndefined(options.limits ?? {}) }),
    since: checkSince(since),
    order: checkOrder(order),
    members: members === undefined ? null : checkMembers(members),
    judges: validate !== undefined,
    keeps: store !== undefined,
    doubts,
  }
}

function checkEngine(engine: Engine): Engine {
  const isObject = typeof engine === 'object' && engine !== null
  if (isObject && typeof engine.createMachine === 'function' && typeof engine.limits === 'object') return engine
  throw new GossipError('ERR_OPTION', 'the engine is none', { remedy: 'Use trees(), flood() or rumor().' })
}

/** What is no list of authors must not let everybody speak, or nobody. */
function checkMembers(members: Iterable<PeerId>): ReadonlySet<PeerId> {
  const all = typeof members === 'object' && members !== null && Symbol.iterator in members ? [...members] : null
  if (all?.every(isPeerId)) return new Set(all)
  throw new GossipError('ERR_OPTION', 'members are no peer ids', { remedy: 'Give a list of peer ids, or nothing.' })
}

/** What a record's time may be, whatever the clock says: milliseconds since 1970. */
export function wallOf(clock: Clock): number {
  return Math.floor(Math.min(Math.max(clock.wall(), 0), MAX_TIME_MS)) || 0
}
