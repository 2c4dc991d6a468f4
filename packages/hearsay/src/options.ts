// What a node is made of. Every part has a default and can be swapped; this is the only place where concrete choices are made.

import { isIPv4 } from 'node:net'
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
  systemClock,
  systemRandom,
  type Transport,
} from '@hearsay/core'
import { hyperdht, mdns, seeds } from '@hearsay/discovery'
import { type PoolLimits, tcp } from '@hearsay/transport'
import { type Environment, readEnvironment } from './environment.js'
import { resolveHost } from './host.js'

export interface NodeOptions {
  /** Signs messages. @default a fresh key; nothing is written */
  readonly identity?: Identity
  /** Names the node to its peers. @default `identity` */
  readonly linkIdentity?: Identity
  /** Where epochs come from; durable ones if the identity outlives the process. @default in memory */
  readonly epochs?: EpochSource
  /** How peers are found. @default mDNS and HyperDHT, as the environment says */
  readonly discovery?: readonly Discovery[]
  /** How peers are reached. @default TCP */
  readonly transports?: readonly Transport[]
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
export function resolveNodeOptions(
  options: NodeOptions,
  env: Environment = readEnvironment(process.env),
): ResolvedNodeOptions {
  const clock = options.clock ?? systemClock()
  const random = options.random ?? systemRandom()
  const identity = options.identity ?? createIdentity()
  const injected = { clock, random, ...(options.logger && { logger: options.logger }) }
  const named = options.host ?? env.host
  const host = named === null ? null : resolveHost(named)
  return {
    identity,
    linkIdentity: options.linkIdentity ?? identity,
    epochs: options.epochs ?? memoryEpochs({ clock, random }),
    discovery: options.discovery ?? defaultDiscovery({ ...env, host }, injected),
    transports: options.transports ?? [tcp()],
    listen: options.listen ?? env.listen,
    host,
    port: options.port ?? env.port,
    network: options.network ?? DEFAULT_NETWORK,
    limits: options.limits ?? {},
    clock,
    random,
    logger: options.logger,
  }
}

/** What the default discoveries are injected with. */
export interface DiscoveryInjection {
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
}

/** mDNS, HyperDHT and the seeds that were given, less what is switched off. Throws `ERR_HOST` or `ERR_ADDRESS`. */
export function defaultDiscovery(env: Environment, injected: DiscoveryInjection = {}): readonly Discovery[] {
  const host = env.host === null ? null : resolveHost(env.host)
  const common = { ...injected, ...(host !== null && { host }) }
  const found: Discovery[] = []
  if (env.mdns) found.push(mdns(common))
  // HyperDHT knows IPv4 alone: a node that is bound to an IPv6 address does without it.
  if (env.dht && (host === null || isIPv4(host)))
    found.push(hyperdht({ ...common, ...(env.bootstrap && { bootstrap: env.bootstrap }) }))
  if (env.seedPeers.length > 0) found.push(seeds(env.seedPeers))
  return found
}
