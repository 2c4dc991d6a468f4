// A channel as a Node stream: bytes in both directions, each with its own end, and nobody buffers more than the window.
//
//     frame = 0 ‖ bytes      data
//           | 1              the sender will send no more

import { Duplex } from 'node:stream'
import { copyBytes } from '../bytes.js'
import type { Channel, CloseReason } from '../contracts/link.js'
import { CoreError } from '../errors.js'

const DATA = 0
const END = 1
/** Larger writes are cut, so that other channels of the link get their turn. */
const MAX_CHUNK_BYTES = 64 * 1024

/**
 * The channel as a Duplex. Ending the writable side leaves the readable one open until the remote ends its own; then the
 * channel closes. A channel that closes before both ends errors the stream with `ERR_CLOSED`. Destroying it closes the channel.
 */
export function channelDuplex(channel: Channel): Duplex {
  return new ChannelDuplex(channel)
}

class ChannelDuplex extends Duplex {
  readonly #channel: Channel
  #isOpen = false
  #ended = false
  #remoteEnded = false
  #continue: (() => void) | null = null

  constructor(channel: Channel) {
    super({ allowHalfOpen: true })
    this.#channel = channel
    // An error also closes the stream, which its user hears; unheard it would end the process.
    this.on('error', () => {})
    channel.on('open', () => {
      this.#isOpen = true
      this.#resume()
    })
    channel.on('frame', (frame) => this.#onFrame(frame))
    channel.on('drain', () => this.#resume())
    channel.on('close', (reason) => this.#onClose(reason))
  }

  override _read(): void {
    this.#channel.setFlowing(true)
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#sendFrom(chunk, 0, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#whenWritable(() => {
      if (!this.#channel.send(Uint8Array.of(END))) return this._final(done)
      this.#ended = true
      done()
      this.#closeWhenOver()
    })
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#continue = null
    this.#channel.close()
    done(error)
  }

  #sendFrom(chunk: Uint8Array, offset: number, done: (error?: Error | null) => void): void {
    if (offset >= chunk.byteLength) return done()
    this.#whenWritable(() => {
      const part = chunk.subarray(offset, offset + MAX_CHUNK_BYTES)
      const frame = new Uint8Array(1 + part.byteLength)
      frame[0] = DATA
      frame.set(part, 1)
      const sent = this.#channel.send(frame)
      this.#sendFrom(chunk, sent ? offset + part.byteLength : offset, done)
    })
  }

  /** Runs `send` as soon as the channel is open and has window. */
  #whenWritable(send: () => void): void {
    if (this.#isOpen && this.#channel.window > 0) send()
    else this.#continue = send
  }

  #resume(): void {
    const run = this.#continue
    this.#continue = null
    run?.()
  }

  #onFrame(frame: Uint8Array): void {
    if (this.#remoteEnded || (frame[0] !== DATA && frame[0] !== END)) {
      this.destroy(new CoreError('ERR_PROTOCOL', 'a frame that a stream does not have'))
    } else if (frame[0] === END) {
      this.#remoteEnded = true
      this.push(null)
      this.#closeWhenOver()
    } else if (frame.byteLength > 1 && !this.push(copyBytes(frame.subarray(1)))) this.#channel.setFlowing(false)
  }

  #closeWhenOver(): void {
    if (this.#ended && this.#remoteEnded) this.#channel.close()
  }

  #onClose(reason: CloseReason): void {
    if (this.#ended && this.#remoteEnded) return
    this.destroy(new CoreError('ERR_CLOSED', `the remote closed the stream (${reason.code})`))
  }
}
