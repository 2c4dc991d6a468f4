import { describe, expect, it } from 'vitest'
import { decodeControl, decodeGreeting, encodeGoodbye, encodeHello, networkId } from '../src/mux/control.js'

const network = networkId('test')
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7)

describe('a hello', () => {
  it('carries extra bytes behind the first feature bit, and is the old form without them', () => {
    const old = encodeHello({ network, features: 4 })
    expect(decodeGreeting(old)).toEqual({ type: 'hello', version: 1, network, features: 4 })
    const hello = encodeHello({ network, features: 4, extra: bytes(1_024) })
    expect(decodeGreeting(hello)).toEqual({ type: 'hello', version: 1, network, features: 5, extra: bytes(1_024) })
    expect(encodeHello({ network, features: 4, extra: bytes(1_025) })).toEqual(old)
  })

  it('is refused when the bytes that it announces are missing or too many', () => {
    const hello = encodeHello({ network, features: 0, extra: bytes(100) })
    expect(() => decodeGreeting(hello.subarray(0, hello.byteLength - 1))).toThrow('cut short')
    const long = Uint8Array.of(...encodeHello({ network, features: 1 }), 253, 1, 4, ...bytes(1_025))
    expect(() => decodeGreeting(long)).toThrow('1025 bytes')
  })

  it('may have anything behind it', () => {
    expect(decodeGreeting(Uint8Array.of(...encodeHello({ network, features: 2 }), 1, 2, 3))).toMatchObject({
      features: 2,
    })
  })
})

describe('a goodbye', () => {
  it('is the old form without extra bytes, and carries them behind the text', () => {
    expect(decodeControl(encodeGoodbye({ code: 'ERR_X', message: 'why' }))).toEqual({
      type: 'goodbye',
      code: 'ERR_X',
      message: 'why',
    })
    const farewell = { code: 'ERR_LIMIT', message: 'full', extra: bytes(3_584) }
    const goodbye = encodeGoodbye(farewell)
    expect(goodbye.byteLength).toBeLessThanOrEqual(4_096)
    expect(decodeControl(goodbye)).toEqual({ type: 'goodbye', ...farewell })
    expect(decodeGreeting(goodbye)).toEqual({ type: 'goodbye', ...farewell })
    expect(decodeControl(encodeGoodbye({ ...farewell, extra: bytes(3_585) }))).not.toHaveProperty('extra')
    expect(() => decodeControl(Uint8Array.of(...goodbye, 0))).toThrow('3585 bytes')
  })
})
