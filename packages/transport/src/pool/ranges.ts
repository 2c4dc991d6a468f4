// The address ranges of local networks, the one table of them.

/** A subnet: its network address, its prefix length, and the family that `net.BlockList` is to be told. */
export type Subnet = readonly [network: string, prefix: number, family: 'ipv4' | 'ipv6']

/** Private, link-local and carrier-grade: RFC 1918, RFC 3927, RFC 6598, RFC 4193, RFC 4291. */
export const LOCAL_RANGES: readonly Subnet[] = [
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
]
