// What goes into the pool's machine and what comes out of it. Types only.

import type { Address, AddressRecord, Candidate, CloseReason, PeerId, TopicId } from '@hearsay/core'

/** One stream on its way to being a link: `out/…` is named by the machine; by whoever drives it `in/…`, which a
 * remote opened, and `hand/…`, which somebody handed in. */
export type ConnectionId = `out/${number}` | `in/${number}` | `hand/${number}`

/** A timer's name; setting it again replaces it. One that fires late, or twice, does no harm. */
export type PoolTimer =
  | 'queue'
  | `stagger/${number}`
  | `dial/${ConnectionId}`
  | `validate/${ConnectionId}`
  | `grace/${PeerId}`

export type PoolInput =
  /** A topic needs a link to this candidate; `teller` is where its referrer is linked. */
  | {
      readonly type: 'want'
      readonly target: Candidate
      readonly topic: TopicId
      readonly priority: number
      readonly teller?: Address | null
    }
  /** A candidate is known for a topic, nothing more. */
  | { readonly type: 'offer'; readonly target: Candidate; readonly topic: TopicId; readonly teller?: Address | null }
  | { readonly type: 'release'; readonly peer: PeerId | Candidate; readonly topic: TopicId }
  /** The topic needs nobody any more, linked or not. */
  | { readonly type: 'leave'; readonly topic: TopicId }
  /** Somebody asks by hand and waits for `settled`. */
  | {
      readonly type: 'connect'
      readonly request: number
      readonly peer: PeerId | null
      readonly address: Address | null
    }
  | { readonly type: 'cancel'; readonly request: number }
  | { readonly type: 'disconnect'; readonly peer: PeerId }
  /** The stream leads to this peer, who waits for our hello or has said its own. */
  | { readonly type: 'authenticated'; readonly connection: ConnectionId; readonly peer: PeerId }
  /** The answer to `validate`. */
  | { readonly type: 'validated'; readonly connection: ConnectionId; readonly accepted: boolean }
  /** Both hellos were said, the remote's with its record, if it sent one; `from` is where the stream leads or came from. */
  | {
      readonly type: 'ready'
      readonly connection: ConnectionId
      readonly record?: AddressRecord | null
      readonly from?: Address | null
    }
  /** The stream, or the link before both hellos, is gone; a busy remote names others to try. */
  | {
      readonly type: 'failed'
      readonly connection: ConnectionId
      readonly code: string
      /** What the system or a library called it, such as `ECONNREFUSED`. */
      readonly detail?: string | null
      readonly tries?: readonly Candidate[]
    }
  /** The answer to `ping`. */
  | { readonly type: 'pong'; readonly connection: ConnectionId; readonly alive: boolean }
  /** A ready link is gone. */
  | { readonly type: 'ended'; readonly connection: ConnectionId; readonly reason: CloseReason }
  | { readonly type: 'timer'; readonly timer: PoolTimer }
  /** Shuts the peer out; without `ms` for as long as the options say. */
  | { readonly type: 'ban'; readonly peer: PeerId; readonly reason?: string; readonly ms?: number }
  | { readonly type: 'unban'; readonly peer: PeerId }
  /** Waits longer before the peer is dialled again; each time more. */
  | { readonly type: 'backoff'; readonly peer: PeerId }
  /** Ends all links and sets no timer until `resume`, which links again whom it was linked with. */
  | { readonly type: 'suspend' | 'resume' }
  | { readonly type: 'close' }

export type PoolOutput =
  /** Open a stream to the address and authenticate it; `expected` must be there. */
  | {
      readonly type: 'dial'
      readonly connection: ConnectionId
      readonly address: Address
      readonly expected: PeerId | null
    }
  /** Destroy the stream without a word; nothing more is heard of it. */
  | { readonly type: 'drop'; readonly connection: ConnectionId }
  /** Say hello. */
  | { readonly type: 'greet'; readonly connection: ConnectionId }
  /** Say goodbye with the code; nothing more is heard of it. */
  | {
      readonly type: 'close'
      readonly connection: ConnectionId
      readonly code: string
      readonly message: string
      /** With `ERR_LIMIT`: others that the remote may try. */
      readonly tries?: readonly Referral[]
    }
  /** Ask whoever decides whether this peer is welcome, and answer with `validated`. */
  | { readonly type: 'validate'; readonly connection: ConnectionId; readonly peer: PeerId }
  /** A peer that proved who it is was refused: for whoever wants to know. */
  | { readonly type: 'refused'; readonly connection: ConnectionId; readonly peer: PeerId; readonly code: string }
  | { readonly type: 'ping'; readonly connection: ConnectionId; readonly timeoutMs: number }
  /** What became of an address that was dialled: `code` is null if the expected peer, or anybody, proved to be there. */
  | {
      readonly type: 'tried'
      readonly address: Address
      readonly peer: PeerId | null
      readonly code: string | null
      /** Since it was dialled. */
      readonly ms: number
    }
  | { readonly type: 'timer'; readonly timer: PoolTimer; readonly ms: number }
  | { readonly type: 'stop'; readonly timer: PoolTimer }
  /** This is the one link with the peer now. */
  | { readonly type: 'link'; readonly connection: ConnectionId; readonly peer: PeerId }
  | { readonly type: 'unlink'; readonly connection: ConnectionId; readonly peer: PeerId }
  /** The answer to `connect`: a ready connection, or why there is none. */
  | { readonly type: 'settled'; readonly request: number; readonly result: ConnectionId | Failure }
  | { readonly type: 'warning'; readonly code: string; readonly message: string }

/** Where a linked peer can be dialled: by its own signed word, or where this node dialled it. */
export interface Referral {
  readonly peer: PeerId
  readonly record: AddressRecord | null
  readonly address: Address | null
}

export interface Failure {
  readonly code: string
  readonly message: string
  /** What the system or a library called it. */
  readonly detail?: string | null
}

/** Where parts of the machine put what is to be done. */
export type Emit = (output: PoolOutput) => void
