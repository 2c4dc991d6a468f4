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
}

/** Reads `HEARSAY_NO_MDNS`, `HEARSAY_NO_DHT`, `HEARSAY_BOOTSTRAP`, `HEARSAY_SEED_PEER`, `HEARSAY_HOST`, `HEARSAY_PORT`, `HEARSAY_NO_LISTEN`. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  const bootstrap = list(env.HEARSAY_BOOTSTRAP)
  return {
    mdns: !readFlag(env, 'HEARSAY_NO_MDNS'),
    dht: !readFlag(env, 'HEARSAY_NO_DHT'),
    bootstrap: bootstrap.length > 0 ? bootstrap : null,
    seedPeers: list(env.HEARSAY_SEED_PEER),
    host: env.HEARSAY_HOST || null,
    port: port(env.HEARSAY_PORT),
    listen: !readFlag(env, 'HEARSAY_NO_LISTEN'),
  }
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

function port(value: string | undefined): number {
  if (value === undefined || value === '') return 0
  const number = Number(value)
  if (/^\d{1,5}$/.test(value) && number <= 65_535) return number
  throw new NodeError('ERR_OPTION', `HEARSAY_PORT is ${JSON.stringify(value)}`, { remedy: 'A port is 0 to 65535.' })
}
