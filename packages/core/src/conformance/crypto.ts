// What every crypto promises: signatures that only the key's owner can make, hashes and seals of named algorithms. The
// vectors of Ed25519 are a suite of their own, which a simulated crypto leaves out.

import type { Crypto } from '../contracts/crypto.js'
import { fromHex, toHex } from '../hex.js'
import type { Assert, ConformanceCase } from './case.js'

export type CryptoCase = ConformanceCase<Crypto>

const utf8 = new TextEncoder()
const MESSAGE = utf8.encode('hearsay')
const SEED = new Uint8Array(32).fill(7)

export const cryptoConformance: readonly CryptoCase[] = [
  cryptoCase('gives one key pair for a seed, another without', (crypto, assert) => {
    const [one, same] = [crypto.keyPair(SEED), crypto.keyPair(SEED)]
    assert.equal([toHex(one.publicKey), toHex(one.secretKey)], [toHex(same.publicKey), toHex(same.secretKey)])
    assert.equal([one.publicKey.byteLength, one.secretKey.byteLength], [32, 64])
    const [fresh, other] = [crypto.keyPair(), crypto.keyPair()]
    assert.ok(toHex(fresh.publicKey) !== toHex(other.publicKey), 'fresh keys differ')
  }),

  cryptoCase('puts seed and public key into the secret key', (crypto, assert) => {
    const { publicKey, secretKey } = crypto.keyPair(SEED)
    assert.equal(toHex(secretKey), toHex(SEED) + toHex(publicKey))
  }),

  cryptoCase('verifies what it signed', (crypto, assert) => {
    const { publicKey, secretKey } = crypto.keyPair(SEED)
    for (const length of [0, 1, 1_000]) {
      const signature = crypto.sign(new Uint8Array(length), secretKey)
      assert.equal(signature.byteLength, 64)
      assert.equal(crypto.verify(signature, new Uint8Array(length), publicKey), true)
    }
  }),

  cryptoCase('refuses a signature with any byte changed', (crypto, assert) => {
    const { publicKey, secretKey } = crypto.keyPair(SEED)
    const signature = crypto.sign(MESSAGE, secretKey)
    for (const changed of eachChanged(signature)) assert.equal(crypto.verify(changed, MESSAGE, publicKey), false)
  }),

  cryptoCase('refuses a message or key with any byte changed', (crypto, assert) => {
    const { publicKey, secretKey } = crypto.keyPair(SEED)
    const signature = crypto.sign(MESSAGE, secretKey)
    for (const changed of eachChanged(MESSAGE)) assert.equal(crypto.verify(signature, changed, publicKey), false)
    for (const changed of eachChanged(publicKey)) assert.equal(crypto.verify(signature, MESSAGE, changed), false)
  }),

  cryptoCase('refuses the signature of another key', (crypto, assert) => {
    const [own, other] = [crypto.keyPair(SEED), crypto.keyPair()]
    assert.equal(crypto.verify(crypto.sign(MESSAGE, other.secretKey), MESSAGE, own.publicKey), false)
    // Somebody who writes another's public key beside the own seed.
    const forged = Uint8Array.from([...other.secretKey.subarray(0, 32), ...own.publicKey])
    assert.equal(crypto.verify(crypto.sign(MESSAGE, forged), MESSAGE, own.publicKey), false)
  }),

  cryptoCase('answers false, not an exception, for lengths that no signature or key has', (crypto, assert) => {
    const { publicKey, secretKey } = crypto.keyPair(SEED)
    const signature = crypto.sign(MESSAGE, secretKey)
    const longer = Uint8Array.from([...signature, 0])
    for (const wrong of [new Uint8Array(), signature.subarray(1), longer]) {
      assert.equal(crypto.verify(wrong, MESSAGE, publicKey), false)
    }
    for (const wrong of [new Uint8Array(), publicKey.subarray(1), Uint8Array.from([...publicKey, 0])]) {
      assert.equal(crypto.verify(signature, MESSAGE, wrong), false)
    }
  }),

  cryptoCase('hashes with BLAKE2b-256', (crypto, assert) => {
    // The digests of Python's hashlib.blake2b(…, digest_size=32), which follows RFC 7693.
    const empty = '0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8'
    const abc = 'bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319'
    assert.equal([toHex(crypto.hash([])), toHex(crypto.hash([utf8.encode('abc')]))], [empty, abc])
  }),

  cryptoCase('hashes parts as if they were one', (crypto, assert) => {
    const parts = ['a', '', 'bc'].map((text) => utf8.encode(text))
    assert.equal(toHex(crypto.hash(parts)), toHex(crypto.hash([utf8.encode('abc')])))
    assert.equal(toHex(crypto.hash(parts, SEED)), toHex(crypto.hash([utf8.encode('abc')], SEED)))
  }),

  cryptoCase('hashes with a key, which changes everything', (crypto, assert) => {
    const hashes = [undefined, SEED, new Uint8Array(16), new Uint8Array(64)].map((key) =>
      toHex(crypto.hash([MESSAGE], key)),
    )
    assert.equal(new Set(hashes).size, hashes.length)
    // hashlib.blake2b(b'hearsay', digest_size=32, key=bytes([7] * 32))
    assert.equal(hashes[1], 'b67bd1aea8c9d59c56cb46055b70bde7dd4a7c5341f5274062feae9b4075796f')
  }),

  cryptoCase('opens what it sealed, 16 bytes longer', (crypto, assert) => {
    const nonce = new Uint8Array(24).fill(1)
    for (const length of [0, 1, 1_000]) {
      const plain = new Uint8Array(length).fill(5)
      const sealed = crypto.seal(plain, nonce, SEED)
      assert.equal(sealed.byteLength, length + 16)
      assert.equal(toHex(crypto.open(sealed, nonce, SEED) ?? MESSAGE), toHex(plain))
    }
  }),

  cryptoCase('answers null for a seal, nonce or key with any byte changed', (crypto, assert) => {
    const nonce = new Uint8Array(24).fill(1)
    const sealed = crypto.seal(MESSAGE, nonce, SEED)
    for (const changed of eachChanged(sealed)) assert.equal(crypto.open(changed, nonce, SEED), null)
    for (const changed of eachChanged(nonce)) assert.equal(crypto.open(sealed, changed, SEED), null)
    for (const changed of eachChanged(SEED)) assert.equal(crypto.open(sealed, nonce, changed), null)
    for (const length of [0, 15, sealed.byteLength - 1]) {
      assert.equal(crypto.open(sealed.subarray(0, length), nonce, SEED), null)
    }
  }),

  cryptoCase('hides what it seals', (crypto, assert) => {
    const sealed = toHex(crypto.seal(MESSAGE, new Uint8Array(24), SEED))
    assert.ok(!sealed.includes(toHex(MESSAGE)), 'the plain text shows')
    assert.ok(sealed !== toHex(crypto.seal(MESSAGE, new Uint8Array(24).fill(1), SEED)), 'another nonce, another seal')
  }),
]

