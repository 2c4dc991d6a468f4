// Where the DHTs bind and start from, and which IPv4 addresses can be somebody's: both DHTs know IPv4 alone.

import { BlockList, isIPv4 } from 'node:net'

/** The host to bind to; a wildcard of either family is every IPv4 interface. A `TypeError` for anything else but IPv4. */
export function toIPv4(host: string, dht: string): string {
  if (host === '::') return '0.0.0.0'
  if (host === 'localhost') return '127.0.0.1'
  if (isIPv4(host)) return host
  throw new TypeError(`${dht} needs an IPv4 host, not ${JSON.stringify(host)}`)
}

/** The address again, or a `TypeError` if it is not `host:port`. */
export function checkedBootstrap(address: string): string {
  const [, port] = /^[^\s:]+:(\d{1,5})$/.exec(address) ?? []
  if (port !== undefined && Number(port) > 0 && Number(port) < 65_536) return address
  throw new TypeError(`a bootstrap address is host:port, not ${JSON.stringify(address)}`)
}

/** How far an IPv4 address reaches; `none` is one that nobody can have. */
export type Scope = 'none' | 'loopback' | 'local' | 'public'

export function scopeOf(host: string): Scope {
  if (!isIPv4(host) || NOBODY.check(host)) return 'none'
  if (LOOPBACK.check(host)) return 'loopback'
  return LOCAL.check(host) ? 'local' : 'public'
}

function blocks(...subnets: readonly (readonly [network: string, prefix: number])[]): BlockList {
  const list = new BlockList()
  for (const [network, prefix] of subnets) list.addSubnet(network, prefix)
  return list
}

/** "This network", multicast and reserved, and what documents are written with: RFC 1122, RFC 1112, RFC 5737. */
const NOBODY = blocks(['0.0.0.0', 8], ['224.0.0.0', 3], ['192.0.2.0', 24], ['198.51.100.0', 24], ['203.0.113.0', 24])
const LOOPBACK = blocks(['127.0.0.0', 8])
/** Private, link-local and carrier-grade: RFC 1918, RFC 3927, RFC 6598. */
const LOCAL = blocks(['10.0.0.0', 8], ['172.16.0.0', 12], ['192.168.0.0', 16], ['169.254.0.0', 16], ['100.64.0.0', 10])
