// Stands between a raw stream and its decryption. The decrypting stream allocates whatever length a frame declares, so this
// guard reads each length first, and ends the stream when it is above the limit or when a begun frame hardly goes on. It
// copies nothing and decrypts nothing.

import { type ByteStream, type Clock, CoreError } from '@hearsay/core'
import { ProgressWatch } from '@hearsay/core/stream'

/** The length in front of each frame: three bytes, little endian. */
const HEADER_BYTES = 3

type Handler = (value?: unknown) => void

export class LengthGuard implements ByteStream {
  readonly #raw: ByteStream
  readonly #maxFrameBytes: number
  readonly #progress: ProgressWatch
  readonly #handlers = new Map<string, Set<Handler>>()
  #headerFilled = 0
  #length = 0
  /** Bytes of the present frame that have not come. */
  #missing = 0
  #destroyed = false

  constructor(raw: ByteStream, options: { readonly maxFrameBytes: number; readonly clock: Clock }) {
    this.#raw = raw
    this.#maxFrameBytes = options.maxFrameBytes
    this.#progress = new ProgressWatch(options.clock, () =>
      this.#fail(new CoreError('ERR_TIMEOUT', 'a frame was begun and hardly goes on')),
    )
    raw.on('error', (error) => this.#emit('error', error))
    raw.on('close', () => this.#onClose())
    raw.on('drain', () => this.#emit('drain'))
    raw.on('end', () => this.#onEnd())
    raw.on('data', (chunk) => {
      if (this.pass(chunk)) this.#emit('data', chunk)
    })
    raw.pause()
  }

  /** True if the chunk may go on. For bytes that were read before the guard was there. */
  pass(chunk: Uint8Array): boolean {
    if (this.#destroyed) return false
    let ended = false
    for (let at = 0; at < chunk.byteLength; ) {
      if (this.#headerFilled < HEADER_BYTES) {
        this.#readHeader(chunk[at++] ?? 0)
        if (this.#length > this.#maxFrameBytes) return this.#refuse()
      } else {
        const part = Math.min(this.#missing, chunk.byteLength - at)
        this.#missing -= part
        at += part
      }
      if (this.#headerFilled === HEADER_BYTES && this.#missing === 0) ended = this.#nextFrame()
    }
    this.#progress.note(chunk.byteLength, { unfinished: this.#headerFilled > 0, ended })
    return true
  }

  write(chunk: Uint8Array): boolean {
    return this.#raw.write(chunk)
  }

  end(): void {
    this.#raw.end()
  }

  destroy(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    this.#progress.pause()
    this.#raw.destroy()
  }

  pause(): void {
    this.#progress.pause()
    this.#raw.pause()
  }

  resume(): void {
    this.#progress.resume()
    this.#raw.resume()
  }

  on(event: string, handler: (...args: never[]) => void): this {
    const handlers = this.#handlers.get(event) ?? new Set()
    this.#handlers.set(event, handlers.add(handler as Handler))
    return this
  }

  removeListener(event: string, handler: (...args: never[]) => void): this {
    this.#handlers.get(event)?.delete(handler as Handler)
    return this
  }

  #readHeader(byte: number): void {
    this.#length += byte * 256 ** this.#headerFilled
    this.#headerFilled++
    this.#missing = this.#length
  }

  #nextFrame(): true {
    this.#headerFilled = 0
    this.#length = 0
    return true
  }

  #refuse(): false {
    this.#fail(new CoreError('ERR_FRAME_SIZE', `a frame of ${this.#length} bytes; ${this.#maxFrameBytes} may be`))
    return false
  }

  #fail(error: Error): void {
    if (this.#destroyed) return
    this.destroy()
    this.#emit('error', error)
  }

  #onEnd(): void {
    this.#progress.pause()
    this.#emit('end')
  }

  #onClose(): void {
    this.#destroyed = true
    this.#progress.pause()
    this.#emit('close')
  }

  #emit(event: string, value?: unknown): void {
    for (const handler of [...(this.#handlers.get(event) ?? [])]) handler(value)
  }
}
