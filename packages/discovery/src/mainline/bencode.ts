// Reads bencode (BEP 3) from strangers. It stands in front of a decoder that four bytes, `l-3:`, send round for ever, so it
// takes less than that one: bounded depth and number, lengths that are lengths, and no key that is no plain key in JavaScript.

/** What bencode can say; keys are read as UTF-8. */
export type Bencoded = number | Uint8Array | readonly Bencoded[] | ReadonlyMap<string, Bencoded>

/** A message, its arguments, a list of peers: three are in use. */
const MAX_DEPTH = 5
/** A datagram holds 65,507 bytes, and a peer takes eight. */
const MAX_ITEMS = 8_300

const COLON = 0x3a
const [LETTER_D, LETTER_E, LETTER_I, LETTER_L] = [0x64, 0x65, 0x69, 0x6c]

/** The one value that `bytes` are, or null if they are not exactly one. Byte strings are views of `bytes`. */
export function decodeBencode(bytes: Uint8Array): Bencoded | null {
  const reader = new BencodeReader(bytes)
  const value = reader.value(0)
  return value !== null && reader.at === bytes.byteLength ? value : null
}

class BencodeReader {
  at = 0
  readonly #bytes: Uint8Array
  #items = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  value(depth: number): Bencoded | null {
    this.#items += 1
    if (depth > MAX_DEPTH || this.#items > MAX_ITEMS) return null
    const kind = this.#bytes[this.at]
    if (kind === LETTER_D) return this.#dictionary(depth)
    if (kind === LETTER_L) return this.#list(depth)
    return kind === LETTER_I ? this.#integer() : this.#string()
  }

  #dictionary(depth: number): ReadonlyMap<string, Bencoded> | null {
    this.at += 1
    const entries = new Map<string, Bencoded>()
    while (this.#bytes[this.at] !== LETTER_E) {
      const key = this.#string()
      const value = key && this.value(depth + 1)
      if (!key || value === null) return null
      const name = Buffer.from(key).toString()
      // Whoever makes an object of it would set what that object inherits.
      if (name === '__proto__') return null
      entries.set(name, value)
    }
    this.at += 1
    return entries
  }

  #list(depth: number): readonly Bencoded[] | null {
    this.at += 1
    const items: Bencoded[] = []
    while (this.#bytes[this.at] !== LETTER_E) {
      const item = this.value(depth + 1)
      if (item === null) return null
      items.push(item)
    }
    this.at += 1
    return items
  }

  #integer(): number | null {
    this.at += 1
    const negative = this.#bytes[this.at] === 0x2d
    if (negative) this.at += 1
    const digits = this.#digits(LETTER_E, 15)
    return digits === null ? null : negative ? -digits : digits
  }

  #string(): Uint8Array | null {
    const length = this.#digits(COLON, 5)
    if (length === null || this.at + length > this.#bytes.byteLength) return null
    const start = this.at
    this.at += length
    return this.#bytes.subarray(start, this.at)
  }

  /** One to `most` digits and their end. */
  #digits(end: number, most: number): number | null {
    let value = 0
    for (let count = 0; count <= most; count++) {
      const byte = this.#bytes[this.at++]
      if (byte === end) return count === 0 ? null : value
      if (byte === undefined || byte < 0x30 || byte > 0x39) return null
      value = value * 10 + byte - 0x30
    }
    return null
  }
}
