// Copies of bytes. `slice` is no way to make one: on a Node Buffer it is a view of the same memory.

/** The same bytes in memory of their own, always a plain Uint8Array. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
