// What people read of a value that came from others.

/** The text itself, JSON of anything else, and base64 of what is not of the encoding. */
export function textOf(value: {
  readonly data: unknown
  readonly bytes: Uint8Array
  readonly undecodable: boolean
}): string {
  if (value.undecodable) return Buffer.from(value.bytes).toString('base64')
  return typeof value.data === 'string' ? value.data : JSON.stringify(value.data ?? null)
}
