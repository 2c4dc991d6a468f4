// Where a node can be dialled, as a URL: `tcp://host:port`, `ws://host:port/path`, `hyper://<peer id>`, `memory://name`, each
// optionally with the key that is expected there: `tcp://<peer id>@host:port`. One address has exactly one spelling.

import { CoreError } from './errors.js'
import { isPeerId, type PeerId } from './peer-id.js'

/** A parsed address. */
export interface Address {
  /** Lower case, such as `tcp`. */
  readonly scheme: string
  /** The peer that must answer there, if it is known. */
  readonly peer: PeerId | null
  /** An IPv4 or IPv6 address in canonical form (without brackets), a host name, or a memory name; empty for `hyper`. */
  readonly host: string
  /** 1 to 65,535; 0 where the scheme has none. */
  readonly port: number
  /** Begins with `/` where the scheme has one, else empty. */
  readonly path: string
}

const MAX_ADDRESS_LETTERS = 512
const HOST_SCHEMES: ReadonlySet<string> = new Set(['tcp', 'utp', 'ws', 'wss'])
const PATH_SCHEMES: ReadonlySet<string> = new Set(['ws', 'wss'])

/** The address that `text` spells, or `ERR_ADDRESS`. */
export function parseAddress(text: string): Address {
  const match = text.length <= MAX_ADDRESS_LETTERS ? /^([a-z]+):\/\/(?:([a-z0-9]+)@)?([^@\s]*)$/.exec(text) : null
  if (!match) throw refusal(text, 'not a URL')
  const [, scheme = '', expected, rest = ''] = match
  if (expected !== undefined && !isPeerId(expected)) throw refusal(text, 'the part before @ is not a peer id')
  const peer = expected ?? null
  if (scheme === 'hyper') return parseHyper(text, peer, rest)
  if (scheme === 'memory') return parseMemory(text, peer, rest)
  if (HOST_SCHEMES.has(scheme)) return parseHost(text, { scheme, peer, rest })
  throw refusal(text, 'unknown scheme')
}

/** The one spelling of an address. */
export function printAddress(address: Address): string {
  if (address.scheme === 'hyper') return `hyper://${address.peer}`
  const expected = address.peer === null ? '' : `${address.peer}@`
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  const port = address.port === 0 ? '' : `:${address.port}`
  return `${address.scheme}://${expected}${host}${port}${address.path}`
}

/** True if both lead to the same place and expect the same peer. */
export function sameAddress(a: Address, b: Address): boolean {
  return printAddress(a) === printAddress(b)
}

/** A total order, the same on every machine. */
export function compareAddresses(a: Address, b: Address): number {
  const left = printAddress(a)
  const right = printAddress(b)
  return left < right ? -1 : left > right ? 1 : 0
}

/** The address with the peer that is expected there; null expects nobody. */
export function withPeer(address: Address, peer: PeerId | null): Address {
  return { ...address, peer }
}

/** An address of a scheme with host and port, such as `tcp`; checked like a parsed one. */
export function hostAddress(scheme: string, host: string, port: number): Address {
  return parseAddress(
    `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${PATH_SCHEMES.has(scheme) ? '/' : ''}`,
  )
}

function parseHyper(text: string, expected: PeerId | null, rest: string): Address {
  const peer = rest === '' ? expected : rest
  if (!isPeerId(peer) || (expected !== null && rest !== '')) throw refusal(text, 'hyper:// takes one peer id')
  return { scheme: 'hyper', peer, host: '', port: 0, path: '' }
}

function parseMemory(text: string, peer: PeerId | null, name: string): Address {
  if (!/^[a-z0-9._-]{1,64}$/.test(name)) throw refusal(text, 'a memory name has 1 to 64 of a-z 0-9 . _ -')
  return { scheme: 'memory', peer, host: name, port: 0, path: '' }
}

function parseHost(text: string, parts: { scheme: string; peer: PeerId | null; rest: string }): Address {
  const match = /^(\[[^\]]+\]|[^:/[\]]+):(\d{1,5})(\/[!-~]*)?$/.exec(parts.rest)
  if (!match) throw refusal(text, 'host and port expected')
  const [, host = '', digits = '', path = ''] = match
  const port = Number(digits)
  if (port < 1 || port > 65_535 || String(port) !== digits) throw refusal(text, 'a port is 1 to 65535')
  if (path !== '' && !PATH_SCHEMES.has(parts.scheme)) throw refusal(text, `${parts.scheme}:// has no path`)
  const canonical = host.startsWith('[') ? canonicalIPv6(host.slice(1, -1)) : canonicalName(host)
  if (canonical === null) throw refusal(text, 'not a host')
  const defaultPath = PATH_SCHEMES.has(parts.scheme) ? '/' : ''
  return { scheme: parts.scheme, peer: parts.peer, host: canonical, port, path: path || defaultPath }
}

/** Lower case, shortest form; a zone such as `%eth0` stays. IPv4 in IPv6 stays IPv6. */
function canonicalIPv6(text: string): string | null {
  const [address = '', zone, ...more] = text.split('%')
  if (more.length > 0 || (zone !== undefined && !/^[A-Za-z0-9._-]{1,32}$/.test(zone))) return null
  try {
    const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1)
    return zone === undefined ? canonical : `${canonical}%${zone}`
  } catch {
    return null
  }
}

/** Dotted IPv4 without leading zeros, or a host name; a number in any other notation (0x7f.1, 2130706433) is neither. */
function canonicalName(text: string): string | null {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(text)) {
    return text.split('.').every((part) => Number(part) <= 255 && String(Number(part)) === part) ? text : null
  }
  const name = text.toLowerCase()
  if (
    name.length > 253 ||
    !/^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)
  )
    return null
  const last = name.slice(name.lastIndexOf('.') + 1)
  return /^(?:\d+|0x[0-9a-f]*)$/.test(last) ? null : name
}

function refusal(text: string, why: string): CoreError {
  return new CoreError('ERR_ADDRESS', `not an address: ${JSON.stringify(text.slice(0, 100))} (${why})`, {
    remedy: 'Write it like tcp://192.0.2.1:4000, tcp://[2001:db8::1]:4000 or hyper://<peer id>.',
  })
}
