// A peer's name: its Ed25519 public key, written as 52 letters of z-base-32. A branded string, so that it can be a map key
// and cannot be confused with other text; one key has exactly one spelling.

import z32 from 'z32'
import { copyBytes } from './bytes.js'
import { CoreError } from './errors.js'

declare const peerIdBrand: unique symbol

/** The z-base-32 form (52 letters) of a 32-byte Ed25519 public key. */
export type PeerId = string & { readonly [peerIdBrand]: true }

export const PUBLIC_KEY_BYTES = 32
const PEER_ID_LETTERS = 52

/** The name of the peer with this 32-byte public key. */
export function toPeerId(publicKey: Uint8Array): PeerId {
  if (publicKey.byteLength !== PUBLIC_KEY_BYTES) {
    throw new CoreError('ERR_PEER_ID', `a public key has ${PUBLIC_KEY_BYTES} bytes, not ${publicKey.byteLength}`)
  }
  return z32.encode(publicKey) as PeerId
}

/** The 32 bytes of the public key. */
export function fromPeerId(id: PeerId): Uint8Array {
  return copyBytes(z32.decode(id).subarray(0, PUBLIC_KEY_BYTES))
}

/** True for the one canonical spelling of a 32-byte key. */
export function isPeerId(text: unknown): text is PeerId {
  if (typeof text !== 'string' || text.length !== PEER_ID_LETTERS || !/^[a-km-uw-z13-9]+$/.test(text)) return false
  return z32.encode(fromPeerId(text as PeerId)) === text
}

/** The peer that `text` names, or `ERR_PEER_ID`. */
export function parsePeerId(text: string): PeerId {
  if (isPeerId(text)) return text
  throw new CoreError('ERR_PEER_ID', 'not a peer id', { remedy: 'A peer id is 52 letters of z-base-32.' })
}
