// A guess at where this machine's TCP port can be reached from outside, when the network has told what its address is.

import { type Address, hostAddress } from '@hearsay/core'
import { scopeOf } from '../ipv4.js'
import type { ExternalPlace } from './shared.js'

/** What is known of this machine. */
export interface OwnPlace {
  readonly external: ExternalPlace | null
  /** The TCP port that it listens at, or null. */
  readonly port: number | null
  /** Where it says itself that it can be dialled. */
  readonly addresses: readonly Address[]
  /** The hosts of its interfaces. */
  readonly ownHosts: ReadonlySet<string>
}

/**
 * `tcp://<external host>:<port>` if that is plausible, else null. Behind most NATs it would be wrong, and cost whoever tries
 * it a dial; so the UDP port of the DHT must have been found open, which is so where a NAT passes everything on: cloud
 * machines with an address of their own outside, and hosts that a router forwards everything to. And something must listen
 * where that arrives, which a loopback address is not.
 */
export function externalGuess({ external, port, addresses, ownHosts }: OwnPlace): Address | null {
  if (!external || external.firewalled || port === null) return null
  const { host } = external
  // What an interface has, the node tells by itself if it listens there.
  if (scopeOf(host) !== 'public' || ownHosts.has(host)) return null
  const listening = addresses.filter((address) => address.scheme === 'tcp' && address.port === port)
  if (listening.some((address) => address.host === host)) return null
  // A NAT in front passes on to a private address; a node bound to a public one chose that one alone.
  if (!listening.some((address) => scopeOf(address.host) === 'local')) return null
  return hostAddress('tcp', host, port)
}