/** RFC 8032 §7.1, tests 1 to 3: seed, public key, message, signature. */
const RFC_8032: readonly (readonly [string, string, string, string])[] = [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
]

export const ed25519Conformance: readonly CryptoCase[] = [
  cryptoCase('derives the public keys of RFC 8032', (crypto, assert) => {
    for (const [seed, key] of RFC_8032) assert.equal(toHex(crypto.keyPair(bytes(seed)).publicKey), key)
  }),
  cryptoCase('makes the signatures of RFC 8032', (crypto, assert) => {
    for (const [seed, , message, signature] of RFC_8032) {
      assert.equal(toHex(crypto.sign(bytes(message), crypto.keyPair(bytes(seed)).secretKey)), signature)
    }
  }),
  cryptoCase('accepts the signatures of RFC 8032', (crypto, assert) => {
    for (const [, key, message, signature] of RFC_8032) {
      assert.equal(crypto.verify(bytes(signature), bytes(message), bytes(key)), true)
    }
  }),
]

function cryptoCase(name: string, body: (crypto: Crypto, assert: Assert) => void): CryptoCase {
  return { name, run: async (create, assert) => body(await create(), assert) }
}

/** The same bytes with one bit changed, for each byte. */
function eachChanged(original: Uint8Array): Uint8Array[] {
  return [...original].map((byte, at) => {
    const changed = original.slice()
    changed[at] = byte ^ 1
    return changed
  })
}

function bytes(hex: string): Uint8Array {
  return fromHex(hex) ?? new Uint8Array()
}
