// In which network an address lies, as far as its spelling tells: whoever owns one address of a group may own all of it, so
// choice and eviction count groups, not addresses.

import type { Address } from '@hearsay/core'

/** The /16 of an IPv4 address, the /32 of an IPv6 one, the last two labels of a name; one group for all of a scheme without. */
export function networkGroup({ scheme, host }: Address): string {
  const octets = octetsOf(host)
  if (octets) return `${octets[0]}.${octets[1]}`
  if (host.includes(':')) return hextetsOf(host).join(':')
  // A memory name has no network; neither has hyper://, whose host is empty.
  if (scheme === 'memory' || host === '') return scheme
  return host.split('.').slice(-2).join('.')
}

/** True for loopback, private, link-local and carrier-grade ranges (RFC 1122, 1918, 3927, 6598, 4193, 4291). */
export function isLocal({ host }: Address): boolean {
  const octets = octetsOf(host)
  if (octets) return isLocalIPv4(octets[0], octets[1])
  if (!host.includes(':')) return host === 'localhost' || host.endsWith('.local')
  const [first] = hextetsOf(host)
  return host === '::1' || (first & 0xfe00) === 0xfc00 || (first & 0xffc0) === 0xfe80
}

function isLocalIPv4(a: number, b: number): boolean {
  if (a === 10 || a === 127) return true
  if (a === 172) return b >= 16 && b < 32
  if (a === 100) return b >= 64 && b < 128
  return (a === 192 && b === 168) || (a === 169 && b === 254)
}

/** The first two octets of an IPv4 address, also of one within IPv6; null for anything else. */
function octetsOf(host: string): readonly [number, number] | null {
  const plain = /^(\d+)\.(\d+)\.\d+\.\d+$/.exec(host)
  if (plain) return [Number(plain[1]), Number(plain[2])]
  const mapped = /^::ffff:([0-9a-f]+):[0-9a-f]+$/.exec(host)
  if (!mapped) return null
  const high = Number.parseInt(mapped[1] ?? '0', 16)
  return [high >>> 8, high & 0xff]
}

/** The first 32 bits of an IPv6 address in canonical form. */
function hextetsOf(host: string): readonly [number, number] {
  const [head = ''] = host.split('::')
  const [first = '', second = ''] = head.split(':')
  return [Number.parseInt(first || '0', 16), Number.parseInt(second || '0', 16)]
}
