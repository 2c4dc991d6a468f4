// A key that signs. Where it is kept is the affair of `@hearsay/core/node`.

import type { Crypto } from './contracts/crypto.js'
import { sodiumCrypto } from './crypto.js'
import { type PeerId, toPeerId } from './peer-id.js'

/** An Ed25519 key and its name. The secret is not enumerable: it does not show when the object is printed or serialised. */
export interface Identity {
  readonly id: PeerId
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes: seed ‖ public key. */
  readonly secretKey: Uint8Array
  /** The 64-byte Ed25519 signature of `message`. */
  sign(message: Uint8Array): Uint8Array
}

export interface IdentityOptions {
  /** 32 bytes that decide the key; fresh if left out. */
  readonly seed?: Uint8Array
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
}

/** A fresh identity, or that of a seed. */
export function createIdentity(options: IdentityOptions = {}): Identity {
  const crypto = options.crypto ?? sodiumCrypto()
  const { publicKey, secretKey } = crypto.keyPair(options.seed)
  const identity = {
    id: toPeerId(publicKey),
    publicKey,
    sign: (message: Uint8Array) => crypto.sign(message, secretKey),
  }
  return Object.defineProperty(identity, 'secretKey', { value: secretKey, enumerable: false }) as Identity
}
