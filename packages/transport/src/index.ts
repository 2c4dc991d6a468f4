// @hearsay/transport: authenticated links to peers, and the pool that keeps one per peer.

export { isTransportError, TransportError, type TransportErrorCode } from './errors.js'
export {
  HANDSHAKE_TIMEOUT_MS,
  type SecureLinkOptions,
  type SecureStream,
  type SecureStreamOptions,
  secureLink,
  secureStream,
} from './noise.js'
export { DEFAULT_POOL_LIMITS } from './pool/options.js'
export {
  type AttachOptions,
  type AuthenticatedStream,
  type BannedPeer,
  type BanOptions,
  createPool,
  type DialAttempt,
  type PeerToValidate,
  type Pool,
  type PoolEvents,
  type PoolLimits,
  type PoolOptions,
  type PoolReport,
  type QueuedCandidate,
  type QueueOptions,
  type RefusedPeer,
} from './pool.js'
export { type TcpOptions, tcp } from './tcp.js'
