// The primitives that signing and sealing rest on. libsodium by default; another backend must pass the same suite.

/** An Ed25519 key pair (RFC 8032): 32 bytes public, 64 bytes secret (seed ‖ public). */
export interface KeyPair {
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

/** Signatures (Ed25519), hashes (BLAKE2b-256) and authenticated encryption (XChaCha20-Poly1305). */
export interface Crypto {
  /** The key pair of a 32-byte seed, or a fresh one. */
  keyPair(seed?: Uint8Array): KeyPair
  /** The 64-byte signature of `message`; takes only the secret key, so no second public key can be confused in. */
  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array
  /** True if `signature` is valid; false, never an exception, for anything else. */
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
  /** 32 bytes of BLAKE2b (RFC 7693) over the concatenated parts, keyed if `key` (16 to 64 bytes) is given. */
  hash(parts: readonly Uint8Array[], key?: Uint8Array): Uint8Array
  /** `plain` encrypted under a 32-byte key and a 24-byte nonce that is never used twice; 16 bytes longer. */
  seal(plain: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array
  /** What was sealed, or null if a byte of it, the nonce or the key differs. */
  open(sealed: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array | null
}
