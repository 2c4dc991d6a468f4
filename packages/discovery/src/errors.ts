// The errors of this package. A discovery hardly has any: failures of the network are slowness, not exceptions.

import { HearsayError } from '@hearsay/core'

/**
 * Codes of `@hearsay/discovery`.
 * - `ERR_CLOSED`: `join` after `close`
 * - `ERR_PORT_TAKEN`: another program holds the port that a bootstrap server was told to use
 * - `ERR_HOST`: the host is not an IPv4 address of this machine, which a HyperDHT network needs
 * - `ERR_BOOTSTRAP`: the bootstrap server started, but did not answer its own probe
 * - `ERR_ABORTED`: the caller's signal fired
 * - `ERR_IMPORT`: what was to be imported is not an exported address book of this version
 * - `ERR_FRAME`: a peer sent a frame that peer exchange does not allow
 * - `ERR_RECORD`: a peer told an address record that its owner did not sign, or that breaks a bound
 * - `ERR_FLOOD`: a peer sent far more frames than its budget
 */
export type DiscoveryErrorCode =
  | 'ERR_CLOSED'
  | 'ERR_PORT_TAKEN'
  | 'ERR_HOST'
  | 'ERR_BOOTSTRAP'
  | 'ERR_ABORTED'
  | 'ERR_IMPORT'
  | 'ERR_FRAME'
  | 'ERR_RECORD'
  | 'ERR_FLOOD'

/** An error of this package. */
export class DiscoveryError extends HearsayError<DiscoveryErrorCode> {}

/** What `join` throws after `close`. */
export function closedError(name: string): DiscoveryError {
  return new DiscoveryError('ERR_CLOSED', `the discovery '${name}' is closed`)
}
