// Reads handshake messages, each behind two bytes of length, from a stream that nobody has vouched for. It keeps no more
// than the one message that must come next, whose length is known before.

import type { ByteStream } from '@hearsay/core'
import { TransportError } from '../errors.js'

/** Bytes of the length in front of a handshake message, little endian. */
export const LENGTH_BYTES = 2

/** Awaits messages of `stream`, which is paused in between. */
export class MessageReader {
  readonly #stream: ByteStream
  #cause: Error | null = null
  #ended = false
  #take: (chunk: Uint8Array) => void = () => {}
  #reject: (error: TransportError) => void = () => {}

  constructor(stream: ByteStream) {
    this.#stream = stream
    stream.on('error', this.#onError)
    stream.on('end', this.#onEnd)
    stream.on('close', this.#onEnd)
    stream.on('data', this.#onData)
    stream.pause()
  }

  /**
   * The next message, which must have `length` bytes, and what came behind it. Rejects with `ERR_HANDSHAKE` for any other
   * length, or if the stream ends.
   */
  read(length: number): Promise<{ readonly message: Uint8Array; readonly rest: Uint8Array }> {
    const buffer = new Uint8Array(LENGTH_BYTES + length)
    let filled = 0
    return new Promise((resolve, reject) => {
      this.#reject = reject
      this.#take = (chunk) => {
        const part = chunk.subarray(0, buffer.byteLength - filled)
        buffer.set(part, filled)
        filled += part.byteLength
        if (filled >= LENGTH_BYTES && lengthOf(buffer) !== length) return reject(refusal('a message of wrong length'))
        if (filled < buffer.byteLength) return
        this.#stream.pause()
        resolve({ message: buffer.subarray(LENGTH_BYTES), rest: Uint8Array.from(chunk.subarray(part.byteLength)) })
      }
      if (this.#ended) this.#onEnd()
      else this.#stream.resume()
    })
  }

  /** Leaves the stream paused, with its errors handled. */
  release(): void {
    this.#stream.pause()
    this.#stream.removeListener('data', this.#onData)
    this.#stream.removeListener('end', this.#onEnd)
    this.#stream.removeListener('close', this.#onEnd)
  }

  readonly #onData = (chunk: Uint8Array): void => this.#take(chunk)

  readonly #onError = (error: Error): void => {
    this.#cause = error
  }

  readonly #onEnd = (): void => {
    this.#ended = true
    this.#reject(refusal('the stream ended during the handshake', this.#cause))
  }
}

/** A handshake message behind its length. */
export function frameMessage(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(LENGTH_BYTES + message.byteLength)
  new DataView(framed.buffer).setUint16(0, message.byteLength, true)
  framed.set(message, LENGTH_BYTES)
  return framed
}

function lengthOf(buffer: Uint8Array): number {
  return (buffer[0] ?? 0) + (buffer[1] ?? 0) * 256
}

function refusal(why: string, cause: Error | null = null): TransportError {
  return new TransportError('ERR_HANDSHAKE', why, cause ? { cause } : {})
}
