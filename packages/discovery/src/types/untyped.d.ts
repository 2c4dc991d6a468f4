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
    on(event: 'network-change', listener: () => void): this
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
