// Which interfaces of this machine to speak on, and which sources are on their link. Pure: the caller lists what there is.

import { BlockList, isIP, isIPv6 } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'

/** One interface in one protocol family. */
export interface LanInterface {
  /** Unique among the interfaces of one listing, and the same in the next one while nothing changes. */
  readonly id: string
  /** Such as `eth0`. */
  readonly name: string
  readonly family: 4 | 6
  /** Where packets come from. Without a zone. */
  readonly address: string
  /** Where the node's listeners are behind that source: the same, but for a node that is bound to `::1`. */
  readonly announced: string
  /** How the system writes the interface behind an IPv6 address: by name, or on Windows by number. */
  readonly zones: readonly string[]
  /** Every prefix on the interface in this family, such as `192.168.2.0/24`. */
  readonly prefixes: readonly string[]
}

export interface InterfaceChoice {
  /** What the node's listeners are bound to; a wildcard or undefined is every interface. */
  readonly host?: string | undefined
  /** Only interfaces with these names, and loopback. */
  readonly names?: readonly string[] | undefined
}

type Listing = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>

/**
 * The interfaces to speak on: with a loopback host loopback alone, with another host the interface that has it, else all.
 * Packets come from the host itself if there is one, since that is all that is announced. Without a host, in IPv6, only
 * interfaces with a link-local address count, for only those are sure to reach their link.
 */
export function chooseInterfaces(listing: Listing, { host, names }: InterfaceChoice): LanInterface[] {
  const list = (source?: string): LanInterface[] =>
    Object.entries(listing).flatMap(([name, infos = []]) =>
      [4, 6].flatMap((family) => toLan(name, infos, family, source)),
    )
  if (host === undefined || host === '0.0.0.0' || host === '::') return list().filter((one) => isNamed(one, names))
  if (isLoopback(host)) return list(host).flatMap((one) => boundTo(one, host))
  const own = bare(host)
  const [name] = Object.entries(listing).find(([, infos = []]) => infos.some(({ address }) => address === own)) ?? []
  return list(own).filter((one) => one.name === name && one.family === isIP(own))
}

function toLan(name: string, infos: readonly NetworkInterfaceInfo[], family: number, source?: string): LanInterface[] {
  const same = infos.filter(({ address }) => isIP(address) === family)
  const linkLocal = same.find(({ address }) => isLinkLocal(address))
  const speaker = same.find(({ address }) => address === source) ?? (family === 4 ? same[0] : linkLocal)
  if (!speaker) return []
  const { address, mac } = speaker
  const prefixes = same.flatMap(({ cidr }) => cidr ?? [])
  const number = infos.find((info) => info.family === 'IPv6' && info.scopeid > 0)
  const scope = number?.family === 'IPv6' ? String(number.scopeid) : ''
  const zones = family === 6 ? [name, scope] : []
  // An interface that went and came back is another one to the system: under its old number nothing is heard any more.
  const id = [name, address, mac, scope].join('/')
  return [{ id, name, family: family === 4 ? 4 : 6, address, announced: address, zones, prefixes }]
}

/**
 * Loopback for a host of its range. No system is sure to carry multicast over IPv6 there (Linux does not), so a node at
 * `::1` speaks from 127.0.0.1 and says where it is.
 */
function boundTo(one: LanInterface, host: string): LanInterface[] {
  if (!isLoopback(one.address) || one.family === 6) return []
  const address = isIP(host) === 4 ? host : one.address
  return [{ ...one, address, announced: isIP(host) === 6 ? host : address }]
}

function isNamed({ name, address }: LanInterface, names: readonly string[] | undefined): boolean {
  return !names || names.includes(name) || isLoopback(address)
}

/** True for an IPv6 address that means something on one link only: fe80::/10. */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address)
}

/** True for an address of this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/**
 * Tells whether a source, as a socket names it, lies in a prefix of the interface (RFC 6762 §11). With one socket per
 * interface, each of which may hear the packets of all, this also decides which of them a packet belongs to.
 */
export function linkOf(on: LanInterface): (source: string) => boolean {
  const links = new BlockList()
  for (const prefix of on.prefixes) {
    const [network = '', length] = prefix.split('/')
    links.addSubnet(network, Number(length), isIPv6(network) ? 'ipv6' : 'ipv4')
  }
  return (source) => {
    const [address = '', zone] = source.split('%')
    if (isIP(address) !== on.family || (zone !== undefined && !on.zones.includes(zone))) return false
    return links.check(address, on.family === 6 ? 'ipv6' : 'ipv4')
  }
}

function bare(host: string): string {
  return host.replace(/%.*$/, '')
}
