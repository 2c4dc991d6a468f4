// A way to reach an address. A transport knows bytes and addresses; it does not know topics, peers' reputations or gossip.

import type { Address } from '../address.js'
import type { ByteStream } from './stream.js'

/** What an implementation can do; what it does not declare fails with its documented code. */
export interface TransportCapabilities {
  /** Can accept streams (a browser cannot). */
  readonly listen: boolean
  /** Its streams arrive encrypted and bound to a peer's key. */
  readonly authenticated: boolean
  /** The accepting side may send the first bytes (uTP's may not). */
  readonly responderSpeaksFirst: boolean
}

/** A stream that somebody opened to us. */
export interface IncomingStream {
  readonly stream: ByteStream
  /** Where it came from, as far as known; never the remote's word. */
  readonly address: Address | null
  /** True if it was dialled from here, by whoever the transport takes its streams from. @default false */
  readonly initiator?: boolean
}

export interface ListenOptions {
  /** An address of this machine; all interfaces, dual stack, if left out. */
  readonly host?: string
  /** 0 (the default) lets the system choose. */
  readonly port?: number
  /** Something that keeps others out for a while and that the listener survives: for logs. @default nobody is told */
  readonly onWarning?: (error: Error) => void
}

/** Something that accepts streams until it is closed. */
export interface Listener {
  /** One dialable address for each interface: never a wildcard. */
  readonly addresses: readonly Address[]
  /** Stops accepting; streams that were accepted live on. Twice is once. */
  close(): Promise<void>
}

/** A way to reach addresses of one scheme. */
export interface Transport {
  /** The scheme of the addresses that it understands, such as `tcp`. */
  readonly scheme: string
  readonly capabilities: TransportCapabilities
  /** Accepts streams; rejects with `ERR_LISTEN` if it cannot bind. Each stream has its error handled from the start. */
  listen(options: ListenOptions, onStream: (incoming: IncomingStream) => void): Promise<Listener>
  /** A stream to `address`; rejects with `ERR_DIAL`, or `ERR_ABORTED` and no socket left when `signal` fires. */
  dial(address: Address, options?: { readonly signal?: AbortSignal }): Promise<ByteStream>
  /** Closes listeners and pending dials. Twice is once; dialling afterwards rejects with `ERR_CLOSED`. */
  close(): Promise<void>
}
