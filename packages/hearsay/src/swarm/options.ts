// The options of a swarm: dwebswarm's names and defaults over this stack's parts.

import type { Clock, Discovery, Identity, Logger, Random, Transport } from '@hearsay/core'
import { hyperdht, mdns } from '@hearsay/discovery'
import type { PeerToValidate, PoolOptions, QueueOptions } from '@hearsay/transport'
import { readEnvironment } from '../environment.js'
import { type NodeOptions, type ResolvedNodeOptions, resolveNodeOptions } from '../options.js'

export interface SwarmOptions {
  /** Names this node to its peers. @default a fresh key */
  readonly identity?: Identity
  /** How peers are found. @default mDNS and HyperDHT, as the environment and the options below say */
  readonly discovery?: readonly Discovery[]
  /** How peers are reached. @default TCP */
  readonly transports?: readonly Transport[]
  /** `host:port` of a private HyperDHT network. @default the environment's, or the public network */
  readonly bootstrap?: readonly string[]
  /** @default adaptive */
  readonly dht?: { readonly ephemeral?: boolean }
  /** Peers at once, inbound and outbound together. @default 24 */
  readonly maxPeers?: number
  /** Inbound ones of them; 0 or infinite: any number, -1: none. @default Infinity */
  readonly maxServerSockets?: number
  /** Outbound ones of them. @default Infinity */
  readonly maxClientSockets?: number
  /** Asked for each peer before anything is said to it, in both directions; false or an exception refuses it. */
  readonly validatePeer?: (peer: PeerToValidate) => boolean | Promise<boolean>
  /** How failing and banned peers are treated: `requeue` and `forget` times, in milliseconds. */
  readonly queue?: QueueOptions
  readonly host?: string
  readonly port?: number
  /** @default 'hearsay' */
  readonly network?: string
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
}

const DEFAULT_MAX_PEERS = 24

/** The options that a swarm shares with a node. */
export function resolveSwarmParts(options: SwarmOptions): ResolvedNodeOptions {
  const environment = readEnvironment(process.env)
  const bootstrap = options.bootstrap ?? environment.bootstrap
  const given: NodeOptions = options
  const wantsOwn = options.discovery === undefined && (options.bootstrap !== undefined || options.dht !== undefined)
  if (!wantsOwn) return resolveNodeOptions(given, environment)
  const common = {
    ...(options.host !== undefined && { host: options.host }),
    ...(options.clock && { clock: options.clock }),
  }
  const dht = hyperdht({ ...common, ...options.dht, ...(bootstrap && { bootstrap }) })
  const discovery = environment.mdns ? [mdns(common), dht] : [dht]
  return resolveNodeOptions({ ...given, discovery }, environment)
}

/** The pool of a swarm: its limits and what decides about peers. */
export function resolveSwarmPool(
  options: SwarmOptions,
  parts: ResolvedNodeOptions,
): Omit<PoolOptions, 'addressRecord'> {
  const { linkIdentity: identity, transports, network, clock, random, logger } = parts
  const limits = {
    maxLinks: options.maxPeers ?? DEFAULT_MAX_PEERS,
    maxServerSockets: options.maxServerSockets ?? Number.POSITIVE_INFINITY,
    maxClientSockets: options.maxClientSockets ?? Number.POSITIVE_INFINITY,
  }
  return {
    identity,
    transports,
    network,
    clock,
    random,
    limits,
    ...(logger && { logger }),
    ...(options.validatePeer && { validatePeer: options.validatePeer }),
    ...(options.queue && { queue: options.queue }),
  }
}
