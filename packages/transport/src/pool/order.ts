// Which of a candidate's addresses to try first: the nearest, and TCP before uTP.

import { BlockList, isIPv6 } from 'node:net'
import type { Address } from '@hearsay/core'
import { LOCAL_RANGES, type Subnet } from './ranges.js'

/** This machine, then this network, then the rest, then all these by uTP; those of one kind in the order they came. */
export function dialOrder(addresses: readonly Address[]): Address[] {
  const measured = addresses.map((address) => ({ address, rank: rankOf(address) }))
  return measured.sort((a, b) => a.rank - b.rank).map(({ address }) => address)
}

/** Where nobody is, TCP is refused at once and uTP is not: it must not hold up an address where somebody is. */
function rankOf(address: Address): number {
  const distance = dialDistance(address)
  if (distance === HOLE_PUNCHED) return 2 * HOLE_PUNCHED
  return address.scheme === 'utp' ? HOLE_PUNCHED + distance : distance
}

const HOLE_PUNCHED = 3

/** True if the address leads to this machine or its network. */
export function isNear(address: Address): boolean {
  return dialDistance(address) < 2
}

/** 0: this machine, 1: its network, 2: elsewhere, 3: by hole punching. */
export function dialDistance({ scheme, host }: Address): number {
  if (scheme === 'memory' || host === 'localhost') return 0
  if (scheme === 'hyper') return HOLE_PUNCHED
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
