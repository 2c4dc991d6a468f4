// What goes into the membership machine of one room and what comes out of it: types only.

import type { Address, AddressRecord, Candidate, ChannelHandle, Crypto, PeerId, Random } from '@hearsay/core'
import type { GossipErrorCode } from '../errors.js'
import type { MembershipLimits } from './options.js'

export type MembershipInput =
  /** A discovery has found somebody. */
  | { readonly type: 'candidate'; readonly candidate: Candidate }
  /** The members channel is open on a link with `remote`, and both sides have proved the topic. */
  | {
      readonly type: 'up'
      readonly handle: ChannelHandle
      readonly remote: PeerId
      /** This node dialled. */
      readonly initiator: boolean
      /** What was dialled, or where the remote came from. */
      readonly address: Address | null
    }
  | { readonly type: 'down'; readonly handle: ChannelHandle }
  /** Why the channel that is down has ended: its link was lost, the remote left the room, or the link ended with a word. */
  | { readonly type: 'gone'; readonly remote: PeerId; readonly why: 'lost' | 'left' | 'parted' }
  | { readonly type: 'frame'; readonly handle: ChannelHandle; readonly frame: Uint8Array }
  /** A remote without a members channel carries the room, or does not any more. */
  | {
      readonly type: 'given'
      readonly remote: PeerId
      readonly isUp: boolean
      readonly initiator: boolean
      readonly address: Address | null
    }
  /** The room has messages from this neighbour that nobody had brought before it. */
  | { readonly type: 'brought'; readonly remote: PeerId }
  /** This neighbour has handed over a record of the author that it has from others, for the first time since it is one. */
  | { readonly type: 'shown'; readonly remote: PeerId; readonly author: PeerId }
  /** This node has said something in the room. */
  | { readonly type: 'spoke' }
  /** The node sleeps, and has no links, until it wakes. */
  | { readonly type: 'sleep' | 'wake' }
  /** The time of the last `wakeAt` output has come. */
  | { readonly type: 'timer' }

export type MembershipOutput =
  | { readonly type: 'send'; readonly handle: ChannelHandle; readonly frame: Uint8Array }
  /** The room needs a link with the candidate. */
  | { readonly type: 'want'; readonly candidate: Candidate; readonly priority: number }
  /** The room does not need a link with the peer, or with the candidate, whoever it is. */
  | { readonly type: 'release'; readonly peer: PeerId | Candidate }
  /** The link of this channel carries the room from now on, or no longer. */
  | { readonly type: 'activate' | 'deactivate'; readonly handle: ChannelHandle }
  /** There is no room for a remote without a members channel. */
  | { readonly type: 'refuse'; readonly peer: PeerId }
  /** Discoveries are to look again now. */
  | { readonly type: 'refresh' }
  /** The remote broke a rule: its link is to be closed. Nobody is banned for it. */
  | {
      readonly type: 'misbehaved'
      readonly handle: ChannelHandle
      readonly code: GossipErrorCode
      readonly message: string
    }
  /** Give a `timer` input at this time; replaces every earlier one. Null: at none. */
  | { readonly type: 'wakeAt'; readonly at: number | null }

export interface MembershipOptions {
  readonly self: PeerId
  readonly random: Random
  readonly limits: MembershipLimits
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
  /** Others are looked for; without it only those who come are neighbours. @default true */
  readonly lookup?: boolean
  /** Others may be told of this node. @default true */
  readonly tellable?: boolean
  /** The linked peer's own record, if it may be told to others, such as the pool's `referralOf`; never hearsay. */
  readonly recordOf: (peer: PeerId) => AddressRecord | null
  /** There is a link with the peer, though it may be no member. @default none but with members */
  readonly isLinked?: (peer: PeerId) => boolean
}
