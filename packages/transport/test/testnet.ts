// A private HyperDHT network on loopback, and nodes of the library as other programs have them.

import { createRequire } from 'node:module'
import type { DhtNode, DhtStream } from '@hearsay/transport/hyperdht'

/** More of the library than the package itself uses. */
export interface ForeignNode extends DhtNode {
  readonly defaultKeyPair: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array }
  createServer(options: object, onConnection: (stream: DhtStream) => void): ReturnType<DhtNode['createServer']>
  connect(publicKey: Uint8Array, options?: object): DhtStream
  fullyBootstrapped(): Promise<void>
  address(): { readonly host: string; readonly port: number }
}

const load = createRequire(import.meta.url)
const HyperDHT = load('hyperdht') as new (options: object) => ForeignNode

export interface Testnet {
  readonly bootstrap: readonly string[]
  /** A node that uses the network. */
  createNode(): ForeignNode
  close(): Promise<void>
}

export async function createTestnet(size: number): Promise<Testnet> {
  const host = '127.0.0.1'
  const nodes: ForeignNode[] = []
  const bootstrap: string[] = []
  const add = (options: object): ForeignNode => {
    const node = new HyperDHT({ bootstrap, host, port: [0, 0], ...options })
    nodes.push(node)
    return node
  }
  for (let count = 0; count < size; count++) {
    const node = add({ ephemeral: false, firewalled: false })
    await node.fullyBootstrapped()
    if (count === 0) bootstrap.push(`${host}:${node.address().port}`)
  }
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.destroy({ force: true })))
  }
  return { bootstrap, createNode: () => add({ ephemeral: true }), close }
}
