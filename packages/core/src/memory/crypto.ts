// Signatures that cost one hash instead of an elliptic curve, for simulations of thousands of nodes. Within one such
// crypto nobody can sign for another: every signature contains a key that this file keeps to itself.

import { sameBytes } from '../bytes.js'
import type { Crypto, KeyPair } from '../contracts/crypto.js'
import type { Random } from '../contracts/random.js'
import { SIGNATURE_BYTES, sodiumCrypto } from '../crypto.js'
import { PUBLIC_KEY_BYTES } from '../peer-id.js'

const SEED_BYTES = 32
const PUBLIC = new TextEncoder().encode('public')

/**
 * A crypto for one simulated world: what it signs no other one verifies. Hashes and seals are real, signatures have the
 * form of Ed25519 and pass the strict rule.
 */
export function simulatedCrypto(random: Random): Crypto {
  const real = sodiumCrypto()
  const worldKey = random.bytes(32)

  const publicKeyOf = (seed: Uint8Array): Uint8Array => {
    const publicKey = real.hash([PUBLIC, seed], worldKey)
    // The top byte stays small, so that the key looks like a canonical point.
    publicKey[31] = (publicKey[31] ?? 0) & 0x0f
    return publicKey
  }

  const signatureOf = (message: Uint8Array, publicKey: Uint8Array): Uint8Array => {
    const r = real.hash([publicKey, message], worldKey)
    const s = real.hash([r], worldKey)
    const signature = Uint8Array.from([...r, ...s])
    // Below the field prime and below the group order: the strict rule looks at nothing else.
    for (const at of [31, 63]) signature[at] = (signature[at] ?? 0) & 0x0f
    return signature
  }

  return {
    keyPair(seed: Uint8Array = random.bytes(SEED_BYTES)): KeyPair {
      if (seed.byteLength !== SEED_BYTES) throw new TypeError(`a seed has ${SEED_BYTES} bytes, not ${seed.byteLength}`)
      const publicKey = publicKeyOf(seed)
      return { publicKey, secretKey: Uint8Array.from([...seed, ...publicKey]) }
    },
    sign: (message, secretKey) => signatureOf(message, publicKeyOf(secretKey.subarray(0, SEED_BYTES))),
    verify: (signature, message, publicKey) =>
      signature.byteLength === SIGNATURE_BYTES &&
      publicKey.byteLength === PUBLIC_KEY_BYTES &&
      sameBytes(signature, signatureOf(message, publicKey)),
    hash: real.hash,
    seal: real.seal,
    open: real.open,
  }
}
