// A private HyperDHT network in this process. One DHT node alone is a trap (it stores nothing about itself, and opens
// connections that carry nothing), so a server is several, and it is not there before an announcement has been found.

import { isIPv4 } from 'node:net'
import { createIdentity, hasCode, systemClock, systemRandom } from '@hearsay/core'
import HyperDHT from 'hyperdht'
import { DiscoveryError } from './errors.js'
import { DhtQueries, toSigner } from './hyperdht/queries.js'
import { dhtNode, discard } from './hyperdht/shared.js'

export interface BootstrapServerOptions {
  /** The IPv4 address to bind to, and the one that clients must then use. @default every interface, told as 127.0.0.1 */
  readonly host?: string
  /** The UDP port of the first node; 0 is any. @default 0 */
  readonly port?: number
  /** DHT nodes to run, 2 to 64. @default 5 */
  readonly nodes?: number
}

export interface BootstrapServer {
  /** `host:port` for the `bootstrap` option of `hyperdht()`. */
  readonly address: string
  /** Ends the network. Twice is once. */
  close(): Promise<void>
}

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

/**
 * Starts a network and resolves once it answers. `ERR_PORT_TAKEN` if the port is in use, `ERR_HOST` if the host is no IPv4
 * address of this machine, `ERR_BOOTSTRAP` if its own probe fails.
 *
 * DHT nodes know each other by address. On every interface they know each other as 127.0.0.1, which serves this machine;
 * for a network of several machines give `host` the address by which the others reach this one.
 */
export async function createBootstrapServer(options: BootstrapServerOptions = {}): Promise<BootstrapServer> {
  const { host = '0.0.0.0', port = 0, nodes: count = 5 } = options
  if (!Number.isInteger(count) || count < 2 || count > 64) throw new TypeError('a bootstrap server has 2 to 64 nodes')
  const bind = host === '::' ? '0.0.0.0' : host === 'localhost' ? '127.0.0.1' : host
  if (!isIPv4(bind)) throw new DiscoveryError('ERR_HOST', `HyperDHT needs an IPv4 address, not ${JSON.stringify(host)}`)
  const nodes: HyperDHT[] = []
  try {
    const first = await startNode({ host: bind, port, bootstrap: [] }, nodes)
    const address = `${WILDCARDS.has(host) ? '127.0.0.1' : bind}:${first.address().port}`
    while (nodes.length < count) await startNode({ host: bind, port: 0, bootstrap: [address] }, nodes)
    await probe(address, bind)
    let closing: Promise<void> | undefined
    return {
      address,
      close() {
        closing ??= destroyAll(nodes)
        return closing
      },
    }
  } catch (error) {
    await destroyAll(nodes)
    throw toDiscoveryError(error, { host, port })
  }
}

interface NodePlace {
  readonly host: string
  readonly port: number
  readonly bootstrap: readonly string[]
}

/** The node is in `started` before anything can fail. */
async function startNode({ host, port, bootstrap }: NodePlace, started: HyperDHT[]): Promise<HyperDHT> {
  const node = new HyperDHT({
    host,
    // The library takes 0 for "not given" and would count up from its usual port.
    port: port === 0 ? [0, 0] : port,
    bootstrap,
    ephemeral: false,
    firewalled: false,
    anyPort: false,
  })
  started.push(node)
  await node.fullyBootstrapped()
  return node
}

/** Announces a key of nobody under a topic of nobody, and finds it again. */
async function probe(address: string, host: string): Promise<void> {
  const clock = systemClock()
  const node = dhtNode({ bootstrap: [address], host, port: 0, ephemeral: true, clock })
  const queries = new DhtQueries({ node, clock, logger: undefined })
  const signer = toSigner(createIdentity())
  const topic = systemRandom().bytes(32)
  let found = false
  const onKey = (key: Uint8Array): void => {
    found ||= signer.publicKey.every((byte, i) => byte === key[i])
  }
  await queries.announce(topic, signer, {})
  await queries.lookup(topic, { onKey })
  await queries.unannounce(topic, signer)
  await node.close()
  if (!found) throw new DiscoveryError('ERR_BOOTSTRAP', 'the network does not answer its own probe')
}

async function destroyAll(nodes: readonly HyperDHT[]): Promise<void> {
  await Promise.all(nodes.map(discard))
}

function toDiscoveryError(cause: unknown, { host, port }: { host: string; port: number }): unknown {
  if (hasCode(cause, 'EADDRINUSE')) {
    const remedy = 'Choose another port, or 0 for any.'
    return new DiscoveryError('ERR_PORT_TAKEN', `UDP port ${port} is in use`, { cause, remedy })
  }
  if (!hasCode(cause, 'EADDRNOTAVAIL')) return cause
  return new DiscoveryError('ERR_HOST', `${host} is not an address of this machine`, { cause })
}
