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
  /** Without a zone. */
  readonly address: string
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
 * In IPv6 only interfaces with a link-local address count, for only those are sure to reach their link.
 */
export function chooseInterfaces(listing: Listing, choice: InterfaceChoice): LanInterface[] {
  const all = Object.entries(listing).flatMap(([name, infos = []]) =>
    [4, 6].flatMap((family) => toLan(name, infos, family)),
  )
  const { host } = choice
  if (host === undefined || host === '0.0.0.0' || host === '::') return all.filter((one) => isNamed(one, choice.names))
  if (isLoopback(host)) return all.filter(({ address }) => isLoopback(address))
  const own = Object.entries(listing).find(([, infos = []]) => infos.some(({ address }) => address === bare(host)))
  return all.filter(({ name, family }) => name === own?.[0] && family === isIP(bare(host)))
}

function toLan(name: string, infos: readonly NetworkInterfaceInfo[], family: number): LanInterface[] {
  const same = infos.filter(({ address }) => isIP(address) === family)
  const speaker = family === 4 ? same[0] : same.find(({ address }) => /^fe[89ab]/i.test(address))
  if (!speaker) return []
  const prefixes = same.flatMap(({ cidr }) => cidr ?? [])
  const zones = speaker.family === 'IPv6' ? [name, String(speaker.scopeid)] : []
  const id = `${name}/${speaker.address}`
  return [{ id, name, family: family === 4 ? 4 : 6, address: speaker.address, zones, prefixes }]
}

function isNamed({ name, address }: LanInterface, names: readonly string[] | undefined): boolean {
  return !names || names.includes(name) || isLoopback(address)
}

/** True for an address of this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/**
 * True if `source`, as a socket tells it, lies in a prefix of the interface (RFC 6762 §11). With one socket per interface,
 * each of which may hear the packets of all, this also decides which of them a packet belongs to.
 */
export function isOnLink(on: LanInterface, source: string): boolean {
  const [address = '', zone] = source.split('%')
  if (isIP(address) !== on.family || (zone !== undefined && !on.zones.includes(zone))) return false
  const links = new BlockList()
  for (const prefix of on.prefixes) {
    const [network = '', length] = prefix.split('/')
    links.addSubnet(network, Number(length), isIPv6(network) ? 'ipv6' : 'ipv4')
  }
  return links.check(address, on.family === 6 ? 'ipv6' : 'ipv4')
}

function bare(host: string): string {
  return host.replace(/%.*$/, '')
}
