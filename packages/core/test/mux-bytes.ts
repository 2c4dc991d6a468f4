// Messages as they stand on the wire, written by hand, for tests of what a hostile or foreign remote sends.

import { networkId } from '@hearsay/core/mux'

type Part = number | string | Uint8Array | readonly Part[]

/** The bytes of numbers, ASCII text and bytes in a row. */
export function bytes(...parts: readonly Part[]): Uint8Array {
  return Uint8Array.from(parts.flatMap(flat))
}

function flat(part: Part): number[] {
  if (typeof part === 'number') return [part]
  if (typeof part === 'string') return [...new TextEncoder().encode(part)]
  if (part instanceof Uint8Array) return [...part]
  return (part as readonly Part[]).flatMap(flat)
}

export const hello = (version = 1): Uint8Array =>
  bytes(0, 1, 1, 14, 'hearsay/link/1', 0, 0, 3, version, networkId('test'), 0)

/** An open of protocol `t` under the id, with a window of 100. */
export const open = (id: number, handshake: Uint8Array = bytes()): Uint8Array =>
  bytes(0, 1, id, 1, 't', 0, 100, handshake)

/** Enough of them, each unpacked by a call within a call, are more than a stack holds. */
function nestedBatches(depth: number): Uint8Array {
  // Built backwards: the innermost part first.
  const reversed: number[] = [1]
  for (let level = 0; level < depth; level++) {
    const { length } = reversed
    reversed.push(
      ...(length < 0xfd ? [length] : [((length >>> 8) >>> 8) >>> 8, length >>> 16, length >>> 8, length, 0xfe]),
      0,
      0,
    )
  }
  return bytes(0, Uint8Array.from(reversed.reverse()))
}

/** What no honest remote sends after its hello, and the code that the link ends with. */
const RULES: readonly (readonly [what: string, message: Uint8Array, code?: string])[] = [
  ['an open with id 0', bytes(0, 1, 0, 1, 't', 0, 100)],
  ['an open above the limit of channels', bytes(0, 1, 0xfd, 0x01, 0x04, 1, 't', 0, 100)],
  ['an open that skips an id', open(9)],
  ['an open of an id in use', open(1)],
  ['an open cut short', bytes(0, 1, 2, 5, 't')],
  ['an open without a window', bytes(0, 1, 2, 1, 't', 0)],
  ['a protocol of 65 letters', bytes(0, 1, 2, 65, 'p'.repeat(65), 0, 100)],
  ['a protocol of none', bytes(0, 1, 2, 0, 0, 100)],
  ['a protocol that is not ASCII', bytes(0, 1, 2, 2, 0xc3, 0xa9, 0, 100)],
  ['an id of 33 bytes', bytes(0, 1, 2, 1, 't', 33, new Uint8Array(33), 100)],
  ['a length of 2^53 for an id', bytes(0, 1, 2, 1, 't', 0xff, 0, 0, 0, 0, 0, 0, 0x20, 0)],
  ['a handshake of 4,097 bytes', open(2, new Uint8Array(4_097))],
  ['a batch in a batch', bytes(0, 0, 0, 3, 0, 0, 1)],
  ['20,000 batches in one another', nestedBatches(20_000)],
  ['a batch with a length beyond its end', bytes(0, 0, 1, 200, 0, 1)],
  [
    'a batch of nothing but 5,000 changes of channel',
    bytes(
      0,
      0,
      1,
      new Uint8Array(10_000).map((_, at) => at % 2),
    ),
  ],
  ['a reject of a channel that we never opened', bytes(0, 2, 7)],
  ['a reject of the link channel', bytes(0, 2, 1)],
  ['a close of the link channel', bytes(0, 3, 1)],
  ['a close with more behind it', bytes(0, 3, 2, 0)],
  ['an unknown control message', bytes(0, 4, 1)],
  ['a control message cut short', bytes(0)],
  ['an integer longer than needed', bytes(0xfd, 1, 0, 0)],
  ['an integer cut short', bytes(0xfe, 1)],
  ['a channel numbered 2^53', bytes(0xff, 0, 0, 0, 0, 0, 0, 0x20, 0, 0)],
  ['an unknown message on a channel', bytes(2, 2)],
  ['a credit of nothing', bytes(2, 1, 0)],
  ['a credit of 2^53', bytes(2, 1, 0xff, 0, 0, 0, 0, 0, 0, 0x20, 0)],
  ['a credit with more behind it', bytes(2, 1, 5, 5)],
  ['a credit on the link channel', bytes(1, 1, 5)],
  ['a frame on the link channel that says nothing', bytes(1, 0)],
  ['an unknown link message', bytes(1, 0, 9)],
  ['a ping cut short', bytes(1, 0, 0, 1, 2)],
  ['a second hello', bytes(1, 0, 3, 1, networkId('test'), 0)],
  ['a goodbye whose code is not ASCII', bytes(1, 0, 2, 1, 0x1b, 0)],
  ['a message above 1 MiB', new Uint8Array(1024 * 1024 + 1).fill(1), 'ERR_FRAME_SIZE'],
]

export const HOSTILE: readonly (readonly [what: string, message: Uint8Array, code: string])[] = RULES.map(
  ([what, message, code = 'ERR_PROTOCOL']) => [what, message, code],
)
