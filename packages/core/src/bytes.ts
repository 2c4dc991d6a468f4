// Copies of bytes, and whether two are the same. `slice` is no way to copy: on a Node Buffer it is a view of the same memory.

/** The same bytes in memory of their own, always a plain Uint8Array. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

/** True if both have the same length and bytes. How long it takes tells where they differ. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false
  for (let index = 0; index < a.byteLength; index++) if (a[index] !== b[index]) return false
  return true
}
