// The parts of `hyperdht` that we use, with types of our own: the library ships none. It is loaded by `require`, so that no
// declaration of the module is needed that could meet another package's.

import { createRequire } from 'node:module'
import type { AuthenticatedStream } from '../pool/authenticated.js'

/** An Ed25519 key pair as the library takes it. */
export interface DhtKeyPair {
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

/** A stream of HyperDHT: whole messages, encrypted, from a key that is proved once it is open. */
export interface DhtStream extends AuthenticatedStream {
  /** What the messages travel on; null before there is a way to the remote. */
  readonly rawStream: { readonly remoteHost: string; readonly remotePort: number } | null
  /** What was put between the stream and its users, such as a Protomux. */
  userData: unknown
  on(event: 'open', listener: () => void): unknown
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end' | 'close' | 'drain', listener: () => void): unknown
}

/** How a stream is made; ours bounds what a frame may declare. */
export type CreateSecretStream = (isInitiator: boolean, raw: object | null, options: object) => DhtStream

export interface DhtServer {
  listen(keyPair: DhtKeyPair): Promise<unknown>
  close(): Promise<void>
}

interface ConnectionOptions {
  readonly relayThrough: Uint8Array | null
  readonly createSecretStream: CreateSecretStream
}

/** A node of the library: what `new HyperDHT()` makes, or `swarm.dht` of a Hyperswarm. */
export interface DhtNode {
  connect(publicKey: Uint8Array, options: ConnectionOptions & { readonly keyPair: DhtKeyPair }): DhtStream
  createServer(options: ConnectionOptions, onConnection: (stream: DhtStream) => void): DhtServer
  bind(): Promise<unknown>
  destroy(options?: { readonly force: boolean }): Promise<void>
}

/**
 * A node that somebody keeps and opens when it is first needed, such as `dhtNode()` of a discovery that uses it too. Only the
 * shape counts: neither side imports the other.
 */
export interface DhtSource {
  /** The library's node once it is bound, or null if it cannot be. */
  open(): Promise<object | null>
  /** Why the last `open` gave null. */
  readonly failure?: unknown
}

/** One that we made. */
export interface OwnDhtNode extends DhtNode {
  /** A part of the library's socket layer that a failed start leaves open. */
  readonly io: { readonly networkInterfaces: { destroy(): void } }
}

export interface DhtNodeOptions {
  readonly bootstrap?: readonly string[]
  readonly host?: string
  readonly port?: number | readonly [number, number]
}

export const HyperDHT = createRequire(import.meta.url)('hyperdht') as new (options: DhtNodeOptions) => OwnDhtNode
