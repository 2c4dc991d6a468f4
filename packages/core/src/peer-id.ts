// A peer's name: its Ed25519 public key, written as 52 letters of z-base-32. A branded string, so that it can be a map key
// and cannot be confused with other text; one key has exactly one spelling.

import z32 from 'z32'
import { copyBytes, sameBytes } from './bytes.js'
import { CoreError } from './errors.js'

declare const peerIdBrand: unique symbol

/** The z-base-32 form (52 letters) of a 32-byte Ed25519 public key. */
export type PeerId = string & { readonly [peerIdBrand]: true }

export const PUBLIC_KEY_BYTES = 32
const PEER_ID_LETTERS = 52
/** Spellings that are remembered, each in the place that its first bytes say: a power of two. */
const SPELLINGS = 1_024

/** The same few authors are read over and over: one string for each saves the spelling, and makes maps of them fast. */
class Spellings {
  readonly #ids: (PeerId | undefined)[] = new Array(SPELLINGS)
  readonly #keys = new Uint8Array(SPELLINGS * PUBLIC_KEY_BYTES)

  idAt(place: number): PeerId | undefined {
    return this.#ids[place]
  }

  /** A view. */
  keyAt(place: number): Uint8Array {
    return this.#keys.subarray(place * PUBLIC_KEY_BYTES, (place + 1) * PUBLIC_KEY_BYTES)
  }

  set(place: number, id: PeerId, publicKey: Uint8Array): void {
    this.#ids[place] = id
    this.#keys.set(publicKey, place * PUBLIC_KEY_BYTES)
  }
}

const byKey = new Spellings()
const byId = new Spellings()

/** The name of the peer with this 32-byte public key. */
export function toPeerId(publicKey: Uint8Array): PeerId {
  if (publicKey.byteLength !== PUBLIC_KEY_BYTES) {
    throw new CoreError('ERR_PEER_ID', `a public key has ${PUBLIC_KEY_BYTES} bytes, not ${publicKey.byteLength}`)
  }
  const place = ((publicKey[0] ?? 0) | ((publicKey[1] ?? 0) << 8)) % SPELLINGS
  const spelt = byKey.idAt(place)
  if (spelt !== undefined && sameBytes(byKey.keyAt(place), publicKey)) return spelt
  const id = z32.encode(publicKey) as PeerId
  byKey.set(place, id, publicKey)
  return id
}

/** The 32 bytes of the public key. */
export function fromPeerId(id: PeerId): Uint8Array {
  const place = ((id.charCodeAt(0) << 10) ^ (id.charCodeAt(1) << 5) ^ id.charCodeAt(2)) % SPELLINGS
  if (byId.idAt(place) === id) return copyBytes(byId.keyAt(place))
  const publicKey = copyBytes(z32.decode(id).subarray(0, PUBLIC_KEY_BYTES))
  if (publicKey.byteLength === PUBLIC_KEY_BYTES) byId.set(place, id, publicKey)
  return publicKey
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
