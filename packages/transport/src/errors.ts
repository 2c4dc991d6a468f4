// What can go wrong between an address and a link. One class, one union of codes, each of them explained here.

import { HearsayError, hasCode } from '@hearsay/core'

/**
 * Codes of `@hearsay/transport`. Those marked * also travel: a link may be refused or ended by the remote with them.
 * - `ERR_LISTEN`: that address cannot be listened on
 * - `ERR_DESCRIPTORS`: this process has no file descriptor left, so that whoever connects is dropped
 * - `ERR_DIAL`: nobody could be reached at that address, or no address of the peer is known
 * - `ERR_HANDSHAKE`: the remote did not prove who it is, or speaks another protocol, version or network
 * - `ERR_HANDSHAKE_TIMEOUT`: the handshake was not finished in time
 * - `ERR_OVERFLOW`: more came than a stream keeps that cannot make its remote wait
 * - `ERR_PEER_MISMATCH`: another peer answered than the one that was expected there
 * - `ERR_SELF`: the address leads back to this node
 * - `ERR_DUPLICATE`*: there is a link with this peer already; not a failure
 * - `ERR_BANNED`*: this peer was shut out
 * - `ERR_REFUSED`*: the validation of the node refused this peer
 * - `ERR_LIMIT`*: as many links as are allowed
 * - `ERR_SUSPENDED`*: the node sleeps and comes back
 * - `ERR_UNWANTED`*: no topic needs the link any more
 * - `ERR_CLOSED`*: the object was closed before or during the call
 * - `ERR_ABORTED`: the caller's signal fired
 */
export type TransportErrorCode =
  | 'ERR_LISTEN'
  | 'ERR_DESCRIPTORS'
  | 'ERR_DIAL'
  | 'ERR_HANDSHAKE'
  | 'ERR_HANDSHAKE_TIMEOUT'
  | 'ERR_OVERFLOW'
  | 'ERR_PEER_MISMATCH'
  | 'ERR_SELF'
  | 'ERR_DUPLICATE'
  | 'ERR_BANNED'
  | 'ERR_REFUSED'
  | 'ERR_LIMIT'
  | 'ERR_SUSPENDED'
  | 'ERR_UNWANTED'
  | 'ERR_CLOSED'
  | 'ERR_ABORTED'

/** An error of this package. */
export class TransportError extends HearsayError<TransportErrorCode> {}

/** True if `error` is of this package's making and carries one of `codes`, or any code if none is given. */
export function isTransportError(error: unknown, ...codes: TransportErrorCode[]): error is TransportError {
  return error instanceof TransportError && (codes.length === 0 || hasCode(error, ...codes))
}
