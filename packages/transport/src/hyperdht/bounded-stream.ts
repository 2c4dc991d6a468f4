// The library's encrypted stream, with bounds on what a remote may cost. By itself the library sets memory aside for any
// three-byte length, 16 MiB, before a byte of the message has come; and its sockets cannot be made to stop receiving, so
// that a reader who waits lets the remote fill the memory. This file decrypts nothing and knows no channels.

import { CoreError } from '@hearsay/core'
import { DEFAULT_MUX_LIMITS } from '@hearsay/core/mux'
import SecretStream from '@hyperswarm/secret-stream'
import type { CreateSecretStream, DhtStream } from './library.js'

/** The length in front of each message: three bytes, little endian. */
const HEADER_BYTES = 3
/** What the encryption adds to a message. */
const SEAL_BYTES = 17
const MAX_FRAME_BYTES = DEFAULT_MUX_LIMITS.maxMessageBytes + SEAL_BYTES

/** What may come and not be read: far more than the windows of a link's channels let an honest peer send. */
export const MAX_UNREAD_BYTES: number = 8 * 1024 * 1024

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
    this.#checkUnread()
  }

  /** All that waits, waits here, where it is counted: pausing the socket below would only hide it. */
  #checkUnread(): void {
    if (this._readableState.buffered > MAX_UNREAD_BYTES) {
      this.destroy(new CoreError('ERR_PROTOCOL', `more than ${MAX_UNREAD_BYTES} bytes came that nobody reads`))
    } else this.rawStream?.resume()
  }

  #refuse(): void {
    this.destroy(new CoreError('ERR_FRAME_SIZE', `a frame of ${this.#length} bytes; ${MAX_FRAME_BYTES} may be`))
  }
}
