// Which of this machine's addresses a node uses: one that is named, or the one that lies in a named subnet.

import { BlockList, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { NodeError } from './errors.js'

/** The addresses of this machine's interfaces. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
}

/**
 * The address that `host` means: itself, or for a subnet such as `192.168.2.0/24` the own address in it.
 * Throws `ERR_HOST` if there is none.
 */
export function resolveHost(host: string, own: readonly string[] = ownAddresses()): string {
  const [network = '', prefix, ...more] = host.split('/')
  const family = isIP(network)
  if (family === 0 || more.length > 0) throw noHost(host, 'it is neither an address nor a subnet')
  if (prefix === undefined) return network
  const bits = Number(prefix)
  if (!/^\d{1,3}$/.test(prefix) || bits > (family === 4 ? 32 : 128))
    throw noHost(host, 'its prefix length is out of range')
  const subnet = new BlockList()
  const type = family === 4 ? 'ipv4' : 'ipv6'
  subnet.addSubnet(network, bits, type)
  const found = own.find((address) => isIP(address) === family && subnet.check(address, type))
  if (found === undefined) throw noHost(host, 'no interface of this machine lies in it')
  return found
}

function noHost(host: string, why: string): NodeError {
  return new NodeError('ERR_HOST', `cannot use ${JSON.stringify(host)} as host: ${why}`, {
    remedy: 'Give an address of this machine such as 192.0.2.1, or a subnet such as 192.168.2.0/24.',
  })
}
