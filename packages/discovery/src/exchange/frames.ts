// The frames of the exchange channel (`hearsay/exchange/1`). A frame is one byte of type and a body; its length is checked
// before anything is read, and a byte too many makes it malformed. Numbers have fixed widths, so each has one spelling.
// Records stay bytes here: their signatures are checked by who decides whether they are wanted. Byte by byte in docs/wire.md.

import { MAX_ADDRESS_RECORD_BYTES } from '@hearsay/core'
import { DiscoveryError } from '../errors.js'

export type ExchangeFrame =
  /** First on each side, and again when it changes: whether others may be told of the sender. */
  | { readonly type: 'hello'; readonly tellable: boolean }
  /** Name up to so many members of the topic that you are linked to. */
  | { readonly type: 'ask'; readonly count: number }
  /** The answer to an ask: encoded address records. */
  | { readonly type: 'tell'; readonly records: readonly Uint8Array[] }
  /** A member that the sender has just been linked to, unasked. */
  | { readonly type: 'news'; readonly record: Uint8Array }

/** Records in one answer. */
export const MAX_TOLD_RECORDS = 16

const HELLO = 0
const ASK = 1
const TELL = 2
const NEWS = 3
const TELLABLE = 1
/** An address record is at least a version, a peer, a seq, a count and a signature. */
const MIN_RECORD_BYTES = 1 + 32 + 1 + 1 + 64
/** The largest body of each type. */
const MAX_BODY_BYTES: Readonly<Record<number, number>> = {
  [HELLO]: 1,
  [ASK]: 1,
  [TELL]: 1 + MAX_TOLD_RECORDS * (2 + MAX_ADDRESS_RECORD_BYTES),
  [NEWS]: MAX_ADDRESS_RECORD_BYTES,
}

/** Throws `TypeError` for what no frame can carry. */
export function encodeExchangeFrame(frame: ExchangeFrame): Uint8Array {
  switch (frame.type) {
    case 'hello':
      return Uint8Array.of(HELLO, frame.tellable ? TELLABLE : 0)
    case 'ask':
      if (!isCount(frame.count) || frame.count === 0) throw new TypeError(`cannot ask for ${frame.count} records`)
      return Uint8Array.of(ASK, frame.count)
    case 'tell':
      return encodeTell(frame.records)
    case 'news':
      return concat([Uint8Array.of(NEWS), frame.record])
  }
}

/** The frame in `bytes`, or `ERR_FRAME`. Records are views of `bytes`. */
export function decodeExchangeFrame(bytes: Uint8Array): ExchangeFrame {
  const type = bytes[0]
  const most = type === undefined ? undefined : MAX_BODY_BYTES[type]
  if (most === undefined) throw malformed(type === undefined ? 'empty' : `type ${type}`)
  if (bytes.byteLength - 1 > most) throw malformed(`${bytes.byteLength} bytes of type ${type}`)
  return decodeBody(type, bytes.subarray(1))
}

function decodeBody(type: number | undefined, body: Uint8Array): ExchangeFrame {
  switch (type) {
    case HELLO: {
      const flags = onlyByte(body)
      if (flags > TELLABLE) throw malformed(`flags ${flags}`)
      return { type: 'hello', tellable: flags === TELLABLE }
    }
    case ASK: {
      const count = onlyByte(body)
      if (!isCount(count) || count === 0) throw malformed(`an ask for ${count} records`)
      return { type: 'ask', count }
    }
    case TELL:
      return { type: 'tell', records: decodeRecords(body) }
    default:
      return { type: 'news', record: checkRecord(body) }
  }
}

function onlyByte(body: Uint8Array): number {
  const [byte] = body
  if (byte === undefined || body.byteLength !== 1) throw malformed(`${body.byteLength} bytes for one`)
  return byte
}

function decodeRecords(body: Uint8Array): readonly Uint8Array[] {
  const count = body[0] ?? 0
  if (body.byteLength === 0 || !isCount(count)) throw malformed(`${count} records`)
  const records: Uint8Array[] = []
  let at = 1
  while (records.length < count) {
    const length = (body[at] ?? 0) + (body[at + 1] ?? 0) * 256
    const end = at + 2 + length
    if (end > body.byteLength) throw malformed('cut short')
    records.push(checkRecord(body.subarray(at + 2, end)))
    at = end
  }
  if (at !== body.byteLength) throw malformed('bytes after the end')
  return records
}

function checkRecord(bytes: Uint8Array): Uint8Array {
  const { byteLength } = bytes
  if (byteLength >= MIN_RECORD_BYTES && byteLength <= MAX_ADDRESS_RECORD_BYTES) return bytes
  throw malformed(`a record of ${byteLength} bytes`)
}

function encodeTell(records: readonly Uint8Array[]): Uint8Array {
  if (!isCount(records.length)) throw new TypeError(`${records.length} records in one frame`)
  return concat([Uint8Array.of(TELL, records.length), ...records.flatMap((record) => [lengthBytes(record), record])])
}

function isCount(count: number): boolean {
  return count <= MAX_TOLD_RECORDS
}

function lengthBytes({ byteLength }: Uint8Array): Uint8Array {
  return Uint8Array.of(byteLength % 256, Math.floor(byteLength / 256))
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.byteLength
  }
  return out
}

function malformed(why: string): DiscoveryError {
  return new DiscoveryError('ERR_FRAME', `malformed frame: ${why}`)
}
