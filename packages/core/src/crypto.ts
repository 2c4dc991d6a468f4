// The default Crypto: libsodium through sodium-universal.

import sodium from 'sodium-universal'
import type { Crypto } from './contracts/crypto.js'

export const SIGNATURE_BYTES = 64
export const HASH_BYTES = 32
export const SEAL_NONCE_BYTES = 24
/** How much longer a sealed message is. */
export const SEAL_BYTES = 16

const SEED_BYTES = 32
const PUBLIC_KEY_BYTES = 32
const SECRET_KEY_BYTES = 64

/** Ed25519, BLAKE2b-256 and XChaCha20-Poly1305 by libsodium. */
export function sodiumCrypto(): Crypto {
  return { keyPair, sign, verify, hash, seal, open }
}

function keyPair(seed?: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array } {
  const publicKey = new Uint8Array(PUBLIC_KEY_BYTES)
  const secretKey = new Uint8Array(SECRET_KEY_BYTES)
  if (!seed) sodium.crypto_sign_keypair(publicKey, secretKey)
  else if (seed.byteLength === SEED_BYTES) sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed)
  else throw new TypeError(`a seed has ${SEED_BYTES} bytes, not ${seed.byteLength}`)
  return { publicKey, secretKey }
}

function sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
  const signature = new Uint8Array(SIGNATURE_BYTES)
  sodium.crypto_sign_detached(signature, message, secretKey)
  return signature
}

function verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.byteLength !== SIGNATURE_BYTES || publicKey.byteLength !== PUBLIC_KEY_BYTES) return false
  // sodium-native answers undefined for buffers that it cannot read (shared memory): that is not a valid signature.
  return sodium.crypto_sign_verify_detached(signature, message, publicKey) === true
}

function hash(parts: readonly Uint8Array[], key?: Uint8Array): Uint8Array {
  const out = new Uint8Array(HASH_BYTES)
  if (key) sodium.crypto_generichash_batch(out, parts, key)
  else sodium.crypto_generichash_batch(out, parts)
  return out
}

function seal(plain: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array {
  const out = new Uint8Array(plain.byteLength + SEAL_BYTES)
  sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(out, plain, null, null, nonce, key)
  return out
}

function open(sealed: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array | null {
  if (sealed.byteLength < SEAL_BYTES) return null
  const out = new Uint8Array(sealed.byteLength - SEAL_BYTES)
  try {
    sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(out, null, sealed, null, nonce, key)
    return out
  } catch {
    // The library's only way to say that the authentication tag does not fit.
    return null
  }
}
