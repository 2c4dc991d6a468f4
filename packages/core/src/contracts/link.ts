// One authenticated connection to a peer, carrying many channels. Whoever implements gossip needs nothing else from a
// transport: who is there, frames in order, and a byte window that the receiver grants.

import type { Address } from '../address.js'
import type { EventSource } from '../emitter.js'
import type { PeerId } from '../peer-id.js'

/** Why a link or channel ended: a code for programs, and whether the remote's key should be shut out. */
export interface CloseReason {
  readonly code: string
  readonly message?: string
  /** The remote proved malicious: whoever keeps a ban list puts its key there. */
  readonly ban?: boolean
  /** At most 3,584 bytes that travel with a goodbye; the code says what they are. */
  readonly extra?: Uint8Array
  /** Who ended it. */
  readonly by: 'local' | 'remote' | 'failure'
}

/** The name of a channel: both sides open the same (protocol, id). */
export interface ChannelName {
  /** At most 64 ASCII characters, such as `hearsay/room/1`. */
  readonly protocol: string
  /** At most 32 bytes; tells channels of one protocol apart. */
  readonly id?: Uint8Array
}

export interface ChannelOptions extends ChannelName {
  /** At most 4,096 bytes, given to the remote's `open` event. */
  readonly handshake?: Uint8Array
}

export type ChannelEvents = {
  /** The remote has opened the same channel; its handshake. Comes once, before any frame, never during `openChannel`. */
  readonly open: [handshake: Uint8Array]
  /** A frame, in order. The bytes are only valid until the listener returns: copy what you keep. */
  readonly frame: [frame: Uint8Array]
  /** The window is above 0 again after it was used up. */
  readonly drain: []
  /** Comes once and last, also when the remote refused the channel. */
  readonly close: [reason: CloseReason]
}

/** One protocol instance on a link. */
export interface Channel extends EventSource<ChannelEvents> {
  readonly protocol: string
  readonly id: Uint8Array | null
  /** How many bytes the remote is ready to take now; a frame may be sent while this is above 0, and may overdraw it. */
  readonly window: number
  /**
   * Sends one frame, or answers false and sends nothing: the channel is not open, or its window is used up.
   * Throws `ERR_FRAME_SIZE` for more than the link's frame limit (1 MiB less 64 bytes).
   */
  send(frame: Uint8Array): boolean
  /** Stops (false) and restarts (true) granting the remote new window; at the start it is granted. */
  setFlowing(flowing: boolean): void
  /** Ends this channel, not the link; what was sent before arrives. Twice is once. */
  close(): void
}

export type LinkEvents = {
  /** The remote opened a channel that is not open here: call `openChannel` within the listener, or it is refused. */
  readonly channel: [offer: ChannelName]
  /** Comes once and last; every channel has closed before it. */
  readonly close: [reason: CloseReason]
}

/** One authenticated, multiplexed connection to a peer. */
export interface Link extends EventSource<LinkEvents> {
  readonly remote: PeerId
  /** True on the side that dialled. */
  readonly initiator: boolean
  /** What was dialled, or where the remote came from. */
  readonly address: Address | null
  /** 32 bytes or more that only the two ends share a name for: equal on both, different on every link. */
  readonly handshakeHash: Uint8Array
  /** Opens this side of a channel; throws `ERR_CHANNEL` outside the bounds or if open already, `ERR_LINK_CLOSED` after the end. */
  openChannel(options: ChannelOptions): Channel
  /** Ends the link after what was sent; the remote hears the code. Twice is once; resolves when it has ended. */
  close(reason?: Omit<CloseReason, 'by'>): Promise<void>
}
