// Crypto, clock and randomness: contracts without a life of their own.

import { createPrivateKey, createPublicKey, sign as nodeSign, verify as nodeVerify } from 'node:crypto'
import { type Clock, type Crypto, type Random, seededRandom, sodiumCrypto, systemRandom } from '@hearsay/core'
import {
  type ClockFixture,
  clockConformance,
  cryptoConformance,
  ed25519Conformance,
  randomConformance,
} from '@hearsay/core/conformance'
import { simulatedCrypto, virtualClock } from '@hearsay/core/memory'
import { override, testSuite } from './mutants.js'

const crypto = (mutate: (real: Crypto) => Partial<Crypto> = () => ({})) => {
  return async (): Promise<Crypto> => override(sodiumCrypto(), mutate(sodiumCrypto()))
}

const flipped = (bytes: Uint8Array) => bytes.map((byte, at) => (at === 0 ? byte ^ 1 : byte))

const cryptoMutants = {
  'ignores the seed': crypto((real) => ({ keyPair: () => real.keyPair() })),
  'keeps only the seed as secret': crypto((real) => ({
    keyPair: (seed) => {
      const { publicKey, secretKey } = real.keyPair(seed)
      return { publicKey, secretKey: secretKey.map((byte, at) => (at < 32 ? byte : 0)) }
    },
  })),
  'signs nothing': crypto(() => ({ sign: () => new Uint8Array(64) })),
  'signs with fresh nonces': crypto((real) => ({ sign: (message, key) => flipped(real.sign(message, key)) })),
  'believes everything': crypto(() => ({ verify: () => true })),
  'believes nothing': crypto(() => ({ verify: () => false })),
  'looks at the beginning of what is signed': crypto((real) => ({
    sign: (message, key) => real.sign(message.subarray(0, 3), key),
    verify: (signature, message, key) => real.verify(signature, message.subarray(0, 3), key),
  })),
  'throws for another length': crypto((real) => ({
    verify: (signature, message, key) => {
      if (signature.byteLength !== 64) throw new Error('length')
      return real.verify(signature, message, key)
    },
  })),
  'hashes with another algorithm': crypto((real) => ({ hash: (parts, key) => flipped(real.hash(parts, key)) })),
  'hashes the parts one by one': crypto((real) => ({
    hash: (parts, key) => real.hash(parts.length < 2 ? parts : parts.map((part) => real.hash([part])), key),
  })),
  'hashes without the key': crypto((real) => ({ hash: (parts) => real.hash(parts) })),
  'seals nothing': crypto(() => ({ seal: (plain) => plain, open: (sealed) => sealed })),
  'seals without a proof': crypto((real) => ({
    open: (sealed, nonce, key) => real.open(sealed, nonce, key) ?? new Uint8Array(),
  })),
  'seals with one nonce': crypto((real) => ({
    seal: (plain, _, key) => real.seal(plain, new Uint8Array(24), key),
    open: (sealed, _, key) => real.open(sealed, new Uint8Array(24), key),
  })),
  'shows what it seals': crypto((real) => ({
    seal: (plain) => Uint8Array.from([...plain, ...new Uint8Array(16)]),
    open: (sealed) => sealed.subarray(0, real.hash([]).byteLength),
  })),
}

testSuite('libsodium', { suite: cryptoConformance, create: crypto(), mutants: cryptoMutants })
testSuite('the Ed25519 of libsodium', { suite: ed25519Conformance, create: crypto(), mutants: ed25519Mutants() })
testSuite('a simulated crypto', {
  suite: cryptoConformance,
  create: async () => simulatedCrypto(seededRandom(1)),
  mutants: cryptoMutants,
})

function ed25519Mutants() {
  const { 'signs nothing': signsNothing, 'believes nothing': believesNothing } = cryptoMutants
  return {
    signsNothing,
    believesNothing,
    'derives other keys': async () => simulatedCrypto(seededRandom(2)),
  }
}

testSuite('the Ed25519 of node:crypto', {
  suite: ed25519Conformance,
  create: crypto(() => ({
    sign: (message, secretKey) => {
      const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), secretKey.subarray(0, 32)])
      return nodeSign(null, message, createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }))
    },
    verify: (signature, message, publicKey) => {
      const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey])
      return nodeVerify(null, message, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature)
    },
  })),
  mutants: ed25519Mutants(),
})

const clock =
  (mutate: (clock: Clock) => Partial<Clock> = () => ({})) =>
  async (): Promise<ClockFixture> => {
    const original = virtualClock()
    return {
      clock: override<Clock>(original, mutate(original)),
      advance: (ms) => original.play(ms),
      close: async () => {},
    }
  }

testSuite('a virtual clock', {
  suite: clockConformance,
  create: clock(),
  mutants: {
    'stands still': clock(() => ({ now: () => 0 })),
    'has a wall of its own': clock((original) => ({ wall: () => original.wall() + original.now() * 1_000 })),
    'counts seconds': clock((original) => ({ wall: () => original.wall() / 1_000 })),
    'calls at once': clock(() => ({
      setTimer: (_, run) => {
        run()
        return { cancel: () => {} }
      },
    })),
    'calls twice': clock((original) => ({
      setTimer: (ms, run) => {
        original.setTimer(ms, run)
        return original.setTimer(ms, run)
      },
    })),
    'calls too early': clock((original) => ({ setTimer: (_, run) => original.setTimer(1, run) })),
    'calls in order of setting': clock((original) => ({ setTimer: (_, run) => original.setTimer(20, run) })),
    'cannot cancel': clock((original) => ({
      setTimer: (ms, run) => ({ ...original.setTimer(ms, run), cancel: () => {} }),
    })),
    'cancels the next one too': clock((original) => {
      let cancelled = 0
      return {
        setTimer: (ms, run) => {
          if (cancelled-- > 0) return { cancel: () => {} }
          const timer = original.setTimer(ms, run)
          const cancel = () => {
            timer.cancel()
            cancelled = 1
          }
          return { cancel }
        },
      }
    }),
    'never calls for delays below 0': clock((original) => ({
      setTimer: (ms, run) => original.setTimer(ms < 0 ? 2 ** 31 : ms, run),
    })),
    'calls at once after too long': clock((original) => ({
      setTimer: (ms, run) => original.setTimer(ms < 2 ** 31 ? ms : 1, run),
    })),
  },
})

const random = (mutate: (random: Random) => Partial<Random>) => async (): Promise<Random> =>
  override(seededRandom(3), mutate(seededRandom(3)))

const randomMutants = {
  'gives one byte too few': random((real) => ({ bytes: (length) => real.bytes(Math.max(0, length - 1)) })),
  'gives the same again': random((real) => {
    const bytes = real.bytes(100_000)
    return { bytes: (length) => bytes.subarray(0, length) }
  }),
  'gives letters': random((real) => ({ bytes: (length) => real.bytes(length).map((byte) => byte & 0x7f) })),
  'forgets the last integer': random((real) => ({ below: (limit) => real.below(Math.max(1, limit - 1)) })),
  'favours small integers': random((real) => ({ below: (limit) => real.below(2 ** 32) % limit })),
  'draws 31 bits': random((real) => ({ below: (limit) => real.below(Math.min(limit, 2 ** 31)) })),
  'takes any limit': random(() => ({ below: () => 0 })),
}

testSuite('a seeded generator', {
  suite: randomConformance,
  create: async () => seededRandom(4),
  mutants: randomMutants,
})
testSuite('the randomness of the system', {
  suite: randomConformance,
  create: async () => systemRandom(),
  mutants: randomMutants,
})
