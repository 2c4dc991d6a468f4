// The options that every command has, each with its environment variable, parsed once.

import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  type Address,
  HearsayError,
  parseAddress,
  parseTransports,
  readFlag,
  type Since,
  type TransportName,
} from 'hearsay'

export interface GlobalOptions {
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  readonly color: boolean
  readonly dataDir: string
  readonly ephemeral: boolean
  readonly mdns: boolean
  readonly dht: boolean
  readonly bootstrap: readonly string[] | null
  readonly seedPeer: readonly Address[]
  readonly host: string | null
  readonly port: number
  readonly listen: boolean
  /** Null for those that are on by default. */
  readonly transports: readonly TransportName[] | null
  /** The port for browsers; null for none. */
  readonly websocketPort: number | null
  readonly mainline: boolean
  readonly exchange: boolean
  /** What people see instead of the key; null for the key. */
  readonly name: string | null
  /** A file that holds the passphrase of a private topic. */
  readonly secretFile: string | null
  /** Seconds; null leaves each command its own default. */
  readonly timeout: number | null
}

/** Declares the global options; they may stand before or after the command. */
export function addGlobalOptions(program: Command): Command {
  const options = [
    new Option('--json', 'one JSON object a line'),
    new Option('--quiet', 'no talk on stderr'),
    new Option('-v, --verbose', 'tell more'),
    new Option('--no-color', 'no colours'),
    new Option('--data-dir <path>', 'where the key is kept').env('HEARSAY_DATA_DIR').default(defaultDataDir(), 'XDG'),
    new Option('--ephemeral', 'a fresh key; nothing is written'),
    new Option('--no-mdns', 'do not look on the local network'),
    new Option('--no-dht', 'do not use the DHT'),
    new Option('--bootstrap <host:port,…>', 'a private DHT network').env('HEARSAY_BOOTSTRAP').argParser(parseBootstrap),
    new Option('--seed-peer <address>', 'dial this address (repeatable)')
      .env('HEARSAY_SEED_PEER')
      .argParser(parseSeedPeer),
    new Option('--host <address|subnet>', 'listen on this address only').env('HEARSAY_HOST'),
    new Option('--port <number>', 'listen on this port').env('HEARSAY_PORT').argParser(parsePort),
    new Option('--no-listen', 'dial only'),
    new Option('--transport <names>', 'tcp,utp,ws,hyper: use these only')
      .env('HEARSAY_TRANSPORT')
      .argParser(parseNames),
    new Option('--mainline', 'look in the BitTorrent DHT too'),
    new Option('--no-exchange', 'do not tell peers of each other'),
    new Option('--name <text>', 'what others see in a chat').env('HEARSAY_NAME'),
    new Option('--secret-file <path>', 'a private topic: its passphrase is in this file').env('HEARSAY_SECRET_FILE'),
    new Option('--timeout <seconds>', 'give up after so long').env('HEARSAY_TIMEOUT').argParser(parseSeconds),
  ]
  for (const option of options) program.addOption(option)
  return program
}

/** The options as they were given, with defaults. */
export function readGlobalOptions(command: Command): GlobalOptions {
  const given = command.optsWithGlobals()
  const isSet = (name: string): boolean => readFlag(process.env, name)
  return {
    json: given.json === true || isSet('HEARSAY_JSON'),
    quiet: given.quiet === true || isSet('HEARSAY_QUIET'),
    verbose: given.verbose === true || isSet('HEARSAY_VERBOSE'),
    // https://no-color.org: any value but the empty one.
    color: given.color !== false && !isSet('HEARSAY_NO_COLOR') && !process.env.NO_COLOR,
    dataDir: given.dataDir,
    ephemeral: given.ephemeral === true || isSet('HEARSAY_EPHEMERAL'),
    mdns: given.mdns !== false && !isSet('HEARSAY_NO_MDNS'),
    dht: given.dht !== false && !isSet('HEARSAY_NO_DHT'),
    bootstrap: given.bootstrap ?? null,
    seedPeer: given.seedPeer ?? [],
    host: given.host ?? null,
    port: given.port ?? 0,
    listen: given.listen !== false && !isSet('HEARSAY_NO_LISTEN'),
    transports: given.transport ?? null,
    websocketPort: given.ws ?? null,
    mainline: given.mainline === true || isSet('HEARSAY_MAINLINE'),
    exchange: given.exchange !== false && !isSet('HEARSAY_NO_EXCHANGE'),
    name: given.name || null,
    secretFile: given.secretFile ?? null,
    timeout: given.timeout ?? null,
  }
}

/** A whole number of at least 1, for options such as `--count`. */
export function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1 || !Number.isSafeInteger(count))
    throw new InvalidArgumentError('a whole number of at least 1 expected')
  return count
}

/** A share such as 0.3, from 0 to 0.9. */
export function parseShare(text: string): number {
  const share = Number(text)
  if (/^(\d+(\.\d*)?|\.\d+)$/.test(text) && share <= MAX_SHARE) return share
  throw new InvalidArgumentError(`a share from 0 to ${MAX_SHARE} expected`)
}

/** The seed of a simulation: a whole number below 2^53. */
export function parseSeed(text: string): number {
  const seed = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(seed)) return seed
  throw new InvalidArgumentError('a whole number below 2^53 expected')
}

/** More of a room cannot fail and leave anything to see. */
const MAX_SHARE = 0.9

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 }

/** `live`, `all`, or a time such as `90s`, `10m` or `2h`. */
export function parseSince(text: string): Since {
  if (text === 'live' || text === 'all') return text
  const [, amount, unit = ''] = /^(\d{1,9})([smh])$/.exec(text) ?? []
  const ms = Number(amount) * (UNIT_MS[unit] ?? Number.NaN)
  if (Number.isSafeInteger(ms)) return { age: ms }
  throw new InvalidArgumentError('live, all, or a time such as 90s, 10m or 2h expected')
}

/** Seconds to wait for answers: above 0, at most a minute. */
export function parseWait(text: string): number {
  const seconds = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && seconds > 0 && seconds <= 60) return seconds
  throw new InvalidArgumentError('seconds expected, above 0 and at most 60')
}

function parseSeconds(text: string): number | null {
  if (text === '') return null
  const seconds = Number(text)
  // A timer holds 2^31 milliseconds at most.
  if (!/^\d+(\.\d+)?$/.test(text) || seconds > 2_000_000)
    throw new InvalidArgumentError('seconds expected, at most 2000000')
  return seconds
}

export function parsePort(text: string): number {
  if (text === '') return 0
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('a port is 0 to 65535')
  return port
}

function parseNames(text: string): readonly TransportName[] | null {
  if (text === '') return null
  try {
    return parseTransports(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof HearsayError ? `${error.message}. ${error.remedy}` : String(error))
  }
}

function parseBootstrap(text: string): readonly string[] | null {
  if (text === '') return null
  const hosts = text.split(',').map((host) => host.trim())
  if (hosts.some((host) => !/^[^\s:]+:\d{1,5}$/.test(host))) throw new InvalidArgumentError('host:port,… expected')
  return hosts
}

function parseSeedPeer(text: string, previous: readonly Address[] = []): readonly Address[] {
  if (text === '') return previous
  try {
    return [...previous, ...text.split(',').map((part) => parseAddress(part.trim()))]
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

/** `$XDG_DATA_HOME/hearsay` (XDG Base Directory Specification); an empty or relative variable counts as unset. */
function defaultDataDir(): string {
  const base = process.env.XDG_DATA_HOME
  return join(base?.startsWith('/') ? base : join(homedir(), '.local', 'share'), 'hearsay')
}
