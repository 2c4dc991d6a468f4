// The library's encrypted stream, with a bound on what a remote may declare: the library itself sets memory aside for any
// three-byte length, 16 MiB, before a byte of the message has come. It decrypts nothing and knows no channels.

import { CoreError } from '@hearsay/core'
import { DEFAULT_MUX_LIMITS } from '@hearsay/core/mux'
import SecretStream from '@hyperswarm/secret-stream'
import type { CreateSecretStream, DhtStream } from './library.js'

/** The length in front of each message: three bytes, little endian. */
const HEADER_BYTES = 3
/** What the encryption adds to a message. */
const SEAL_BYTES = 17
const MAX_FRAME_BYTES = DEFAULT_MUX_LIMITS.maxMessageBytes + SEAL_BYTES

/** For `createSecretStream` of the library. */
export const createBoundedStream: CreateSecretStream = (isInitiator, raw, options) =>
  new BoundedStream(isInitiator, raw, options) as unknown as DhtStream

class BoundedStream extends SecretStream {
  #filled = 0
  #length = 0
  /** Bytes of the present message that have not come. */
  #missing = 0

  override _onrawdata(data: Uint8Array): void {
    for (let at = 0; at < data.byteLength; ) {
      if (this.#filled < HEADER_BYTES) {
        this.#length += (data[at++] ?? 0) * 256 ** this.#filled++
        if (this.#length > MAX_FRAME_BYTES) return this.#refuse()
        this.#missing = this.#length
      } else {
        const part = Math.min(this.#missing, data.byteLength - at)
        this.#missing -= part
        at += part
      }
      if (this.#filled === HEADER_BYTES && this.#missing === 0) {
        this.#filled = 0
        this.#length = 0
      }
    }
    super._onrawdata(data)
  }

  #refuse(): void {
    this.destroy(new CoreError('ERR_FRAME_SIZE', `a frame of ${this.#length} bytes; ${MAX_FRAME_BYTES} may be`))
  }
}
