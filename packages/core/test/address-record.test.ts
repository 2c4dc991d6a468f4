import {
  type AddressRecord,
  createAddressRecord,
  createIdentity,
  decodeAddressRecord,
  encodeAddressRecord,
  hasCode,
  parseAddress,
  printAddress,
  seededRandom,
  sodiumCrypto,
} from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import vectors from './vectors/address-records.json' with { type: 'json' }

const crypto = sodiumCrypto()
const identity = createIdentity({ seed: new Uint8Array(32).fill(5) })
const fromHex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

const make = (seq: number, addresses: readonly string[]): AddressRecord =>
  createAddressRecord(identity, { seq, addresses: addresses.map(parseAddress) })

const codeOf = (run: () => unknown): unknown => {
  try {
    run()
    return 'accepted'
  } catch (error) {
    return hasCode(error, 'ERR_RECORD', 'ERR_ENCODING') ? error.code : error
  }
}

describe('an address record', () => {
  it.each(vectors)('has a fixed encoding: $label', ({ seed, seq, addresses, wire }) => {
    const made = createAddressRecord(createIdentity({ seed: fromHex(seed) }), {
      seq,
      addresses: addresses.map(parseAddress),
    })
    expect(hex(encodeAddressRecord(made))).toBe(wire)
    const decoded = decodeAddressRecord(fromHex(wire), crypto)
    expect(decoded).toEqual(made)
    expect(decoded.addresses.map(printAddress)).toEqual(addresses)
  })

  it('is refused with any byte changed, cut or added', () => {
    const wire = encodeAddressRecord(make(5, ['tcp://192.0.2.1:4000', 'memory://a']))
    for (let at = 0; at < wire.byteLength; at++) {
      const changed = wire.slice()
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(['ERR_RECORD', 'ERR_ENCODING'], `byte ${at}`).toContain(codeOf(() => decodeAddressRecord(changed, crypto)))
      expect(
        codeOf(() => decodeAddressRecord(wire.subarray(0, at), crypto)),
        `${at} bytes`,
      ).toBe('ERR_ENCODING')
    }
    expect(codeOf(() => decodeAddressRecord(Uint8Array.from([...wire, 0]), crypto))).toBe('ERR_ENCODING')
  })

  it('is refused in another spelling, even if its peer signed it', () => {
    const wire = hex(encodeAddressRecord(make(5, ['tcp://a:1'])))
    const head = wire.slice(0, 66)
    for (const [from, to] of [
      [`${head}0501`, `${head}fd050001`],
      [`${head}0501`, `${head}ff000000000000200001`],
      [hex(Buffer.from('tcp://a:1')), hex(Buffer.from('tcp://A:1'))],
    ] as const) {
      const body = wire.slice(0, -128).replace(from, to)
      const signature = identity.sign(Buffer.concat([Buffer.from('hearsay/addresses/1'), fromHex(body)]))
      expect(codeOf(() => decodeAddressRecord(fromHex(body + hex(signature)), crypto))).toBe('ERR_ENCODING')
    }
  })

  it('holds 16 addresses, 800 bytes of them, and 900 bytes in all', () => {
    const one = 'memory://a'
    expect(codeOf(() => make(1, Array(16).fill(one)))).toBe('accepted')
    expect(codeOf(() => make(1, Array(17).fill(one)))).toBe('ERR_RECORD')
    const long = (path: number) => [`ws://a:1/${'x'.repeat(380)}`, `ws://a:1/${'x'.repeat(path)}`]
    // Both lengths take three bytes: 392 + 408 = 800.
    expect(codeOf(() => make(1, long(396)))).toBe('accepted')
    expect(codeOf(() => make(1, long(397)))).toBe('ERR_RECORD')
    // A long number takes the room of some addresses.
    expect(codeOf(() => make(2 ** 53 - 1, long(396)))).toBe('ERR_RECORD')
    expect(encodeAddressRecord(make(2 ** 53 - 1, long(389))).byteLength).toBe(900)
    expect(codeOf(() => decodeAddressRecord(new Uint8Array(901), crypto))).toBe('ERR_RECORD')
  })

  it.each([-1, 1.5, 2 ** 53, Number.NaN])('has no sequence number %d', (seq) => {
    expect(codeOf(() => make(seq, []))).toBe('ERR_RECORD')
  })

  it('is decoded or refused, whatever the bytes are', () => {
    const random = seededRandom(12)
    const wire = encodeAddressRecord(make(5, ['tcp://192.0.2.1:4000']))
    for (let round = 0; round < 3_000; round++) {
      const bytes = round % 2 === 0 ? random.bytes(random.below(200)) : wire.slice()
      if (round % 2 === 1) bytes[random.below(bytes.byteLength)] = random.below(256)
      const code = codeOf(() => decodeAddressRecord(bytes, crypto))
      if (code === 'accepted') expect(hex(bytes)).toBe(hex(wire))
      else expect(['ERR_RECORD', 'ERR_ENCODING']).toContain(code)
    }
  })
})
