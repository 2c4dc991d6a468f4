// What goes into the pool's machine and what comes out of it. Types only.

import type { Address, Candidate, CloseReason, PeerId, TopicId } from '@hearsay/core'

/** One stream on its way to being a link: `out/…` is named by the machine, `in/…` by whoever drives it. */
export type ConnectionId = `out/${number}` | `in/${number}`

/** A timer's name; setting it again replaces it. One that fires late, or twice, does no harm. */
export type PoolTimer = 'queue' | `stagger/${number}` | `dial/${ConnectionId}` | `grace/${PeerId}`

export type PoolInput =
  /** A topic needs a link to this candidate. */
  | { readonly type: 'want'; readonly target: Candidate; readonly topic: TopicId; readonly priority: number }
  /** A candidate is known for a topic, nothing more. */
  | { readonly type: 'offer'; readonly target: Candidate; readonly topic: TopicId }
  | { readonly type: 'release'; readonly peer: PeerId; readonly topic: TopicId }
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
  /** Both hellos were said. */
  | { readonly type: 'ready'; readonly connection: ConnectionId }
  /** The stream, or the link before both hellos, is gone. */
  | { readonly type: 'failed'; readonly connection: ConnectionId; readonly code: string }
  /** The answer to `ping`. */
  | { readonly type: 'pong'; readonly connection: ConnectionId; readonly alive: boolean }
  /** A ready link is gone. */
  | { readonly type: 'ended'; readonly connection: ConnectionId; readonly reason: CloseReason }
  | { readonly type: 'timer'; readonly timer: PoolTimer }
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
  | { readonly type: 'close'; readonly connection: ConnectionId; readonly code: string; readonly message: string }
  | { readonly type: 'ping'; readonly connection: ConnectionId; readonly timeoutMs: number }
  | { readonly type: 'timer'; readonly timer: PoolTimer; readonly ms: number }
  | { readonly type: 'stop'; readonly timer: PoolTimer }
  /** This is the one link with the peer now. */
  | { readonly type: 'link'; readonly connection: ConnectionId; readonly peer: PeerId }
  | { readonly type: 'unlink'; readonly connection: ConnectionId; readonly peer: PeerId }
  /** The answer to `connect`: a ready connection, or why there is none. */
  | { readonly type: 'settled'; readonly request: number; readonly result: ConnectionId | Failure }
  | { readonly type: 'warning'; readonly code: string; readonly message: string }

export interface Failure {
  readonly code: string
  readonly message: string
}

/** Where parts of the machine put what is to be done. */
export type Emit = (output: PoolOutput) => void
