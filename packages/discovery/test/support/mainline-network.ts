// A mainline DHT on this machine: ten bare nodes of the library, which know each other.

import DHT from 'bittorrent-dht'

export interface MainlineNetwork {
  /** `host:port` for the `bootstrap` option of `mainline()`. */
  readonly address: string
  readonly nodes: readonly DHT[]
  close(): Promise<void>
}

const HOST = '127.0.0.1'
const NODES = 10

export async function mainlineNetwork(options: { readonly maxAge?: number } = {}): Promise<MainlineNetwork> {
  const first = await startNode({ ...options, bootstrap: false })
  const address = `${HOST}:${first.address().port}`
  const others = Array.from({ length: NODES - 1 }, () => startNode({ ...options, bootstrap: [address] }))
  const nodes = [first, ...(await Promise.all(others))]
  return {
    address,
    nodes,
    async close() {
      await Promise.all(nodes.map((node) => new Promise<void>((resolve) => node.destroy(resolve))))
    },
  }
}

async function startNode(options: ConstructorParameters<typeof DHT>[0]): Promise<DHT> {
  // Nodes of earlier tests are gone: what these ask themselves is not to wait two seconds for each.
  const node = new DHT({ timeout: 200, ...options })
  const ready = new Promise<void>((resolve) => node.once('ready', resolve))
  await new Promise<void>((resolve) => node.listen(0, HOST, resolve))
  await ready
  return node
}
