// This machine's network interfaces: what others can dial, and which sources are this machine itself.

import { networkInterfaces } from 'node:os'
import { type Address, hostAddress } from '@hearsay/core'

/** Hosts of this machine's interfaces, in the form that sockets show, without zones. */
export function ownHosts(): ReadonlySet<string> {
  const hosts = new Set(['127.0.0.1', '::1'])
  for (const list of Object.values(networkInterfaces())) for (const { address } of list ?? []) hosts.add(address)
  return hosts
}

/**
 * Where a listener bound to `host` can be dialled: itself, or for a wildcard one address for each interface and family.
 * Link-local IPv6 is left out, as its zone means nothing to others.
 */
export function dialableAddresses(scheme: string, bound: { readonly host: string; readonly port: number }): Address[] {
  const { host, port } = bound
  if (host !== '::' && host !== '0.0.0.0') return [hostAddress(scheme, host, port)]
  const families = host === '::' ? ['IPv4', 'IPv6'] : ['IPv4']
  const addresses: Address[] = []
  for (const list of Object.values(networkInterfaces())) {
    for (const family of families) {
      const entry = list?.find((each) => each.family === family && !each.address.startsWith('fe80'))
      if (entry) addresses.push(hostAddress(scheme, entry.address, port))
    }
  }
  return addresses
}

/** IPv4 that a dual-stack socket shows as IPv6 is IPv4 again. */
export function plainHost(host: string): string {
  const match = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)
  return match?.[1] ?? host
}
