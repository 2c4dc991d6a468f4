// What runs in a NAT lab, each in its own namespace: the public DHT, a node that listens, and one that dials.
// The last host of the DHT relays blindly; a node uses it if it is told to.
// usage: nat.child dht <host>... | listen <seed> <relay?> | dial <seed> <relay?> <peer id>     each line of output is JSON

import { createRequire } from 'node:module'
import { createIdentity, type Identity, type Link, parseAddress } from '@hearsay/core'
import { createPool, isTransportError, type Pool } from '@hearsay/transport'
import { type HyperOptions, hyper } from '@hearsay/transport/hyperdht'

const [role = '', ...args] = process.argv.slice(2)
const PORT = 49_737
const RELAY_SEED = '9'
const bootstrap = [`20.0.0.1:${PORT}`]
const say = (line: object): void => console.log(JSON.stringify(line))

interface LabStream {
  readonly remotePublicKey: Uint8Array
  on(event: 'error', listener: () => void): void
}

interface LabNode {
  fullyBootstrapped(): Promise<void>
  createRawStream(options: object): object
  createServer(
    options: object,
    onConnection: (stream: LabStream) => void,
  ): { listen(keyPair: object): Promise<unknown> }
}

interface LabRelay {
  accept(stream: LabStream, options: object): { on(event: 'error', listener: () => void): void }
}

interface LabLibrary {
  new (options: object): LabNode
  bootstrapper(port: number, host: string, options: object): LabNode
}

async function dht(hosts: readonly string[]): Promise<void> {
  const HyperDHT = createRequire(import.meta.url)('hyperdht') as LabLibrary
  for (const host of hosts) {
    const options = { bootstrap, host, port: PORT, ephemeral: false, firewalled: false }
    const node = host === hosts[0] ? HyperDHT.bootstrapper(PORT, host, { host }) : new HyperDHT(options)
    await node.fullyBootstrapped()
    if (host === hosts[hosts.length - 1]) await relay(node)
  }
  say({ ready: true })
}

async function relay(node: LabNode): Promise<void> {
  const load = createRequire(createRequire(import.meta.url).resolve('hyperdht'))
  const { Server } = load('blind-relay') as { Server: new (options: object) => LabRelay }
  const server = new Server({ createStream: (options: object) => node.createRawStream({ ...options, framed: true }) })
  const listener = node.createServer({ shareLocalAddress: false }, (stream) => {
    stream.on('error', () => {})
    server.accept(stream, { id: stream.remotePublicKey }).on('error', () => {})
  })
  const { publicKey, secretKey } = identityOf(RELAY_SEED)
  await listener.listen({ publicKey: Buffer.from(publicKey), secretKey: Buffer.from(secretKey) })
}

function identityOf(seed: string | undefined): Identity {
  return createIdentity({ seed: new Uint8Array(32).fill(Number(seed)) })
}

function optionsOf(identity: Identity): HyperOptions {
  return { identity, bootstrap, ...(args[1] === 'relay' && { relayThrough: identityOf(RELAY_SEED).id }) }
}

function poolOf(identity: Identity): Pool {
  return createPool({ identity, transports: [hyper(optionsOf(identity))], limits: { dialTimeoutMs: 15_000 } })
}

/** Sends a megabyte and resolves when as much has come. */
function exchange(link: Link): Promise<void> {
  const channel = link.openChannel({ protocol: 'bulk' })
  let [sent, received] = [0, 0]
  const send = (): void => {
    while (sent < 1_000_000 && channel.send(new Uint8Array(10_000))) sent += 10_000
  }
  channel.on('open', send)
  channel.on('drain', send)
  return new Promise((resolve) => {
    channel.on('frame', ({ byteLength }) => {
      received += byteLength
      if (received === 1_000_000) resolve()
    })
  })
}

async function dial(pool: Pool, peer: string): Promise<void> {
  const startedAt = performance.now()
  const took = (): number => Math.round(performance.now() - startedAt)
  try {
    const link = await pool.connect(parseAddress(`hyper://${peer}`))
    const ms = took()
    await exchange(link)
    say({ linked: link.remote, ms })
  } catch (error) {
    const { links, queue } = pool.inspect()
    const [{ why, detail } = {}] = queue
    say({ code: isTransportError(error) ? error.code : String(error), ms: took(), links, why, detail })
  }
}

/** The same, below the pool: there the reason is told in words. */
async function explain(identity: Identity, peer: string): Promise<void> {
  const transport = hyper({ ...optionsOf(identity), dialTimeoutMs: 12_000 })
  const result = await transport.dial(parseAddress(`hyper://${peer}`)).catch((error: unknown) => error)
  const error = result as { code?: string; message?: string; cause?: { code?: string } }
  say({ code: error.code, cause: error.cause?.code, message: error.message })
  await transport.close()
}

if (role === 'dht') await dht(args)
else {
  const identity = identityOf(args[0])
  const pool = poolOf(identity)
  if (role === 'listen') {
    pool.on('link', (link) => void exchange(link))
    await pool.listen()
    say({ id: identity.id })
  } else {
    await dial(pool, args[2] ?? '')
    await explain(identity, args[2] ?? '')
    await pool.close()
    say({ closed: true })
  }
}
