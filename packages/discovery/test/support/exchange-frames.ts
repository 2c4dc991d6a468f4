// Frames that a member of a topic may send, and what becomes of them on the way.

import {
  type AddressRecord,
  type Crypto,
  createAddressRecord,
  createIdentity,
  encodeAddressRecord,
  type Identity,
  parseAddress,
  type Random,
  seededRandom,
} from '@hearsay/core'
import { simulatedCrypto } from '@hearsay/core/memory'
import { encodeExchangeFrame } from '../../src/machine.js'

export const crypto: Crypto = simulatedCrypto(seededRandom(5))
export const identity = (n: number): Identity => createIdentity({ crypto, seed: seededRandom(n).bytes(32) })
export const recordOf = (n: number, seq = 1): AddressRecord =>
  createAddressRecord(identity(n), { seq, addresses: [parseAddress(`tcp://192.0.2.${n % 250}:4000`)] })
export const hello: Uint8Array = encodeExchangeFrame({ type: 'hello', tellable: true })
export const ask: Uint8Array = encodeExchangeFrame({ type: 'ask', count: 16 })
export const news = (n: number): Uint8Array =>
  encodeExchangeFrame({ type: 'news', record: encodeAddressRecord(recordOf(n)) })
export const tell = (...of: number[]): Uint8Array =>
  encodeExchangeFrame({ type: 'tell', records: of.map((n) => encodeAddressRecord(recordOf(n))) })

export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const length = random.below(3) === 0 ? random.below(bytes.byteLength + 3) : bytes.byteLength
  const mutated = new Uint8Array(length)
  mutated.set(bytes.subarray(0, length))
  for (let n = random.below(4); n > 0 && length > 0; n--) mutated[random.below(length)] = random.below(256)
  return mutated
}
