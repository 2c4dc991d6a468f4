// What a pool is: its options, its events and its methods. How it decides stands in pool/machine.ts, how that is done in
// pool/driver.ts.

import type {
  Address,
  ByteStream,
  Candidate,
  Clock,
  Connector,
  Crypto,
  EventSource,
  Identity,
  Link,
  ListenOptions,
  Logger,
  PeerId,
  Random,
  TopicId,
  Transport,
} from '@hearsay/core'
import { ConnectionPool } from './pool/driver.js'
import type { PoolCounts } from './pool/machine.js'
import type { PoolLimits } from './pool/options.js'

export type { AuthenticatedStream } from './pool/authenticated.js'
export type { PoolLimits } from './pool/options.js'

export interface PoolOptions {
  /** This node's link key. */
  readonly identity: Identity
  /** How addresses are reached, one for each scheme. The pool closes them. */
  readonly transports: readonly Transport[]
  /** Links form within one network only. @default 'hearsay' */
  readonly network?: string
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default systemRandom() */
  readonly random?: Random
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
  readonly limits?: Partial<PoolLimits>
  /** @default none */
  readonly logger?: Logger
  /** Which hosts are this machine and exempt from inbound limits. @default those of its interfaces */
  readonly ownHosts?: () => ReadonlySet<string>
}

export type PoolEvents = {
  /** The one link with its peer: add listeners for channels at once. */
  readonly link: [link: Link]
  readonly unlink: [link: Link]
  /** Something went wrong that was handled: for logs. */
  readonly warning: [error: Error]
}

/** What a pool is doing, for people who ask why. */
export interface PoolReport extends PoolCounts {
  readonly halfOpen: number
  readonly peers: readonly {
    readonly peer: PeerId
    readonly address: string | null
    readonly initiator: boolean
    /** Milliseconds; null before the first answer. */
    readonly rtt: number | null
  }[]
}

export interface AttachOptions {
  /** Exactly one of the two ends is the initiator. */
  readonly initiator: boolean
  /** The peer that must be at the other end. @default anybody */
  readonly expected?: PeerId
}

/** Candidates in, links out: at most one for each peer. */
export interface Pool extends Connector, EventSource<PoolEvents> {
  readonly links: ReadonlyMap<PeerId, Link>
  /** Where this node can be dialled; empty until it listens. */
  readonly addresses: readonly Address[]
  /** A candidate of the topic, to be listed by `candidates`; it is not dialled. */
  offer(candidate: Candidate, topic: TopicId): void
  /** Accepts links on every transport that can; resolves with the new addresses. Rejects with `ERR_LISTEN` or `ERR_CLOSED`. */
  listen(options?: ListenOptions): Promise<readonly Address[]>
  /** The link with who answers at the address, or with the peer. Rejects with any `TransportErrorCode`. */
  connect(target: Address | PeerId, options?: { readonly signal?: AbortSignal }): Promise<Link>
  /** A link over any byte stream, encrypted and authenticated. Rejects with any `TransportErrorCode`. */
  attach(stream: ByteStream, options: AttachOptions): Promise<Link>
  /** Ends the link with the peer and forgets how to dial it. */
  disconnect(peer: PeerId): Promise<void>
  inspect(): PoolReport
  /** Says goodbye on all links, then frees every socket, listener and timer. Twice is once. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** A pool over the transports. Throws `TypeError` for limits out of bounds. */
export function createPool(options: PoolOptions): Pool {
  return new ConnectionPool(options)
}
