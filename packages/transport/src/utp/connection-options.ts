// What a connection is made of by its port, what it tells of itself, and what it leaves.

import type { ConnectionHandle, Remote } from './messages.js'

export interface ConnectionOptions {
  readonly handle: ConnectionHandle
  readonly remote: Remote
  /** What packets to us carry. */
  readonly receiveId: number
  readonly sendId: number
  /** Of our first data; a SYN has the one before. */
  readonly firstSeq: number
  readonly now: number
}

/** What is left of a closed connection: enough to acknowledge again what is sent again. */
export interface Remains {
  readonly sendId: number
  readonly seq: number
  readonly ack: number
  /** The remote may have missed our last acknowledgement. */
  readonly isOwed: boolean
}

/** What a connection is at, for tests and reports. */
export interface ConnectionReport {
  /** Bytes that may be in flight. */
  readonly windowBytes: number
  readonly queueingUs: number
  /** Whole packets are so long. */
  readonly packetBytes: number
  /** Bytes and costs of what was received and not handed over. */
  readonly kept: number
}
