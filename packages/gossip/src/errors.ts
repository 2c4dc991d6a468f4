// What can go wrong in gossip, told apart by code.

import { HearsayError } from '@hearsay/core'

/**
 * Codes of `@hearsay/gossip`.
 * - `ERR_MESSAGE_SIZE`: a payload above `maxMessageBytes`
 * - `ERR_ENCODING`: a value that the room's encoding cannot write
 * - `ERR_OPTION`: an option outside its bound
 * - `ERR_CLOSED`: the room was closed before or during the call
 * - `ERR_ABORTED`: the caller's signal fired
 * - `ERR_LIMIT`: too many at once; some have to end first
 * - `ERR_MEMBERS`: this author is not among the room's members
 * - `ERR_FORKED`: somebody else signs with this key in this epoch, and nobody says which one is next; or signed in the place of a
 *   message that is to be confirmed
 * - `ERR_PEER`: the peer is not in this room, or went before it had taken what was sent
 * - `ERR_STORE`: the store failed; its `cause` says how
 * - `ERR_VERDICT`: a validator gave no verdict in time
 * - `ERR_FRAME`: (remote) a frame that the protocol does not allow
 * - `ERR_FLOOD`: (remote) more frames than anybody needs
 * - `ERR_RECORD`: (remote) a record of a wrong shape
 * - `ERR_RECORD_FORGED`: (remote) a record that its author did not sign
 * - `ERR_TOPIC_PROOF`: (remote) it named the topic's channel but could not prove that it knows the topic
 */
export type GossipErrorCode =
  | 'ERR_MESSAGE_SIZE'
  | 'ERR_ENCODING'
  | 'ERR_OPTION'
  | 'ERR_CLOSED'
  | 'ERR_ABORTED'
  | 'ERR_LIMIT'
  | 'ERR_MEMBERS'
  | 'ERR_FORKED'
  | 'ERR_PEER'
  | 'ERR_STORE'
  | 'ERR_VERDICT'
  | 'ERR_FRAME'
  | 'ERR_FLOOD'
  | 'ERR_RECORD'
  | 'ERR_RECORD_FORGED'
  | 'ERR_TOPIC_PROOF'

/** An error of this package. */
export class GossipError extends HearsayError<GossipErrorCode> {}

/** Whatever was thrown, as an error that a listener may be given. */
export function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
