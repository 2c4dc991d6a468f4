// Signed messages over links, for one topic. Works on whatever links it is given; who should be linked is not its affair.

import type { Cause } from '../causes.js'
import type { EventSource } from '../emitter.js'
import type { PeerId } from '../peer-id.js'
import type { Topic } from '../topic.js'
import type { Link } from './link.js'

/** A verified message as it reaches the application. */
export interface Delivery {
  readonly author: PeerId
  readonly epoch: number
  readonly seq: number
  /** When the author says it was published, milliseconds since 1970. */
  readonly time: number
  /** When it came here, milliseconds since 1970. */
  readonly receivedAt: number
  /** Links it crossed: own 0, direct 1; 0 also for what a store kept of an earlier life. Unsigned, a hint. */
  readonly hops: number
  /** The peer that handed it over; null for own messages, and for what a store kept, whoever said it: `author` tells. */
  readonly via: PeerId | null
  readonly payload: Uint8Array
  /**
   * In causal order: what its author had heard before it and this node has not, for it did not come in time; absent if nothing is
   * missing. It may still come.
   */
  readonly unheard?: readonly Cause[] | undefined
}

/** Proof that a message was accepted, and the way to learn who has it. */
export interface Receipt {
  readonly author: PeerId
  readonly epoch: number
  readonly seq: number
  /** To how many peers it was pushed before `publish` resolved. */
  readonly peers: number
  /** Resolves when `count` peers have verified it and handed it to their rooms; rejects with `ERR_ABORTED`, `ERR_OPTION` or `ERR_CLOSED`. */
  confirmed(count?: number, options?: { readonly signal?: AbortSignal }): Promise<void>
}

/** A hole in one author's sequence that could not be filled: [from, to). */
export interface Gap {
  readonly author: PeerId
  readonly epoch: number
  readonly from: number
  readonly to: number
}

/** Two validly signed headers that claim the same place. */
export interface Fork {
  readonly author: PeerId
  readonly epoch: number
  /** Header ‖ signature of each. */
  readonly headers: readonly [Uint8Array, Uint8Array]
}

/** Something that a bound made this node let go of. */
export interface Drop {
  readonly author: PeerId
  readonly epoch: number
  readonly from: number
  readonly to: number
  /**
   * `history`: forgotten as oldest, so that nobody can read it here any more; `authors`: a new author or epoch beyond what is tracked; `members`: its author, as it
   * claims, is none; `ignored`, `rejected`: by the application.
   */
  readonly reason: 'history' | 'authors' | 'members' | 'ignored' | 'rejected'
}

export type GossipEvents = {
  readonly delivery: [delivery: Delivery]
  /** This node has signed something of its own, a message or several of one tick. */
  readonly published: []
  /**
   * This peer has handed over a record of somebody else that it does not have from this node, new or not: the first one of
   * that author since its channel is open. Told to whoever compares neighbours; it need not be told.
   */
  readonly shown: [peer: PeerId, author: PeerId]
  readonly gap: [gap: Gap]
  readonly fork: [fork: Fork]
  readonly drop: [drop: Drop]
  /** The topic's channel with this peer is open on both sides. */
  readonly peer: [peer: PeerId, link: Link]
  readonly 'peer-leave': [peer: PeerId]
  /** A listener threw, or a remote broke a rule: for logs, nothing to handle. */
  readonly warning: [error: Error]
}

/** What `history` selects; everything retained if empty. */
export interface HistoryQuery {
  readonly author?: PeerId
  readonly epoch?: number
  readonly from?: number
  readonly to?: number
  /** Received at or after, milliseconds since 1970. */
  readonly since?: number
  /**
   * Goes on with others' messages as they come, until `close`; own ones are left out. The value says what happens when
   * the reader is slow: `pause` stops taking from peers and loses nothing of them, `drop-oldest` skips what a bound pushed out, `latest` skips to the newest.
   */
  readonly follow?: 'pause' | 'drop-oldest' | 'latest'
}

/** One topic's messages over the links it is given. */
export interface Gossip extends EventSource<GossipEvents> {
  readonly topic: Topic
  /** Offers the topic on this link; silent if the remote does not know it. A link may be given twice. */
  addLink(link: Link): void
  /** Says goodbye on the link's channel, and neither offers nor takes the topic there until it is added again; the link stays. */
  removeLink(link: Link): void
  /**
   * Signs and spreads one message; resolves when it has been handed to a peer, or at once when there is none, or none is handed
   * anything before somebody says so (it is kept and handed over later). Rejects with `ERR_MESSAGE_SIZE`, `ERR_ABORTED`, `ERR_CLOSED`.
   */
  publish(payload: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Receipt>
  /** Retained messages, per author in order. */
  history(query?: HistoryQuery): AsyncIterable<Delivery>
  readonly peers: ReadonlyMap<PeerId, Link>
  /** Flushes acknowledgements, says goodbye on each channel, frees timers; links stay open. Twice is once. */
  close(): Promise<void>
}
