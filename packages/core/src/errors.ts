// Errors that callers can tell apart: one class, a documented code, and a remedy where there is one. Every layer derives
// its own class with its own union of codes; nobody branches on `instanceof` or on text, but on `hasCode`.

/** What an error may carry beside its code and message. */
export interface ErrorDetails {
  /** What the reader can do next, as a sentence. */
  readonly remedy?: string
  /** The error that this one wraps. */
  readonly cause?: unknown
}

/** An error with a stable `code`; the text is for people and may change. */
export class HearsayError<Code extends string = string> extends Error {
  readonly code: Code
  readonly remedy: string | undefined

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.name = new.target.name
    this.code = code
    this.remedy = details.remedy
  }
}

/**
 * Codes of `@hearsay/core`.
 * - `ERR_PEER_ID`: not the 52 letters of a z-base-32 Ed25519 public key
 * - `ERR_ADDRESS`: not an address URL that this version understands
 * - `ERR_TOPIC`: neither a non-empty name nor 32 bytes, or a secret shorter than 16 bytes
 * - `ERR_ENCODING`: bytes that do not decode to what they claim to be
 * - `ERR_RECORD`: a signed record that breaks a rule of its format
 * - `ERR_FORK`: two headers that do not prove a fork
 * - `ERR_IDENTITY`: an identity file that is missing, damaged or not a key
 * - `ERR_IDENTITY_MODE`: an identity file or its directory that others may read
 * - `ERR_EPOCH`: the epoch could not be stored durably
 * - `ERR_CHANNEL`: a channel opened with a name, id or handshake outside its bounds, or already open
 * - `ERR_LINK_CLOSED`: the link has ended
 * - `ERR_FRAME_SIZE`: a frame above the limit, declared or sent
 * - `ERR_PROTOCOL`: bytes from the remote that the protocol does not allow
 * - `ERR_HANDSHAKE`: the remote did not prove who it is, or speaks another version or network
 * - `ERR_DIAL`: nobody could be reached at that address
 * - `ERR_LISTEN`: that address cannot be listened on
 * - `ERR_TIMEOUT`: the other side did not answer in time
 * - `ERR_CLOSED`: the object was closed before or during the call
 * - `ERR_ABORTED`: the caller's signal fired
 * - `ERR_LISTENERS`: more listeners on one event than its bound
 */
export type CoreErrorCode =
  | 'ERR_PEER_ID'
  | 'ERR_ADDRESS'
  | 'ERR_TOPIC'
  | 'ERR_ENCODING'
  | 'ERR_RECORD'
  | 'ERR_FORK'
  | 'ERR_IDENTITY'
  | 'ERR_IDENTITY_MODE'
  | 'ERR_EPOCH'
  | 'ERR_CHANNEL'
  | 'ERR_LINK_CLOSED'
  | 'ERR_FRAME_SIZE'
  | 'ERR_PROTOCOL'
  | 'ERR_HANDSHAKE'
  | 'ERR_DIAL'
  | 'ERR_LISTEN'
  | 'ERR_TIMEOUT'
  | 'ERR_CLOSED'
  | 'ERR_ABORTED'
  | 'ERR_LISTENERS'

/** An error of this package. */
export class CoreError extends HearsayError<CoreErrorCode> {}

/** True if `error` carries one of `codes`; works across copies of this package and for errors of Node. */
export function hasCode<Code extends string>(error: unknown, ...codes: Code[]): error is Error & { code: Code } {
  return error instanceof Error && 'code' in error && codes.includes(error.code as Code)
}
