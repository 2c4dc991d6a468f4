// Who is interested in a topic. A discovery yields candidates and promises nothing about them: who they are is proved
// when they are linked.

import type { Address } from '../address.js'
import type { Identity } from '../identity.js'
import type { PeerId } from '../peer-id.js'
import type { Topic } from '../topic.js'

/** Somebody who may be interested in the topic. */
export interface Candidate {
  /** Known only if the source could prove it. */
  readonly peer: PeerId | null
  readonly addresses: readonly Address[]
  /** Which discovery found it, such as `mdns`. */
  readonly source: string
  /** The linked peer whose word this is; absent if the source found it by itself. */
  readonly referrer?: PeerId
  /** Given by hand: redialled for ever, never forgotten. */
  readonly persistent?: boolean
}

export interface DiscoveryJoin {
  /** Let others find this node. */
  readonly announce: boolean
  /** Look for others. */
  readonly lookup: boolean
  /** The port that this node accepts TCP on, or null if it does not listen. */
  readonly port: number | null
  /** Where this node can be dialled, asked anew at each announcement. */
  readonly addresses: () => readonly Address[]
  /** The node's link key, which a DHT announces. */
  readonly identity: Identity
  /** How many peers of this topic are linked now: an empty room is looked up often, a full one seldom. */
  readonly linked: () => number
}

/** One node's interest in one topic. Iterating yields candidates, the same one again whenever it is heard of again. */
export interface DiscoverySession extends AsyncIterable<Candidate> {
  /** Resolves when this node has been announced and looked up once, or has found that it cannot. Never rejects. */
  flushed(): Promise<void>
  /** Looks again now. */
  refresh(): void
  /** Withdraws the announcement and ends the iteration. Resolves always, also offline; twice is once. */
  leave(): Promise<void>
}

export interface DiscoveryCapabilities {
  /** Its candidates come with a proven peer id. */
  readonly identifies: boolean
  /** Works without a network beyond this machine's links. */
  readonly local: boolean
}

/** A way to find peers. */
export interface Discovery {
  /** Short and lower case, such as `mdns`; stands in every candidate as its source. */
  readonly name: string
  readonly capabilities: DiscoveryCapabilities
  /** Starts at once; failures of the network show in `flushed` taking long, never as an exception. After `close`: `ERR_CLOSED`. */
  join(topic: Topic, options: DiscoveryJoin): DiscoverySession
  /** Leaves every session and frees every socket and timer. Twice is once. */
  close(): Promise<void>
}
