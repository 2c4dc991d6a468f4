import { encodeAddressRecord, seededRandom } from '@hearsay/core'
import { describe, expect, test } from 'vitest'
import { decodeExchangeFrame, type ExchangeFrame, encodeExchangeFrame } from '../src/machine.js'
import { ask, hello, mutate, news, recordOf, tell } from './support/exchange-frames.js'

describe('frames', () => {
  const record = encodeAddressRecord(recordOf(1))
  const largest = new Uint8Array(900)

  test.each<ExchangeFrame>([
    { type: 'hello', tellable: true },
    { type: 'hello', tellable: false },
    { type: 'ask', count: 1 },
    { type: 'ask', count: 16 },
    { type: 'tell', records: [] },
    { type: 'tell', records: [record, record] },
    { type: 'tell', records: Array.from({ length: 16 }, () => largest) },
    { type: 'news', record },
    { type: 'news', record: largest },
  ])('%o is what it was', (frame) => {
    expect(decodeExchangeFrame(encodeExchangeFrame(frame))).toEqual(frame)
  })

  test.each([
    ['nothing', []],
    ['another type', [4]],
    ['a hello without flags', [0]],
    ['a hello with unknown flags', [0, 2]],
    ['a hello that is too long', [0, 1, 0]],
    ['an ask for none', [1, 0]],
    ['an ask for 17', [1, 17]],
    ['an answer without a count', [2]],
    ['an answer with 17 records', [2, 17]],
    ['an answer with fewer records than it says', [2, 1]],
    ['an answer with a record that is cut short', [2, 1, 100, 0, 1, 2, 3]],
    ['an answer with a record of no bytes', [2, 1, 0, 0]],
    ['an answer with a record of 901 bytes', [2, 1, 901 % 256, 3, ...new Uint8Array(901)]],
    ['an answer with a byte too many', [2, 0, 0]],
    ['an answer that is longer than any', [2, ...new Uint8Array(1 + 16 * 902 + 1)]],
    ['news of 901 bytes', [3, ...new Uint8Array(901)]],
    ['news of 98 bytes', [3, ...new Uint8Array(98)]],
  ])('%s is refused with a code', (_, bytes) => {
    expect(() => decodeExchangeFrame(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'ERR_FRAME' }))
  })

  test('100,000 mutated ones raise nothing else, and what is taken has one spelling', () => {
    const random = seededRandom(11)
    const whole = [hello, ask, tell(1, 2, 3), news(4)]
    let taken = 0
    for (let n = 0; n < 100_000; n++) {
      const bytes = mutate(whole[n % whole.length] ?? hello, random)
      try {
        const frame = decodeExchangeFrame(bytes)
        expect(Buffer.compare(encodeExchangeFrame(frame), bytes)).toBe(0)
        taken += 1
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_FRAME') throw error
      }
    }
    expect(taken).toBeGreaterThan(1_000)
  })
})
