// What goes into the machine of a port, and what comes out of it.

/** Where a packet came from or goes to; the host is an IP address in plain form. */
export interface Remote {
  readonly host: string
  readonly port: number
}

/** A connection, by a number that means something on this port alone. */
export type ConnectionHandle = number

/**
 * Why a connection ended.
 * - `refused`: the remote answered the first packet with RESET
 * - `reset`: the remote ended it without a goodbye, or has forgotten it
 * - `timeout`: the remote has not been heard for too long
 * - `limit`: this port has as many connections as it may
 */
export type UtpFailure = 'refused' | 'reset' | 'timeout' | 'limit'

export type UtpInput =
  | { readonly type: 'packet'; readonly remote: Remote; readonly bytes: Uint8Array }
  /** Nothing more comes in now: what has to be sent is sent. Owed after every other input, once for many. */
  | { readonly type: 'flush' }
  /** `wakeAt` has come; early or late does no harm. */
  | { readonly type: 'timer' }
  | { readonly type: 'accept'; readonly on: boolean }
  | { readonly type: 'connect'; readonly connection: ConnectionHandle; readonly remote: Remote }
  /** The bytes must stay as they are until `drained`. */
  | { readonly type: 'write'; readonly connection: ConnectionHandle; readonly bytes: Uint8Array }
  /** No more will be written. */
  | { readonly type: 'end'; readonly connection: ConnectionHandle }
  /** So many bytes may be handed over from now on; the last packet may exceed it. */
  | { readonly type: 'read'; readonly connection: ConnectionHandle; readonly bytes: number }
  /** Sends what was written, reads nothing more. */
  | { readonly type: 'abandon'; readonly connection: ConnectionHandle }
  /** Ends it at once. */
  | { readonly type: 'reset'; readonly connection: ConnectionHandle }

export type UtpOutput =
  /** To be sent before the next input: the bytes may change with it. */
  | { readonly type: 'packet'; readonly remote: Remote; readonly bytes: Uint8Array }
  /** Somebody who has proved to be where he says has connected. */
  | { readonly type: 'accepted'; readonly connection: ConnectionHandle; readonly remote: Remote }
  | { readonly type: 'connected'; readonly connection: ConnectionHandle }
  /** Views of packets that came. */
  | { readonly type: 'data'; readonly connection: ConnectionHandle; readonly bytes: Uint8Array }
  /** The remote writes no more, and everything was handed over. */
  | { readonly type: 'end'; readonly connection: ConnectionHandle }
  /** All that was written is in packets. */
  | { readonly type: 'drained'; readonly connection: ConnectionHandle }
  /** The remote has everything, and knows that no more comes. */
  | { readonly type: 'finished'; readonly connection: ConnectionHandle }
  /** The last of a connection, whose handle is free again. */
  | { readonly type: 'closed'; readonly connection: ConnectionHandle; readonly failure: UtpFailure | null }
