// What can go wrong in composing the layers, told apart by code. Errors of the layers pass through with theirs.

import { HearsayError } from '@hearsay/core'

/**
 * Codes of `hearsay`.
 * - `ERR_OPTION`: an option outside its bound, or an environment variable that does not parse
 * - `ERR_HOST`: no interface of this machine has the given address or lies in the given subnet
 * - `ERR_JOINED`: this node is in that topic already
 * - `ERR_DIAL`: a peer to talk to could be linked in no way; the message says what was tried
 * - `ERR_ABORTED`: the caller's signal fired
 * - `ERR_CLOSED`: the node was closed before or during the call
 */
export type NodeErrorCode = 'ERR_OPTION' | 'ERR_HOST' | 'ERR_JOINED' | 'ERR_DIAL' | 'ERR_ABORTED' | 'ERR_CLOSED'

/** An error of this package. */
export class NodeError extends HearsayError<NodeErrorCode> {}
