import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  DATA,
  decodePacket,
  encodeBare,
  MIN_PADDING_BYTES,
  type PacketType,
  padPacket,
  RESET,
  STATE,
} from '../src/utp/packet.js'

interface Vector {
  readonly name: string
  readonly hex: string
  readonly type: PacketType | null
  readonly id: number
  readonly timestamp: number
  readonly difference: number
  readonly window: number
  readonly seq: number
  readonly ack: number
  readonly sack: string | null
  readonly payload: string
}

const vectors = JSON.parse(readFileSync(new URL('utp-vectors.json', import.meta.url), 'utf8')) as Vector[]
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

describe('a packet', () => {
  it.each(vectors)('is read as in the vectors: $name', ({ name: _, hex, type, sack, payload, ...header }) => {
    const read = decodePacket(bytesOf(hex))
    if (type === null) return expect(read).toBe(null)
    expect(read).toEqual({ ...header, type, sack: sack === null ? null : bytesOf(sack), payload: bytesOf(payload) })
  })

  it.each(vectors.filter(({ type, hex }) => type !== null && type !== DATA && hex.length > 0))(
    'is written as in the vectors: $name',
    ({ hex, type, sack, ...header }) => {
      const written = encodeBare({ ...header, type: type ?? RESET }, sack === null ? null : bytesOf(sack))
      expect(Buffer.from(written).toString('hex')).toBe(hex)
    },
  )

  it('keeps its header and payload when it is padded', () => {
    const header = { id: 7, timestamp: 1, difference: 2, window: 3, seq: 4, ack: 5 }
    const plain = Uint8Array.from([...encodeBare({ ...header, type: DATA }), 1, 2, 3])
    for (const padding of [MIN_PADDING_BYTES, 13, 120, 266, 267, 268, 524, 525, 6_912]) {
      const padded = padPacket(plain, padding)
      expect(padded.length).toBe(plain.length + padding)
      expect(decodePacket(padded)).toEqual({ ...header, type: DATA, sack: null, payload: Uint8Array.of(1, 2, 3) })
      // libutp reads no packet whose first extension is above 2.
      expect(padded[1]).toBeLessThan(3)
      // Cut off by whoever receives into too little, it is nothing: never a packet with less in it.
      for (let length = 0; length < padded.length - 3; length++)
        expect(decodePacket(padded.subarray(0, length))).toBe(null)
    }
    expect(decodePacket(encodeBare({ ...header, type: STATE }))?.type).toBe(STATE)
  })
})
