// Which network an address is of, so that whoever owns one network cannot fill a view: a public IPv4 /16 or IPv6 /32, about
// what one provider hands to one customer at most. Addresses of local networks and names are of none: there a cap would only
// part neighbours.

import type { Address } from '@hearsay/core'

/** A name for the network; null if no cap is to hold. */
export function networkOf(address: Address | null | undefined): string | null {
  if (!address) return null
  const host = address.host.split('%')[0] ?? ''
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) return ipv4Network(host)
  return host.includes(':') ? ipv6Network(host) : null
}

function ipv4Network(host: string): string | null {
  const [a = 0, b = 0] = host.split('.').map(Number)
  const isLocal =
    a === 10 ||
    a === 127 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b < 128)
  return isLocal ? null : `${a}.${b}`
}

/** Addresses are in the shortest form, lower case. */
function ipv6Network(host: string): string | null {
  if (host.startsWith('::') || /^f[cd]/.test(host) || /^fe[89ab]/.test(host)) return null
  const [first = '', second = ''] = host.split(':')
  return `${first}:${second === '' ? '0' : second}`
}
