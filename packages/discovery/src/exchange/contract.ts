// What goes into the exchange machine of one topic and what comes out of it: types only.

import type { Address, AddressRecord, ChannelHandle, Crypto, PeerId, Random } from '@hearsay/core'
import type { DiscoveryErrorCode } from '../errors.js'

export type ExchangeInput =
  /** The topic's exchange channel is open on a link to `remote`, and both sides have proved the topic. */
  | { readonly type: 'up'; readonly handle: ChannelHandle; readonly remote: PeerId }
  | { readonly type: 'down'; readonly handle: ChannelHandle }
  | { readonly type: 'frame'; readonly handle: ChannelHandle; readonly frame: Uint8Array }
  /** What this node wants of the topic now. */
  | { readonly type: 'wish'; readonly wish: ExchangeWish }
  /** Ask again now. */
  | { readonly type: 'refresh' }
  /** The time of the last `wake` output has come. */
  | { readonly type: 'wake' }

export interface ExchangeWish {
  /** Look for others: without it nothing is asked, and what is told is ignored. */
  readonly lookup: boolean
  /** Others may be told of this node. */
  readonly tellable: boolean
}

export type ExchangeOutput =
  | { readonly type: 'send'; readonly handle: ChannelHandle; readonly frame: Uint8Array }
  /** A member of the topic, on the word of `referrer`, who says that it is linked to it. */
  | {
      readonly type: 'candidate'
      readonly peer: PeerId
      readonly addresses: readonly Address[]
      readonly record: AddressRecord
      readonly referrer: PeerId
    }
  /** The remote broke a rule: its channel, or its whole link, is to be closed. */
  | {
      readonly type: 'misbehaved'
      readonly handle: ChannelHandle
      readonly code: DiscoveryErrorCode
      readonly message: string
      readonly end: 'channel' | 'link'
    }
  /** Give a `wake` input at this time; replaces every earlier one. */
  | { readonly type: 'wake'; readonly at: number }

export interface ExchangeMachineOptions {
  readonly self: PeerId
  readonly random: Random
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
  /** The linked peer's own record, if it may be told to others: what it said on its link, never hearsay. */
  readonly recordOf: (peer: PeerId) => AddressRecord | null
  /** How many peers of the topic are linked now. */
  readonly linked: () => number
  /** Linked peers from which on the room asks for no more. @default 8 */
  readonly target?: number
}

export interface ExchangeMachine {
  handle(input: ExchangeInput, now: number): ExchangeOutput[]
  /** How many peers are remembered, linked ones included. */
  readonly remembered: number
}
