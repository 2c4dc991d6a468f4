// Decoders of what strangers sign, under mutation: each answers or throws its code, whatever the bytes, and keeps nothing.
// HEARSAY_FUZZ_PACKETS says how many, HEARSAY_FUZZ_SEED from where.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  createAddressRecord,
  createIdentity,
  createRecord,
  createTopic,
  decodeAddressRecord,
  decodeRecord,
  encodeAddressRecord,
  encodeForkProof,
  encodeRecord,
  hasCode,
  PREV_BYTES,
  parseAddress,
  type Random,
  recordMessages,
  seededRandom,
  sodiumCrypto,
  verifyFork,
} from '@hearsay/core'
import { describe, expect, it } from 'vitest'

const PACKETS = Number(process.env.HEARSAY_FUZZ_PACKETS ?? 30_000)
const WARM_UP = 10_000
const SEED = Number(process.env.HEARSAY_FUZZ_SEED ?? 1)

const crypto = sodiumCrypto()
const topic = createTopic('decoders')
const author = createIdentity({ seed: new Uint8Array(32).fill(3) })
const say = (text: string) =>
  createRecord(
    {
      epoch: 1,
      firstSeq: 0,
      time: 1,
      prev: new Uint8Array(PREV_BYTES),
      messages: [new TextEncoder().encode(text), new Uint8Array(20)],
    },
    topic,
    author,
    crypto,
  )
const addresses = ['tcp://192.0.2.1:4000', 'tcp://[2001:db8::1]:4000', 'ws://example.org:80/x'].map((text) =>
  parseAddress(text),
)

const decoders: readonly [name: string, valid: Uint8Array, decode: (bytes: Uint8Array) => unknown][] = [
  [
    'address records',
    encodeAddressRecord(createAddressRecord(author, { seq: 300, addresses })),
    (bytes) => decodeAddressRecord(bytes, crypto),
  ],
  [
    'records and their messages',
    encodeRecord(say('a')),
    (bytes) => recordMessages(decodeRecord(bytes, topic, crypto), topic, crypto),
  ],
  [
    'proofs of forks',
    Buffer.concat([...encodeForkProof(say('a'), say('b'))]),
    (bytes) => verifyFork([bytes.subarray(0, bytes.byteLength / 2), bytes.subarray(bytes.byteLength / 2)], crypto),
  ],
]

/** One to four changes: a byte, a run of one value, a piece cut out, a piece doubled. */
function mutated(valid: Uint8Array, random: Random): Uint8Array {
  let bytes = Uint8Array.from(valid)
  for (let change = random.below(4); change >= 0; change--) {
    const at = random.below(bytes.byteLength + 1)
    const length = random.below(12)
    const kind = random.below(4)
    if (kind === 0) bytes[at] = random.below(256)
    else if (kind === 1) bytes.fill(random.below(2) * 255, at, at + length)
    else if (kind === 2) bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + length)])
    else bytes = Uint8Array.from([...bytes.subarray(0, at + length), ...bytes.subarray(at)])
  }
  return bytes
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
/** What is held on the heap; buffers that nobody holds are given back later, when it suits the engine. */
const heap = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

describe.each(decoders)('the decoder of %s', (_name, valid, decode) => {
  it(
    `takes ${PACKETS} mutations without another exception than its own, and keeps nothing`,
    () => {
      const random = seededRandom(SEED)
      expect(() => decode(valid)).not.toThrow()
      let before = 0
      let taken = 0
      for (let packet = 0; packet < PACKETS; packet++) {
        // By then the code is compiled, and what is made once has been made.
        if (packet === WARM_UP) before = heap()
        const bytes = mutated(valid, random)
        try {
          decode(bytes)
          taken++
        } catch (error) {
          if (!hasCode(error, 'ERR_RECORD', 'ERR_ENCODING', 'ERR_FORK')) throw error
        }
      }
      // Most mutations must be refused, or this tests nothing.
      expect(taken).toBeLessThan(PACKETS / 2)
      expect(heap() - before).toBeLessThan(4 * 1024 * 1024)
    },
    60_000 + PACKETS,
  )
})
