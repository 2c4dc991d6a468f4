// The parts that a node is made of when nothing else is said: the only place where concrete choices are made.

import { isIPv4 } from 'node:net'
import type { Clock, Discovery, Identity, Logger, Random, Transport } from '@hearsay/core'
import { dhtNode, hyperdht, mainline, mdns, type SharedDht, seeds } from '@hearsay/discovery'
import { tcp } from '@hearsay/transport'
import { hyper } from '@hearsay/transport/hyperdht'
import { utp } from '@hearsay/transport/utp'
import { websocket } from '@hearsay/transport/ws'
import type { Environment, TransportName } from './environment.js'
import { NodeError } from './errors.js'
import { resolveHost } from './host.js'
import { listeningIfPossible } from './if-possible.js'

/** What the default parts are injected with. */
export interface Injection {
  readonly clock: Clock
  readonly random: Random
  readonly logger?: Logger
}

/** uTP is the last: of a node with more addresses than a record takes, those are left out that have others beside them. */
const BY_DEFAULT: readonly TransportName[] = ['tcp', 'ws', 'hyper', 'utp']

export interface DhtChoice {
  /** @default adaptive */
  readonly ephemeral?: boolean
}

/**
 * The one HyperDHT node of discovery and transport; null where it is switched off. HyperDHT knows IPv4 alone: a node that is
 * bound to an IPv6 address does without it.
 */
export function defaultDht(env: Environment, injected: Injection, choice: DhtChoice = {}): SharedDht | null {
  const host = env.host === null ? null : resolveHost(env.host)
  if (!env.dht || (host !== null && !isIPv4(host))) return null
  const { clock, logger } = injected
  const bootstrap = env.bootstrap && { bootstrap: env.bootstrap }
  return dhtNode({ clock, ...(logger && { logger }), ...bootstrap, ...choice, ...(host !== null && { host }) })
}

/** mDNS, the DHTs and the seeds that were given, less what is switched off. Throws `ERR_HOST` or `ERR_ADDRESS`. */
export function defaultDiscovery(env: Environment, injected: Injection, dht: SharedDht | null): readonly Discovery[] {
  const host = env.host === null ? null : resolveHost(env.host)
  const common = { ...injected, ...(host !== null && { host }) }
  const found: Discovery[] = []
  if (env.mdns) found.push(mdns(common))
  if (dht) found.push(hyperdht({ node: dht, ...injected }))
  if (env.mainline && (host === null || isIPv4(host)))
    found.push(mainline({ ...common, ...(env.mainlineBootstrap && { bootstrap: env.mainlineBootstrap }) }))
  if (env.seedPeers.length > 0) found.push(seeds(env.seedPeers))
  return found
}

/**
 * TCP, WebSocket (which listens only if it is named, or has a port), HyperDHT streams where there is a DHT node, and uTP; or
 * those that the environment names. Throws `ERR_OPTION` if none is left of them.
 */
export function defaultTransports(
  env: Environment,
  identity: Identity,
  { clock, dht }: { readonly clock: Clock; readonly dht: SharedDht | null },
): readonly Transport[] {
  const { transports: named, websocketPort } = env
  const make: Readonly<Record<TransportName, () => Transport | null>> = {
    tcp: () => tcp(),
    utp: () => utp({ clock }),
    // The pool's port is for TCP.
    ws: () => websocket({ clock, listen: named !== null || websocketPort !== null, port: websocketPort ?? 0 }),
    hyper: () => dht && hyper({ identity, dht, clock, announceMs: 0 }),
  }
  const names: readonly TransportName[] = named ?? BY_DEFAULT
  const made = names.flatMap((name) => make[name]() ?? [])
  if (made.length === 0) {
    const remedy = 'Name another transport too, or let the DHT be used.'
    throw new NodeError('ERR_OPTION', `no transport is left of ${names.join(', ')} without the DHT`, { remedy })
  }
  // No port was asked of them, so that they cannot have one is no reason not to talk by the others.
  const canMiss = ({ scheme }: Transport): boolean => scheme === 'hyper' || (scheme === 'utp' && named === null)
  return made.length > 1 ? made.map((each) => (canMiss(each) ? listeningIfPossible(each) : each)) : made
}
