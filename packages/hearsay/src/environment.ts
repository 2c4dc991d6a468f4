// What the environment says about a node, so that one variable keeps every program of a machine, or of a test run, off the
// public networks.

import { NodeError } from './errors.js'

/** What `join` and the command line take from the environment. */
export interface Environment {
  readonly mdns: boolean
  readonly dht: boolean
  /** `host:port` of a private HyperDHT network; null means the public one. */
  readonly bootstrap: readonly string[] | null
  /** Addresses that are dialled and never forgotten. */
  readonly seedPeers: readonly string[]
  readonly host: string | null
  readonly port: number
  readonly listen: boolean
  /** Which transports to use, by their names; null for those that are on by default. */
  readonly transports: readonly TransportName[] | null
  /** The port to accept WebSocket connections on, for browsers; null if it is not asked for. */
  readonly websocketPort: number | null
  /** Also look in the BitTorrent DHT. */
  readonly mainline: boolean
  /** `host:port` of a private network of it; null means the public one. */
  readonly mainlineBootstrap: readonly string[] | null
  /** Tell linked peers of each other. */
  readonly exchange: boolean
}

/** The names of the transports that come with the package. */
export const TRANSPORT_NAMES = ['tcp', 'utp', 'ws', 'hyper'] as const
export type TransportName = (typeof TRANSPORT_NAMES)[number]

/** Reads `HEARSAY_NO_MDNS`, `HEARSAY_NO_DHT`, `HEARSAY_BOOTSTRAP`, `HEARSAY_SEED_PEER`, `HEARSAY_HOST`, `HEARSAY_PORT`, `HEARSAY_NO_LISTEN`, `HEARSAY_TRANSPORT`, `HEARSAY_WS`, `HEARSAY_MAINLINE`, `HEARSAY_MAINLINE_BOOTSTRAP`, `HEARSAY_NO_EXCHANGE`. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  return {
    mdns: !readFlag(env, 'HEARSAY_NO_MDNS'),
    dht: !readFlag(env, 'HEARSAY_NO_DHT'),
    bootstrap: listOrNull(env.HEARSAY_BOOTSTRAP),
    seedPeers: list(env.HEARSAY_SEED_PEER),
    host: env.HEARSAY_HOST || null,
    port: port('HEARSAY_PORT', env.HEARSAY_PORT),
    listen: !readFlag(env, 'HEARSAY_NO_LISTEN'),
    transports: env.HEARSAY_TRANSPORT ? parseTransports(env.HEARSAY_TRANSPORT) : null,
    websocketPort: env.HEARSAY_WS ? port('HEARSAY_WS', env.HEARSAY_WS) : null,
    mainline: readFlag(env, 'HEARSAY_MAINLINE'),
    mainlineBootstrap: listOrNull(env.HEARSAY_MAINLINE_BOOTSTRAP),
    exchange: !readFlag(env, 'HEARSAY_NO_EXCHANGE'),
  }
}

/** The names in a list such as `tcp,ws`; `ERR_OPTION` for one that is unknown, or none at all. */
export function parseTransports(text: string): readonly TransportName[] {
  const names = list(text)
  const unknown = names.find((name) => !TRANSPORT_NAMES.some((known) => known === name))
  if (unknown === undefined && names.length > 0) return [...new Set(names)] as TransportName[]
  throw new NodeError('ERR_OPTION', `${JSON.stringify(unknown ?? text)} is no transport`, {
    remedy: `Name some of ${TRANSPORT_NAMES.join(', ')}.`,
  })
}

/** True for 1, true or yes; false for 0, false, no, empty or unset; `ERR_OPTION` for anything else. */
export function readFlag(env: Readonly<Record<string, string | undefined>>, name: string): boolean {
  const value = env[name]?.toLowerCase() ?? ''
  if (['', '0', 'false', 'no'].includes(value)) return false
  if (['1', 'true', 'yes'].includes(value)) return true
  throw new NodeError('ERR_OPTION', `${name} is ${JSON.stringify(value)}`, { remedy: `Set ${name} to 1 or 0.` })
}

function list(value: string | undefined): readonly string[] {
  return (value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function listOrNull(value: string | undefined): readonly string[] | null {
  const found = list(value)
  return found.length > 0 ? found : null
}

function port(name: string, value: string | undefined): number {
  if (value === undefined || value === '') return 0
  const number = Number(value)
  if (/^\d{1,5}$/.test(value) && number <= 65_535) return number
  throw new NodeError('ERR_OPTION', `${name} is ${JSON.stringify(value)}`, { remedy: 'A port is 0 to 65535.' })
}
