// The options of a swarm: dwebswarm's names and defaults over this stack's parts.

import type { Clock, Discovery, Identity, Logger, Random, Transport } from '@hearsay/core'
import type { PeerToValidate, PoolOptions, QueueOptions } from '@hearsay/transport'

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

/** What the pool of a swarm is told beside what a node's is: its limits and who decides about peers. */
export function swarmPool(options: SwarmOptions): Pick<PoolOptions, 'limits' | 'validatePeer' | 'queue'> {
  const limits = {
    maxLinks: options.maxPeers ?? DEFAULT_MAX_PEERS,
    maxServerSockets: options.maxServerSockets ?? Number.POSITIVE_INFINITY,
    maxClientSockets: options.maxClientSockets ?? Number.POSITIVE_INFINITY,
  }
  return {
    limits,
    ...(options.validatePeer && { validatePeer: options.validatePeer }),
    ...(options.queue && { queue: options.queue }),
  }
}
