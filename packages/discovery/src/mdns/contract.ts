// What goes into the mDNS machine and what comes out of it: types only.

import type { Crypto, Random, Topic } from '@hearsay/core'
import type { MdnsMessage } from './message.js'

export type MdnsInput =
  | { readonly type: 'join'; readonly session: number; readonly topic: Topic; readonly wish: MdnsWish }
  | { readonly type: 'leave'; readonly session: number }
  /** Look again now. */
  | { readonly type: 'refresh' }
  /** An interface can send and hear. */
  | { readonly type: 'up'; readonly interface: string }
  | { readonly type: 'down'; readonly interface: string }
  /** Every interface that there is at the start is up, or has failed. */
  | { readonly type: 'scanned' }
  | MdnsHeard
  /** The time of the last `wake` output has come; `lonely` if a session that looks for peers has none. */
  | { readonly type: 'wake'; readonly lonely: boolean }
  | { readonly type: 'close' }

/** A message from an on-link source with the right source port. */
export interface MdnsHeard {
  readonly type: 'message'
  readonly interface: string
  readonly source: string
  /** The source is an address of this machine. @default false */
  readonly here?: boolean
  readonly message: MdnsMessage
}

export interface MdnsWish {
  /** The port to announce; null announces nothing. */
  readonly port: number | null
  readonly lookup: boolean
}

export type MdnsOutput =
  | { readonly type: 'send'; readonly interface: string; readonly message: MdnsMessage }
  /** Somebody with the session's topic accepts TCP at this address and port. */
  | { readonly type: 'candidate'; readonly session: number; readonly host: string; readonly port: number }
  /** A candidate has said goodbye. */
  | { readonly type: 'lost'; readonly session: number; readonly host: string; readonly port: number }
  /** The session's first announcement and query are among the outputs so far, or there is no interface. */
  | { readonly type: 'flushed'; readonly session: number }
  /** Give a `wake` input at this time; replaces every earlier one. */
  | { readonly type: 'wake'; readonly at: number }

export interface MdnsMachineOptions {
  readonly random: Random
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
}

export interface MdnsMachine {
  handle(input: MdnsInput, now: number): MdnsOutput[]
  /** How many instances of others are remembered. */
  readonly neighbours: number
}
