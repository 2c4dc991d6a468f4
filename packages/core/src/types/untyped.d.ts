// The parts that we use of libraries that ship no types. None of these reaches a public declaration.

declare module 'z32' {
  const z32: { encode(bytes: Uint8Array): string; decode(text: string): Uint8Array }
  export default z32
}

declare module 'sodium-universal' {
  const sodium: {
    crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void
    crypto_sign_keypair(publicKey: Uint8Array, secretKey: Uint8Array): void
    crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void
    crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean | undefined
    crypto_generichash(out: Uint8Array, message: Uint8Array, key?: Uint8Array): void
    crypto_generichash_batch(out: Uint8Array, parts: readonly Uint8Array[], key?: Uint8Array): void
    crypto_aead_xchacha20poly1305_ietf_encrypt(
      out: Uint8Array,
      message: Uint8Array,
      associated: Uint8Array | null,
      secretNonce: null,
      nonce: Uint8Array,
      key: Uint8Array,
    ): number
    crypto_aead_xchacha20poly1305_ietf_decrypt(
      out: Uint8Array,
      secretNonce: null,
      sealed: Uint8Array,
      associated: Uint8Array | null,
      nonce: Uint8Array,
      key: Uint8Array,
    ): number
    randombytes_buf(out: Uint8Array): void
    sodium_memzero(bytes: Uint8Array): void
  }
  export default sodium
}
