// Which addresses that this node has not reached itself are worth a dial: they are the word of a stranger, who may want us to
// knock at somebody else's door. This file knows address ranges and a budget; it does not know who said what.

import { BlockList, isIP, isIPv6 } from 'node:net'
import type { Address } from '@hearsay/core'
import { dialDistance } from './order.js'
import { LOCAL_RANGES } from './ranges.js'

/** Ports below belong to services that never asked for us. */
const FIRST_PORT = 1_024

/** Who named an address: the linked peer at this place, a peer whose place is not known, or a discovery by itself. */
export type Teller = Address | null | 'discovery'

/** True if hearsay may name the address, given who told it and which hosts are this machine's, looked at only if it matters. */
export function isCredible(
  address: Address,
  context: { readonly teller: Teller; readonly ownHosts: ReadonlySet<string> },
): boolean {
  const { teller } = context
  const { scheme, host, port } = address
  if (scheme === 'memory' || scheme === 'hyper') return true
  if (port < FIRST_PORT || isBogon(host)) return false
  // A name leads wherever its owner likes, now and later.
  if (isIP(host) === 0) return scheme === 'wss'
  const distance = dialDistance(address)
  if (distance === 0) return teller === 'discovery' || (teller !== null && dialDistance(teller) === 0)
  return distance > 1 || isInRangeOf(host, context.ownHosts)
}

/** True if this machine has an address in the private range that the host is of. */
function isInRangeOf(host: string, ownHosts: ReadonlySet<string>): boolean {
  return RANGES.some((range) => {
    const isIn = (each: string): boolean => {
      const plain = each.split('%')[0] ?? each
      return isIP(plain) !== 0 && range.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
    }
    return isIn(host) && [...ownHosts].some(isIn)
  })
}

/** Each by itself: to have an address in one says nothing of another. */
const RANGES = LOCAL_RANGES.map(([network, prefix, family]) => {
  const range = new BlockList()
  range.addSubnet(network, prefix, family)
  return range
})

/** "This network", multicast, reserved, unspecified and documentation: nobody can be there. */
const BOGONS = new BlockList()
BOGONS.addSubnet('0.0.0.0', 8, 'ipv4')
BOGONS.addSubnet('224.0.0.0', 3, 'ipv4')
BOGONS.addAddress('::', 'ipv6')
BOGONS.addSubnet('ff00::', 8, 'ipv6')
BOGONS.addSubnet('2001:db8::', 32, 'ipv6')

function isBogon(host: string): boolean {
  const plain = host.split('%')[0] ?? host
  return isIP(plain) !== 0 && BOGONS.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
}
