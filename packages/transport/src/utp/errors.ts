// What can end a uTP stream. One class, one union of codes, each of them explained here.

import { HearsayError } from '@hearsay/core'
import type { UtpFailure } from './messages.js'

/**
 * Codes of uTP streams.
 * - `ERR_UTP_REFUSED`: there is somebody at that address, who does not accept
 * - `ERR_UTP_RESET`: the remote ended the connection without a goodbye, or has forgotten it
 * - `ERR_UTP_TIMEOUT`: the remote did not answer in time, or was not heard for too long
 * - `ERR_UTP_LIMIT`: this port has as many connections as it may
 * - `ERR_UTP_CLOSED`: this port was closed
 */
export type UtpErrorCode = 'ERR_UTP_REFUSED' | 'ERR_UTP_RESET' | 'ERR_UTP_TIMEOUT' | 'ERR_UTP_LIMIT' | 'ERR_UTP_CLOSED'

/** An error of a uTP stream. */
export class UtpError extends HearsayError<UtpErrorCode> {}

const ERRORS: Readonly<Record<UtpFailure, readonly [UtpErrorCode, string]>> = {
  refused: ['ERR_UTP_REFUSED', 'the remote does not accept connections'],
  reset: ['ERR_UTP_RESET', 'the remote ended the connection'],
  timeout: ['ERR_UTP_TIMEOUT', 'the remote was not heard in time'],
  limit: ['ERR_UTP_LIMIT', 'this port has as many connections as it may'],
}

/** The error that a failure of the machine is told as. */
export function errorOf(failure: UtpFailure): UtpError {
  return new UtpError(...ERRORS[failure])
}
