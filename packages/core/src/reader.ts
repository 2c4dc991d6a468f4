// Takes bytes apart that a remote wrote. Nothing is allocated on the word of a length, and a number has one spelling.

import { uint } from 'compact-encoding'

/** How a decoder says what is wrong; its format decides the code. */
export type Refuse = (why: string, cause?: unknown) => Error

/** A place in `bytes` that moves forward; whatever does not fit is thrown as `refuse` makes it. */
export class Reader {
  readonly #state: { start: number; readonly end: number; readonly buffer: Uint8Array }
  readonly #refuse: Refuse

  constructor(bytes: Uint8Array, refuse: Refuse) {
    this.#state = { start: 0, end: bytes.byteLength, buffer: bytes }
    this.#refuse = refuse
  }

  get left(): number {
    return this.#state.end - this.#state.start
  }

  /** A number below 2^53 in its shortest spelling. */
  uint(): number {
    const from = this.#state.start
    let value: number
    try {
      value = uint.decode(this.#state)
    } catch (cause) {
      throw this.#refuse('cut short', cause)
    }
    if (!Number.isSafeInteger(value)) throw this.#refuse('a number of 2^53 or more')
    const width = { start: 0, end: 0, buffer: null }
    uint.preencode(width, value)
    if (width.end !== this.#state.start - from) throw this.#refuse('a number spelt longer than needed')
    return value
  }

  /** The next `length` bytes, a view. */
  bytes(length: number): Uint8Array {
    if (length > this.left) throw this.#refuse('cut short')
    this.#state.start += length
    return this.#state.buffer.subarray(this.#state.start - length, this.#state.start)
  }

  /** All that is left, a view. */
  rest(): Uint8Array {
    return this.bytes(this.left)
  }

  end(): void {
    if (this.left > 0) throw this.#refuse('bytes after the end')
  }
}
