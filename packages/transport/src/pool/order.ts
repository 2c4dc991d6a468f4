// Which of a candidate's addresses to try first: the nearest.

import { BlockList, isIPv6 } from 'node:net'
import type { Address } from '@hearsay/core'
import { LOCAL_RANGES, type Subnet } from './ranges.js'

/** This machine, then this network, then the rest; those of one kind in the order they came. */
export function dialOrder(addresses: readonly Address[]): Address[] {
  const measured = addresses.map((address) => ({ address, distance: dialDistance(address) }))
  return measured.sort((a, b) => a.distance - b.distance).map(({ address }) => address)
}

/** True if the address leads to this machine or its network. */
export function isNear(address: Address): boolean {
  return dialDistance(address) < 2
}

/** 0: this machine, 1: its network, 2: elsewhere, 3: by hole punching. */
export function dialDistance({ scheme, host }: Address): number {
  if (scheme === 'memory' || host === 'localhost') return 0
  if (scheme === 'hyper') return 3
  const plain = host.split('%')[0] ?? host
  const family = isIPv6(plain) ? 'ipv6' : 'ipv4'
  if (LOOPBACK.check(plain, family)) return 0
  return LOCAL.check(plain, family) ? 1 : 2
}

function blocks(...ranges: readonly Subnet[]): BlockList {
  const list = new BlockList()
  for (const [network, prefix, family] of ranges) list.addSubnet(network, prefix, family)
  return list
}

const LOOPBACK = blocks(['127.0.0.0', 8, 'ipv4'], ['::1', 128, 'ipv6'])
const LOCAL = blocks(...LOCAL_RANGES)
