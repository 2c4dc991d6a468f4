// X25519 for the Noise handshake: keys from the randomness that was injected, and a shared secret that a hostile key cannot
// force to zero.

import type { Random } from '@hearsay/core'
import x25519 from 'noise-handshake/dh.js'

const SECRET_BYTES = 32

/** A curve whose keys come from `random`. */
export function createCurve(random: Random): NoiseCurve {
  return {
    ...x25519,
    generateKeyPair: () => x25519.generateKeyPair(random.bytes(SECRET_BYTES)),
    dh(publicKey, keyPair) {
      const shared = x25519.dh(publicKey, keyPair)
      // A public key of small order makes zeros with every secret (RFC 7748 §6.1); not every backend refuses it.
      if (shared.every((byte) => byte === 0)) throw new Error('a public key of small order')
      return shared
    },
  }
}
