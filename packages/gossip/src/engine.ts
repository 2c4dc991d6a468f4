// What every dissemination engine is: a machine without sockets, timers or randomness of its own. Inputs go in with the
// time, outputs come out; a driver or a simulator does the rest. It never throws on what a remote sent.

import type {
  Crypto,
  Delivery,
  Drop,
  Fork,
  Gap,
  Identity,
  PeerId,
  SignedRecord,
  StoredRecord,
  Topic,
} from '@hearsay/core'
import type { GossipErrorCode } from './errors.js'
import type { Accounts } from './machine/accounts.js'
import type { GossipLimits } from './options.js'
import type { Members } from './order/authors.js'
import type { Order } from './order.js'
import type { Since } from './since.js'

/** The driver's number for one open channel; never reused. */
export type PeerHandle = number

/**
 * What the application says of a record before it goes on: `accept`; `ignore`: neither delivered nor passed on; `reject`: the
 * same, and its author is not listened to for a while if there are more.
 */
export type Verdict = 'accept' | 'ignore' | 'reject'

/** A record that was here before; `at` is when it came, on the driver's clock. */
export interface Restored extends StoredRecord {
  readonly at: number
  /** True if it is this author's, and nobody is known to have confirmed it. */
  readonly isUnheard?: boolean
}

/** What happens to a machine. */
export type Input =
  /** First of all: what was kept, each author's in order, and what to ask for that came since. */
  | { readonly type: 'restore'; readonly records: readonly Restored[]; readonly since: Since }
  /** A channel is open and the remote has proved that it knows the topic; `window` bytes may be sent. */
  | { readonly type: 'peer-up'; readonly peer: PeerHandle; readonly remote: PeerId; readonly window: number }
  | { readonly type: 'peer-down'; readonly peer: PeerHandle }
  /** So many bytes may be sent now; the answer to `blocked`. */
  | { readonly type: 'window'; readonly peer: PeerHandle; readonly bytes: number }
  | { readonly type: 'frame'; readonly peer: PeerHandle; readonly frame: Uint8Array }
  /** This node takes frames, or takes no messages for a while, which then need not be missing; at first it does. */
  | { readonly type: 'flow'; readonly flowing: boolean }
  /** All that was published in one tick; `wall` is milliseconds since 1970. */
  | { readonly type: 'publish'; readonly payloads: readonly Uint8Array[]; readonly wall: number }
  /** From now on this node signs in this epoch, from 0 on; its channels are gone, and open again after it. */
  | { readonly type: 'epoch'; readonly epoch: number }
  /** The application's answer to `judge`. */
  | { readonly type: 'verdict'; readonly ticket: number; readonly verdict: Verdict }
  /** A round is due now, for an engine that spreads in rounds; the last one before the room closes. */
  | { readonly type: 'tick' }
  /** A time that was asked for has come; early, late or doubled is harmless. */
  | { readonly type: 'timer' }

/** What a machine wants done, in this order. */
export type Output =
  | { readonly type: 'send'; readonly peer: PeerHandle; readonly frame: Uint8Array }
  /** There is more to send to this peer than its window takes. */
  | { readonly type: 'blocked'; readonly peer: PeerHandle }
  | { readonly type: 'deliver'; readonly delivery: Omit<Delivery, 'receivedAt'> }
  /** A message that was delivered before, for the history. */
  | { readonly type: 'recall'; readonly delivery: Delivery }
  /** A message that came after its gap was told, or from before where its author was first heard, or than asked for: for the history alone. */
  | { readonly type: 'late'; readonly delivery: Omit<Delivery, 'receivedAt'> }
  /** Keep this record: it is new here. */
  | { readonly type: 'keep'; readonly record: SignedRecord }
  /** Ask the application about the messages of one record, before anybody else hears of it. */
  | { readonly type: 'judge'; readonly ticket: number; readonly deliveries: readonly Omit<Delivery, 'receivedAt'>[] }
  /** Own messages got these sequence numbers: [from, to). The payloads are views of their records, unless these are sealed. */
  | { readonly type: 'published'; readonly from: number; readonly to: number; readonly payloads: readonly Uint8Array[] }
  /** Own messages were handed to this peer for the first time. */
  | { readonly type: 'pushed'; readonly peer: PeerHandle; readonly from: number; readonly to: number }
  /** This peer has verified own messages and handed them to its room. */
  | { readonly type: 'confirmed'; readonly remote: PeerId; readonly from: number; readonly to: number }
  /** This peer has own messages of an earlier life: [from, to) of that epoch. */
  | {
      readonly type: 'heard'
      readonly remote: PeerId
      readonly epoch: number
      readonly from: number
      readonly to: number
    }
  /** This peer has handed over a record of another author that it cannot have from this node: the first one of that author. */
  | { readonly type: 'shown'; readonly remote: PeerId; readonly author: PeerId }
  | { readonly type: 'gap'; readonly gap: Gap }
  /** From the number `at` on. */
  | { readonly type: 'fork'; readonly fork: Fork; readonly at: number }
  /** Somebody else signs with this node's key in this epoch of its own: a record came that it never said. */
  | { readonly type: 'twin'; readonly epoch: number }
  /** `isUnheard`: nothing of it was delivered, nor will be. */
  | { readonly type: 'drop'; readonly drop: Drop; readonly isUnheard?: true }
  /** End the link with this code; shut its key out if `ban`. */
  | {
      readonly type: 'misbehaved'
      readonly peer: PeerHandle
      readonly code: GossipErrorCode
      readonly message: string
      readonly ban: boolean
    }
  /** Give a `timer` input at this time; replaces what was asked before, null withdraws it. */
  | { readonly type: 'wake'; readonly at: number | null }

/** A dissemination engine at work in one room. */
export interface Machine {
  /** `now` is milliseconds on the driver's monotonic clock. */
  handle(input: Input, now: number): readonly Output[]
  /** What it holds; nothing is changed by asking. */
  accounts?(): Accounts
}

/** What a machine is made from. */
export interface MachineContext {
  readonly topic: Topic
  /** Signs what is published here. */
  readonly author: Identity
  /** The author's epoch in this room: never used before. */
  readonly epoch: number
  readonly crypto: Crypto
  readonly limits: GossipLimits
  /** What of before it came this node asks its neighbours for. @default 'live' */
  readonly since?: Since
  /** @default 'author' */
  readonly order?: Order
  /** The only authors whose messages are taken. @default everybody's */
  readonly members?: Members
  /** Ask the application about every record of others: `judge`. @default false */
  readonly judges?: boolean
  /** Tell every record once it was delivered, or came too late for that: `keep`. @default false */
  readonly keeps?: boolean
  /** Ask each neighbour to show something of what it only tells of: where neighbours are compared by it. @default false */
  readonly doubts?: boolean
}

/** A way to spread messages: made by `flood()`. */
export interface Engine {
  readonly name: string
  /** Limits that this engine was given; the room fills in the rest. */
  readonly limits: Partial<GossipLimits>
  createMachine(context: MachineContext): Machine
  /** Of an engine with rounds: tells when one is due by hand; calling what it returns ends that. */
  onTick?(listener: () => void): () => void
  /** True if rounds are by hand alone: then `publish` resolves once a message is signed, for no peer is handed it before. */
  readonly isByHand?: boolean
}
