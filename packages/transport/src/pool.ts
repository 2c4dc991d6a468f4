// What a pool is: its options, its events and its methods. How it decides stands in pool/machine.ts, how that is done in
// pool/driver.ts.

import type {
  Address,
  AddressRecord,
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
import type { TransportErrorCode } from './errors.js'
import { ConnectionPool } from './pool/driver.js'
import type { PoolCounts } from './pool/machine.js'
import type { PoolLimits } from './pool/options.js'
import type { QueueOptions } from './pool/queue-options.js'
import type { QueuedCandidate } from './pool/report.js'

export type { AuthenticatedStream } from './pool/authenticated.js'
export type { PoolLimits } from './pool/options.js'
export type { QueueOptions } from './pool/queue-options.js'
export type { QueuedCandidate } from './pool/report.js'

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
  /** Which hosts are this machine and exempt from inbound limits; `[]` for none. @default those of its interfaces */
  readonly ownHosts?: Iterable<string> | (() => ReadonlySet<string>)
  /**
   * Whether a peer that has proved its key is welcome; asked in both directions before the hello, and not for one that is
   * linked already. Anything but true is no: the remote hears `ERR_REFUSED`. An error is a warning and a no, and so is no
   * answer within `limits.validateTimeoutMs`. @default everybody is
   */
  readonly validatePeer?: (peer: PeerToValidate) => boolean | Promise<boolean>
  /** How patient the dial queue is. */
  readonly queue?: QueueOptions
  /** This node's own record, at most 900 bytes, told to each peer with the hello. @default none is told */
  readonly addressRecord?: () => AddressRecord | null
}

/** Who proved its key and waits to be let in. */
export interface PeerToValidate {
  readonly id: PeerId
  /** What was dialled, or where it came from. */
  readonly address: Address | null
  /** Outbound if this node dialled. */
  readonly direction: 'inbound' | 'outbound'
}

/** A peer that this node refused: banned, not welcome, or one too many. */
export interface RefusedPeer extends PeerToValidate {
  readonly code: TransportErrorCode
}

export interface BanOptions {
  /** For people; it is not told to the peer. At most 256 letters are kept. */
  readonly reason?: string
  /** How long in milliseconds; may be infinite. @default `queue.forget.banned`, or `limits.banMs` and up to half as much */
  readonly ms?: number
}

export interface BannedPeer {
  readonly peer: PeerId
  readonly reason: string | null
  /** By this machine's clock; null for never. */
  readonly expires: Date | null
}

export type PoolEvents = {
  /** The one link with its peer: add listeners for channels at once. */
  readonly link: [link: Link]
  readonly unlink: [link: Link]
  /** What became of an address that was dialled; one that a faster address outran is not told of. */
  readonly attempt: [attempt: DialAttempt]
  /** A peer that proved its key was not let in. */
  readonly refused: [peer: RefusedPeer]
  /** Something went wrong that was handled: for logs. */
  readonly warning: [error: Error]
}

/** An address that was dialled. */
export interface DialAttempt {
  readonly address: Address
  /** Who was there, or was expected to be; null for anybody. */
  readonly peer: PeerId | null
  /** Null if the peer proved that it is there. */
  readonly code: TransportErrorCode | null
  /** Milliseconds since it was dialled. */
  readonly ms: number
}

/** What a pool is doing, for people who ask why. */
export interface PoolReport extends PoolCounts {
  readonly halfOpen: number
  readonly suspended: boolean
  /** Each candidate, and why it is not dialled. */
  readonly queue: readonly QueuedCandidate[]
  readonly banned: readonly BannedPeer[]
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
  readonly banned: readonly BannedPeer[]
  readonly suspended: boolean
  /** Where the linked peer says that it can be dialled; null if it did not say. */
  recordOf(peer: PeerId): AddressRecord | null
  /** The same if it may be told to others: null if it names hosts other than the one that the peer is linked from. */
  referralOf(peer: PeerId): AddressRecord | null
  /** Ends the link with the peer, and refuses it before the hello in both directions until the ban ends. */
  ban(peer: PeerId, options?: BanOptions): void
  unban(peer: PeerId): void
  /** Waits longer before the peer is dialled again, and with each call more; a link that exists stays. */
  backoff(peer: PeerId): void
  /** A candidate of the topic, to be listed by `candidates`; it is not dialled. */
  offer(candidate: Candidate, topic: TopicId): void
  /** The topic needs nobody any more: who is wanted for it alone is not dialled, and links close after the grace time. */
  leave(topic: TopicId): void
  /** Accepts links on every transport that can, unless `maxServerSockets` is -1; resolves with the new addresses. Rejects with `ERR_LISTEN` or `ERR_CLOSED`. */
  listen(options?: ListenOptions): Promise<readonly Address[]>
  /** The link with who answers at the address, or with the peer. Rejects with any `TransportErrorCode`. */
  connect(target: Address | PeerId, options?: { readonly signal?: AbortSignal }): Promise<Link>
  /** A link over any byte stream, encrypted and authenticated. Rejects with any `TransportErrorCode`. */
  attach(stream: ByteStream, options: AttachOptions): Promise<Link>
  /** Ends the link with the peer and forgets how to dial it. */
  disconnect(peer: PeerId): Promise<void>
  inspect(): PoolReport
  /**
   * Ends all links with `ERR_SUSPENDED`, stops listening and dialling, and leaves no timer; resolves when all is quiet. What
   * is wanted, banned or known is remembered. Meanwhile connecting, attaching and listening reject with `ERR_SUSPENDED`.
   */
  suspend(): Promise<void>
  /** Dials again whom it was linked with, as far as addresses are known, and listens where it did. */
  resume(): Promise<void>
  /** Says goodbye on all links, then frees every socket, listener and timer. Twice is once. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** A pool over the transports. Throws `TypeError` for limits out of bounds. */
export function createPool(options: PoolOptions): Pool {
  return new ConnectionPool(options)
}
