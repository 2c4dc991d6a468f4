// Streams of transports that authenticate by themselves, such as HyperDHT's: they carry messages and know whose they are.

import { type PeerId, toPeerId } from '@hearsay/core'
import type { MessageStream } from '@hearsay/core/mux'
import { TransportError } from '../errors.js'
import type { SecureStream } from '../noise.js'

/** What a transport with the capability `authenticated` must give: whole messages, and who is at the other end. */
export interface AuthenticatedStream extends MessageStream {
  /** The remote's Ed25519 key, proved; null while it is not. */
  readonly remotePublicKey: Uint8Array | null
  /** 32 bytes or more that are equal on both ends and different on every stream. */
  readonly handshakeHash: Uint8Array | null
}

/** The stream as if we had secured it ourselves; throws `ERR_HANDSHAKE`, `ERR_SELF` or `ERR_PEER_MISMATCH`. */
export function fromAuthenticated(
  stream: AuthenticatedStream,
  { self, expected }: { readonly self: PeerId; readonly expected: PeerId | null },
): SecureStream {
  stream.on('error', () => {})
  const { remotePublicKey, handshakeHash } = stream
  const refuse = (code: 'ERR_HANDSHAKE' | 'ERR_SELF' | 'ERR_PEER_MISMATCH', message: string): TransportError => {
    stream.destroy()
    return new TransportError(code, message)
  }
  if (!remotePublicKey || !handshakeHash) throw refuse('ERR_HANDSHAKE', 'the stream is not authenticated')
  const remote = toPeerId(remotePublicKey)
  if (remote === self) throw refuse('ERR_SELF', 'this stream leads back to us')
  if (expected && remote !== expected) throw refuse('ERR_PEER_MISMATCH', `${remote} answered instead of ${expected}`)
  return { stream, remote, handshakeHash: Uint8Array.from(handshakeHash) }
}
