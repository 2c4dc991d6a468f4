// The parts that we use of libraries that ship no types. None of these reaches a public declaration.

declare module 'multicast-dns' {
  import type { Socket } from 'node:dgram'

  interface MulticastDns {
    on(event: 'packet', listener: (packet: unknown, from: { address: string; port: number }) => void): this
    on(event: 'ready', listener: () => void): this
    on(event: 'error' | 'warning', listener: (error: Error) => void): this
    send(packet: object, done: (error?: Error | null) => void): void
    destroy(done: () => void): void
  }

  function multicastDns(options: {
    port: number
    type: 'udp4' | 'udp6'
    ip: string
    interface: string
    bind: string
    loopback: boolean
    socket: Socket
  }): MulticastDns
  export default multicastDns
}

declare module 'hyperdht' {
  /** A streamx Readable: it closes once, after `end` or `error`. */
  export interface Query {
    on(event: 'data', listener: (reply: { peers?: { publicKey: Uint8Array }[] }) => void): this
    on(event: 'error', listener: (error: Error) => void): this
    on(event: 'end' | 'close', listener: () => void): this
    /** Those that answered and are nearest to the target. */
    readonly closestNodes: readonly { readonly host: string; readonly port: number }[]
    destroy(): void
  }

  export interface SigningKey {
    readonly publicKey: Uint8Array
    sign(message: Uint8Array): Uint8Array
  }

  export default class HyperDHT {
    constructor(options: {
      bootstrap?: readonly string[]
      host?: string
      port?: number | readonly [number, number]
      ephemeral?: boolean
      firewalled?: boolean
      anyPort?: boolean
    })
    /** The parts of dht-rpc's socket layer that a failed start leaves open. */
    readonly io: { networkInterfaces: { destroy(): void } }
    /** The address by which other nodes know this one, once enough of them agree. */
    readonly host: string | null
    readonly firewalled: boolean
    on(event: 'network-change' | 'nat-update' | 'ready' | 'persistent', listener: () => void): this
    bind(): Promise<void>
    fullyBootstrapped(): Promise<void>
    address(): { host: string; port: number }
    lookup(target: Uint8Array): Query
    announce(target: Uint8Array, key: SigningKey, relays: readonly never[]): Query
    lookupAndUnannounce(target: Uint8Array, key: SigningKey): Query
    mutablePut(key: SigningKey, value: Uint8Array, options: { seq: number }): Promise<unknown>
    mutableGet(publicKey: Uint8Array, options: { latest: boolean }): Promise<{ seq: number; value: Uint8Array } | null>
    destroy(options?: { force: boolean }): Promise<void>
  }
}

declare module 'bittorrent-dht' {
  export interface Place {
    readonly host: string
    readonly port: number
  }

  /** Who sent a datagram, as `node:dgram` says it. */
  export interface Sender {
    readonly address: string
  }

  export default class DHT {
    constructor(options: {
      bootstrap?: readonly string[] | false
      /** Instead of one of its own. */
      socket?: object
      concurrency?: number
      /** Milliseconds that announcements are kept, twice over. */
      maxAge?: number
      maxPeers?: number
      /** Milliseconds that a node has for its answer. */
      timeout?: number
      maxTables?: number
      maxValues?: number
    })
    readonly ready: boolean
    on(event: 'peer', listener: (peer: Place, infoHash: Uint8Array, from: Sender | null) => void): this
    on(event: 'error', listener: (error: Error) => void): this
    on(event: 'announce', listener: (peer: Place, infoHash: Uint8Array) => void): this
    once(event: 'ready', listener: () => void): this
    listen(port: number, host: string, done: () => void): void
    address(): { readonly address: string; readonly port: number }
    readonly nodes: {
      toArray(): readonly (Place & { readonly id: Uint8Array })[]
      /** All of them if `most` is left out. */
      closest: (id: Uint8Array, most?: number) => object[]
    }
    /** What was announced here, by key in hexadecimal; by chance, all of them if `most` is left out. */
    readonly _peers: { get: (key: string, most?: number) => Uint8Array[] }
    removeNode(id: Uint8Array): void
    /** The returned function stops it; `done` then comes late or never. */
    lookup(infoHash: Uint8Array, done: (error: Error | null, nodes?: number) => void): () => void
    announce(infoHash: Uint8Array, port: number, done: (error: Error | null) => void): void
    destroy(done: () => void): void
  }
}
