// Bytes that differ from place to place, so that a case sees what was swapped, lost or doubled.

/** `length` bytes, the same ones for the same length. */
export function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + length) & 0xff)
}
