// What two ends of a plain stream sign to show each other who they are. Pure: it makes and checks bytes, it reads and
// writes no stream.

import { copyBytes } from './bytes.js'
import type { Crypto } from './contracts/crypto.js'
import { SIGNATURE_BYTES } from './crypto.js'
import { CoreError } from './errors.js'
import type { Identity } from './identity.js'
import { type PeerId, PUBLIC_KEY_BYTES, toPeerId } from './peer-id.js'
import { isStrictSignature } from './strict-signature.js'

export const STREAM_VERSION = 1
export const STREAM_NONCE_BYTES = 32
const NETWORK_BYTES = 32
const HELLO_BYTES = 1 + NETWORK_BYTES + PUBLIC_KEY_BYTES + STREAM_NONCE_BYTES

/** One end's first message, taken apart. */
export interface StreamHello {
  readonly bytes: Uint8Array
  readonly publicKey: Uint8Array
  readonly peer: PeerId
}

/** Both first messages, in the order initiator, responder. */
export interface StreamHellos {
  readonly initiator: StreamHello
  readonly responder: StreamHello
}

/** version ‖ network id ‖ public key ‖ nonce. */
export function createStreamHello(network: Uint8Array, publicKey: Uint8Array, nonce: Uint8Array): StreamHello {
  const bytes = new Uint8Array(HELLO_BYTES)
  bytes[0] = STREAM_VERSION
  bytes.set(network, 1)
  bytes.set(publicKey, 1 + NETWORK_BYTES)
  bytes.set(nonce, 1 + NETWORK_BYTES + PUBLIC_KEY_BYTES)
  return { bytes, publicKey, peer: toPeerId(publicKey) }
}

/** The remote's first message; throws `ERR_HANDSHAKE` unless it is of our version and network. */
export function readStreamHello(message: Uint8Array, network: Uint8Array): StreamHello {
  if (message[0] !== STREAM_VERSION) throw refusal(`the remote speaks version ${message[0]}, not ${STREAM_VERSION}`)
  if (message.byteLength !== HELLO_BYTES) throw refusal(`a hello of ${message.byteLength} bytes`)
  const bytes = copyBytes(message)
  const theirs = bytes.subarray(1, 1 + NETWORK_BYTES)
  if (theirs.some((byte, index) => byte !== network[index])) throw refusal('the remote belongs to another network')
  const publicKey = bytes.subarray(1 + NETWORK_BYTES, 1 + NETWORK_BYTES + PUBLIC_KEY_BYTES)
  return { bytes, publicKey, peer: toPeerId(publicKey) }
}

/** 32 bytes that are equal on both ends and different on every stream, because each end chose a nonce. */
export function streamTranscript({ initiator, responder }: StreamHellos, crypto: Crypto): Uint8Array {
  return crypto.hash([new TextEncoder().encode('hearsay/stream/1'), initiator.bytes, responder.bytes])
}

/** The signature by which the initiator, or the responder, shows that it has the key of its hello. */
export function createStreamProof(transcript: Uint8Array, identity: Identity, initiator: boolean): Uint8Array {
  return identity.sign(signedBytes(transcript, initiator))
}

/** Throws `ERR_HANDSHAKE` unless `proof` is what that end must have signed. */
export function checkStreamProof(
  proof: Uint8Array,
  claim: { readonly transcript: Uint8Array; readonly publicKey: Uint8Array; readonly initiator: boolean },
  crypto: Crypto,
): void {
  const { transcript, publicKey, initiator } = claim
  const sound = proof.byteLength === SIGNATURE_BYTES && isStrictSignature(proof, publicKey)
  if (!sound || !crypto.verify(proof, signedBytes(transcript, initiator), publicKey)) {
    throw refusal('the remote did not prove its identity')
  }
}

/** The role is signed, so that a proof cannot be sent back to whoever made it. */
function signedBytes(transcript: Uint8Array, initiator: boolean): Uint8Array {
  const domain = new TextEncoder().encode('hearsay/stream-identity/1')
  const bytes = new Uint8Array(domain.byteLength + 1 + transcript.byteLength)
  bytes.set(domain)
  bytes[domain.byteLength] = initiator ? 0 : 1
  bytes.set(transcript, domain.byteLength + 1)
  return bytes
}

function refusal(why: string): CoreError {
  return new CoreError('ERR_HANDSHAKE', why)
}
