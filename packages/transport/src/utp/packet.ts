// What a uTP packet looks like on the wire (BEP 29, "header format"): 20 bytes, a chain of extensions, a payload. It reads
// strictly and never throws; it knows nothing of connections.

export const HEADER_BYTES = 20
/** Extension header: the kind of the next one, and its own length. */
const EXTENSION_BYTES = 2
const MAX_EXTENSION_BYTES = EXTENSION_BYTES + 255

/** The types of BEP 29. */
export const DATA = 0
export const FIN = 1
export const STATE = 2
export const RESET = 3
export const SYN = 4
export type PacketType = typeof DATA | typeof FIN | typeof STATE | typeof RESET | typeof SYN

const VERSION = 1
const SELECTIVE_ACK = 1
/** Skipped by every implementation, as BEP 29 asks of unknown extensions; makes a packet as long as one wants to try. */
const PADDING = 255
/** uTorrent's "extension bits", eight bytes that nobody heeds. libutp takes no packet that begins with a kind above 2. */
const EXTENSION_BITS = 2
const EXTENSION_BITS_BYTES = 8
/** The least that a packet can be padded with. */
export const MIN_PADDING_BYTES: number = EXTENSION_BYTES + EXTENSION_BITS_BYTES + EXTENSION_BYTES
/** The longest selective acknowledgement that is written: 1,024 packets, more than may be in flight. */
export const MAX_SACK_BYTES = 128

export interface PacketHeader {
  type: PacketType
  id: number
  /** Microseconds modulo 2^32, on the sender's clock. */
  timestamp: number
  /** What the sender last measured between a timestamp of ours and its clock. */
  difference: number
  /** Bytes that the sender is ready to receive. */
  window: number
  seq: number
  ack: number
}

export interface Packet extends Readonly<PacketHeader> {
  /** Bit i, least significant first, stands for packet `ack + 2 + i`. */
  readonly sack: Uint8Array | null
  /** A view of the bytes that were read. */
  readonly payload: Uint8Array
}

/** Most packets carry none, and a view costs more than the rest of what is read. */
const NOTHING: Uint8Array = new Uint8Array(0)

/** The packet that `bytes` are, or null if they are not a valid packet of version 1. */
export function decodePacket(bytes: Uint8Array): Packet | null {
  const first = bytes[0] ?? 0
  const type = first >> 4
  if (bytes.length < HEADER_BYTES || (first & 15) !== VERSION || type > SYN) return null
  let sack: Uint8Array | null = null
  let at = HEADER_BYTES
  let kind = bytes[1] ?? 0
  while (kind !== 0) {
    const length = bytes[at + 1]
    const from = at + EXTENSION_BYTES
    if (length === undefined || from + length > bytes.length) return null
    if (kind === SELECTIVE_ACK) {
      // BEP 29 asks for multiples of 32 bits; libtorrent 2.0 sends any number of bytes.
      if (sack || length === 0) return null
      sack = bytes.subarray(from, from + length)
    }
    kind = bytes[at] ?? 0
    at = from + length
  }
  return {
    type: type as PacketType,
    id: read16(bytes, 2),
    timestamp: read32(bytes, 4),
    difference: read32(bytes, 8),
    window: read32(bytes, 12),
    seq: read16(bytes, 16),
    ack: read16(bytes, 18),
    sack,
    payload: at === bytes.length ? NOTHING : bytes.subarray(at),
  }
}

/** Writes the 20 bytes of a header; the kind of the first extension is left as it is. */
export function writeHeader(bytes: Uint8Array, header: Readonly<PacketHeader>): void {
  bytes[0] = (header.type << 4) | VERSION
  write16(bytes, 2, header.id)
  write32(bytes, 4, header.timestamp)
  write32(bytes, 8, header.difference)
  write32(bytes, 12, header.window)
  write16(bytes, 16, header.seq)
  write16(bytes, 18, header.ack)
}

/** A packet without payload, with a selective acknowledgement if there is something to say. */
export function encodeBare(header: Readonly<PacketHeader>, sack: Uint8Array | null = null): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + (sack ? EXTENSION_BYTES + sack.length : 0))
  writeHeader(bytes, header)
  if (!sack) return bytes
  bytes[1] = SELECTIVE_ACK
  bytes[HEADER_BYTES + 1] = sack.length
  bytes.set(sack, HEADER_BYTES + EXTENSION_BYTES)
  return bytes
}

/** The same packet with `padding` more bytes (at least `MIN_PADDING_BYTES`), in extensions that mean nothing. */
export function padPacket(bytes: Uint8Array, padding: number): Uint8Array {
  const padded = new Uint8Array(bytes.length + padding)
  const end = HEADER_BYTES + padding
  padded.set(bytes.subarray(0, HEADER_BYTES))
  padded.set(bytes.subarray(HEADER_BYTES), end)
  padded[1] = EXTENSION_BITS
  padded[HEADER_BYTES + 1] = EXTENSION_BITS_BYTES
  let last = HEADER_BYTES
  for (let at = HEADER_BYTES + EXTENSION_BYTES + EXTENSION_BITS_BYTES; at < end; ) {
    const rest = end - at
    // A single byte that is left is no extension.
    const length = rest === MAX_EXTENSION_BYTES + 1 ? rest - EXTENSION_BYTES : Math.min(rest, MAX_EXTENSION_BYTES)
    padded[last] = PADDING
    padded[at + 1] = length - EXTENSION_BYTES
    last = at
    at += length
  }
  return padded
}

function read16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

function read32(bytes: Uint8Array, at: number): number {
  return ((read16(bytes, at) << 16) | read16(bytes, at + 2)) >>> 0
}

function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

function write32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
