// What a node is made of. Every part has a default and can be swapped; which defaults stands in defaults.ts.

import {
  type Clock,
  createIdentity,
  DEFAULT_NETWORK,
  type Discovery,
  type EpochSource,
  type Identity,
  type Logger,
  memoryEpochs,
  type Random,
  type Store,
  systemClock,
  systemRandom,
  type Topic,
  type Transport,
} from '@hearsay/core'
import type { AddressBook, SharedDht } from '@hearsay/discovery'
import type { PoolLimits } from '@hearsay/transport'
import { type DhtChoice, defaultDht, defaultDiscovery, defaultTransports } from './defaults.js'
import { type Environment, readEnvironment } from './environment.js'
import { NodeError } from './errors.js'
import { resolveHost } from './host.js'

export interface NodeOptions {
  /** Signs messages. @default a fresh key; nothing is written */
  readonly identity?: Identity
  /** Names the node to its peers. @default `identity` */
  readonly linkIdentity?: Identity
  /** Where epochs come from; durable ones if the identity outlives the process. @default in memory */
  readonly epochs?: EpochSource
  /** How peers are found; they close with the node, so no two nodes share one. @default mDNS and HyperDHT, as the environment says */
  readonly discovery?: readonly Discovery[]
  /** How peers are reached; they close with the node too. @default TCP, uTP on the same port number, WebSocket to dial, and `hyper://` where the default discovery has a DHT */
  readonly transports?: readonly Transport[]
  /** Peers and addresses that worked; it stays yours to close. @default one in memory */
  readonly addressBook?: AddressBook
  /** Where a room keeps its history beyond its life, such as `(topic) => levelStore(database, topic)`. @default in memory */
  readonly store?: (topic: Topic) => Store
  /** Tell linked peers of each other. @default true */
  readonly exchange?: boolean
  /** Peers below which a room is looked for others as often as an empty one; neighbours that it keeps at least. @default 1 */
  readonly minPeers?: number
  /**
   * With whom a room talks, of all who could be linked: `overlay` keeps 5 to 12 neighbours, whatever the size of the room
   * (everybody, up to nine others); `given` takes every link that there is, and links to everybody who is found. @default 'overlay'
   */
  readonly membership?: 'overlay' | 'given'
  /** Links at once; the same as `limits.maxLinks`. @default 128 */
  readonly maxPeers?: number
  /** Milliseconds without a message before a peer is pinged; the same as `limits.pingIntervalMs`. @default 10_000 */
  readonly pingIntervalMs?: number
  /** `host:port` of a private HyperDHT network. @default the environment's, or the public network */
  readonly bootstrap?: readonly string[]
  /** @default adaptive: a node stores for others once it has been reachable for twenty minutes */
  readonly dht?: DhtChoice
  /** What is not said here is taken from it. @default that of the process, as `readEnvironment` has it */
  readonly environment?: Environment
  /** Accept links from others. @default true */
  readonly listen?: boolean
  /** An own address, or a subnet that picks one. @default all interfaces, dual stack */
  readonly host?: string
  /** 0 lets the system choose. @default 0 */
  readonly port?: number
  /** Nodes of different networks do not talk to each other. @default 'hearsay' */
  readonly network?: string
  /** Bounds of the connection pool. */
  readonly limits?: Partial<PoolLimits>
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default systemRandom() */
  readonly random?: Random
  /** @default none */
  readonly logger?: Logger
}

export interface ResolvedNodeOptions {
  readonly identity: Identity
  readonly linkIdentity: Identity
  readonly epochs: EpochSource
  readonly discovery: readonly Discovery[]
  readonly transports: readonly Transport[]
  /** The default discovery's, which the default transports share; to be closed after both. */
  readonly dht: SharedDht | null
  /** Null: make one. */
  readonly addressBook: AddressBook | null
  /** Null: histories end with their rooms. */
  readonly store: ((topic: Topic) => Store) | null
  readonly exchange: boolean
  readonly minPeers: number
  readonly membership: 'overlay' | 'given'
  readonly listen: boolean
  readonly host: string | null
  readonly port: number
  readonly network: string
  readonly limits: Partial<PoolLimits>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger | undefined
}

/** The options with everything filled in; what is not said is taken from the environment. */
export function resolveNodeOptions(options: NodeOptions): ResolvedNodeOptions {
  const env = options.environment ?? readEnvironment(process.env)
  const clock = options.clock ?? systemClock()
  const random = options.random ?? systemRandom()
  const identity = options.identity ?? createIdentity()
  const injected = { clock, random, ...(options.logger && { logger: options.logger }) }
  const named = options.host ?? env.host
  const host = named === null ? null : resolveHost(named)
  const linkIdentity = options.linkIdentity ?? identity
  const here = { ...env, host, bootstrap: options.bootstrap ?? env.bootstrap }
  const dht = options.discovery ? null : defaultDht(here, injected, options.dht)
  return {
    identity,
    linkIdentity,
    epochs: options.epochs ?? memoryEpochs({ clock, random }),
    discovery: options.discovery ?? defaultDiscovery(here, injected, dht),
    transports: options.transports ?? defaultTransports(here, linkIdentity, { clock, dht }),
    dht,
    addressBook: options.addressBook ?? null,
    store: options.store ?? null,
    exchange: options.exchange ?? env.exchange,
    minPeers: checkMinPeers(options.minPeers ?? 1),
    membership: checkMembership(options.membership ?? 'overlay'),
    listen: options.listen ?? env.listen,
    host,
    port: options.port ?? env.port,
    network: options.network ?? DEFAULT_NETWORK,
    limits: {
      ...(options.maxPeers !== undefined && { maxLinks: options.maxPeers }),
      ...(options.pingIntervalMs !== undefined && { pingIntervalMs: options.pingIntervalMs }),
      ...options.limits,
    },
    clock,
    random,
    logger: options.logger,
  }
}

function checkMinPeers(minPeers: number): number {
  if (Number.isSafeInteger(minPeers) && minPeers >= 0) return minPeers
  throw new NodeError('ERR_OPTION', `minPeers is ${minPeers}`, { remedy: 'It is a whole number of at least 0.' })
}

export function checkMembership(membership: 'overlay' | 'given'): 'overlay' | 'given' {
  if (membership === 'overlay' || membership === 'given') return membership
  throw new NodeError('ERR_OPTION', `membership is ${membership}`, { remedy: 'It is overlay or given.' })
}
