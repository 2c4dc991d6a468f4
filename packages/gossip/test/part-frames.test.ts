// The frames of large records: what is written is read again, and there is one spelling for everything.

import { CHUNK_BYTES, seededRandom } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { MAX_PARTS, MAX_UNASKED, MAX_WANTED_RANGES } from '../src/frames/part-frames.js'
import { decodeFrame, encodeFrame, type Frame } from '../src/machine.js'

const head = Uint8Array.of(1, 2, 3)
const part = (change: Partial<Extract<Frame, { type: 'part' }>> = {}): Frame => ({
  ...{ type: 'part', name: 3, first: 300, index: 5, proof: new Uint8Array(96).fill(4), chunk: Uint8Array.of(9) },
  ...change,
})

const frames: Frame[] = [
  { type: 'head', hops: 0, parts: 0, head },
  { type: 'head', hops: 255, parts: MAX_UNASKED, head },
  part(),
  part({ proof: new Uint8Array(), chunk: new Uint8Array(CHUNK_BYTES), name: 1_023, first: 2 ** 53 - 1 }),
  part({ proof: new Uint8Array(11 * 32), index: MAX_PARTS - 1 }),
  { type: 'wanted', name: 0, first: 0, parts: [] },
  {
    ...{ type: 'wanted', name: 0, first: 7 },
    parts: [
      { from: 0, to: 3 },
      { from: 4, to: MAX_PARTS },
    ],
  },
]

const refused = (bytes: Uint8Array): void =>
  expect(() => decodeFrame(bytes)).toThrow(expect.objectContaining({ code: 'ERR_FRAME' }))

describe('frames of large records', () => {
  it('are read as they were written', () => {
    for (const frame of frames) expect(decodeFrame(encodeFrame(frame))).toEqual(frame)
  })

  it('stand byte by byte as docs/wire.md says', () => {
    expect([...encodeFrame({ type: 'head', hops: 2, parts: 4, head })]).toEqual([11, 2, 4, 1, 2, 3])
    expect([...encodeFrame(part({ proof: new Uint8Array(32).fill(8), first: 7 }))]).toEqual([
      ...[12, 3, 7, 5, 1],
      ...Array(32).fill(8),
      9,
    ])
    expect([...encodeFrame({ type: 'wanted', name: 3, first: 7, parts: [{ from: 2, to: 6 }] })]).toEqual([
      13, 3, 7, 2, 4,
    ])
  })

  it('are refused when they are cut short', () => {
    refused(Uint8Array.of(11, 0, 0))
    refused(Uint8Array.of(12, 0, 0, 0, 0))
    refused(encodeFrame(part()).subarray(0, 100))
    refused(Uint8Array.of(13, 0))
    refused(Uint8Array.of(13, 0, 0, 1))
  })

  it('are refused beyond each bound', () => {
    refused(encodeFrame({ type: 'head', hops: 0, parts: MAX_UNASKED + 1, head }))
    refused(encodeFrame(part({ chunk: new Uint8Array(CHUNK_BYTES + 1) })))
    refused(encodeFrame(part({ proof: new Uint8Array(12 * 32) })))
    refused(encodeFrame(part({ index: MAX_PARTS })))
    refused(encodeFrame(part({ name: 1_024 })))
    refused(encodeFrame({ type: 'wanted', name: 1_024, first: 0, parts: [] }))
    refused(encodeFrame({ type: 'wanted', name: 0, first: 0, parts: [{ from: 0, to: MAX_PARTS + 1 }] }))
    const ranges = (count: number) => Array.from({ length: count }, (_, at) => ({ from: 2 * at, to: 2 * at + 1 }))
    expect(
      decodeFrame(encodeFrame({ type: 'wanted', name: 0, first: 0, parts: ranges(MAX_WANTED_RANGES) })),
    ).toBeDefined()
    refused(encodeFrame({ type: 'wanted', name: 0, first: 0, parts: ranges(MAX_WANTED_RANGES + 1) }))
  })

  it('name a set of parts in one way only: ascending ranges that do not touch, none empty', () => {
    for (const parts of [
      [{ from: 4, to: 4 }],
      [
        { from: 4, to: 5 },
        { from: 0, to: 1 },
      ],
      [
        { from: 0, to: 4 },
        { from: 4, to: 5 },
      ],
      [
        { from: 0, to: 4 },
        { from: 3, to: 5 },
      ],
    ]) {
      refused(encodeFrame({ type: 'wanted', name: 0, first: 0, parts }))
    }
    refused(Uint8Array.of(13, 0xfd, 3, 0, 7))
  })

  it('made of junk are refused with a code, or are what they would be written as', () => {
    const random = seededRandom(1)
    for (let turn = 0; turn < 20_000; turn++) {
      const bytes = random.bytes(1 + random.below(60))
      bytes[0] = 11 + random.below(3)
      let frame: Frame
      try {
        frame = decodeFrame(bytes)
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_FRAME' })
        continue
      }
      expect(encodeFrame(frame)).toEqual(bytes)
    }
  })
})
