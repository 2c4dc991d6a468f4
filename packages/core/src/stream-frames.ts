// Turns a byte stream into a stream of messages: each behind its length, four bytes, little endian. A declared length is
// checked before anything is kept for it, and what is kept grows only with what has really come. It knows no content.

import type { Clock } from './contracts/clock.js'
import type { ByteStream } from './contracts/stream.js'
import { CoreError } from './errors.js'
import type { MessageStream } from './mux/message-stream.js'
import { concat, plainBytes } from './mux/wire.js'
import { ProgressWatch } from './stream-progress.js'

const HEADER_BYTES = 4
/** The first piece of memory for a frame that does not come whole. */
const FIRST_BYTES = 1_024

type Handler = (value?: unknown) => void

export interface FramedStreamOptions {
  /** Bytes of the largest frame; may be changed between frames. */
  readonly maxFrameBytes: number
  readonly clock: Clock
}

/** Messages over `duplex`. Paused at first; ends with an error `ERR_FRAME_SIZE` or `ERR_TIMEOUT` when the remote misbehaves. */
export class FramedStream implements MessageStream {
  readonly #duplex: ByteStream
  readonly #progress: ProgressWatch
  readonly #handlers = new Map<string, Set<Handler>>()
  readonly #header = new Uint8Array(HEADER_BYTES)
  #headerFilled = 0
  /** What has come of a frame that did not come whole. */
  #body: Uint8Array = new Uint8Array()
  #bodyFilled = 0
  /** Bytes that came and were not looked at because the reader paused. */
  #rest: Uint8Array = new Uint8Array()
  #flowing = false
  #pumping = false
  #ended = false
  #destroyed = false
  /** The last buffer that `alloc` gave away, with the header's place in front. */
  #spare: { readonly whole: Uint8Array; readonly body: Uint8Array } | null = null
  maxFrameBytes: number

  constructor(duplex: ByteStream, options: FramedStreamOptions) {
    this.#duplex = duplex
    this.maxFrameBytes = options.maxFrameBytes
    this.#progress = new ProgressWatch(options.clock, () =>
      this.destroy(new CoreError('ERR_TIMEOUT', 'a frame was begun and hardly goes on')),
    )
    duplex.on('error', (error) => this.#emit('error', error))
    duplex.on('close', () => this.#onClose())
    duplex.on('drain', () => this.#emit('drain'))
    duplex.on('end', () => this.#onEnd())
    duplex.on('data', (chunk) => this.#onData(chunk))
    duplex.pause()
  }

  alloc(length: number): Uint8Array {
    const whole = new Uint8Array(HEADER_BYTES + length)
    this.#spare = { whole, body: whole.subarray(HEADER_BYTES) }
    return this.#spare.body
  }

  write(message: Uint8Array): boolean {
    if (this.#spare?.body !== message) this.alloc(message.byteLength).set(message)
    const whole = this.#spare?.whole ?? new Uint8Array()
    this.#spare = null
    new DataView(whole.buffer).setUint32(0, message.byteLength, true)
    return this.#duplex.write(whole)
  }

  end(): void {
    this.#duplex.end()
  }

  destroy(error?: Error): void {
    if (this.#destroyed) return
    this.#destroyed = true
    this.#progress.pause()
    if (error) this.#emit('error', error)
    this.#duplex.destroy()
  }

  pause(): void {
    this.#flowing = false
    this.#progress.pause()
    this.#duplex.pause()
  }

  resume(): void {
    this.#flowing = true
    this.#progress.resume()
    this.#pump()
    if (this.#flowing) this.#duplex.resume()
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

  #onData(chunk: Uint8Array): void {
    if (this.#destroyed) return
    this.#rest = this.#rest.byteLength === 0 ? plainBytes(chunk) : concat(this.#rest, chunk)
    this.#pump()
  }

  /** Emits frames while somebody reads. A handler may pause, resume or destroy: there is one loop at a time. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#flowing && !this.#destroyed && this.#rest.byteLength > 0) this.#step()
    this.#pumping = false
    if (this.#ended && this.#flowing && this.#rest.byteLength === 0) this.#tellEnd()
  }

  #step(): void {
    const before = this.#rest.byteLength
    const frame = this.#takeHeader() ? this.#takeBody() : null
    const unfinished = this.#headerFilled > 0
    this.#progress.note(before - this.#rest.byteLength, { unfinished, ended: frame !== null })
    if (frame) this.#emit('data', frame)
  }

  /** True when the length is known and allowed. */
  #takeHeader(): boolean {
    const part = this.#take(HEADER_BYTES - this.#headerFilled)
    this.#header.set(part, this.#headerFilled)
    this.#headerFilled += part.byteLength
    if (this.#headerFilled < HEADER_BYTES) return false
    if (this.#length <= this.maxFrameBytes) return true
    this.destroy(new CoreError('ERR_FRAME_SIZE', `a frame of ${this.#length} bytes; ${this.maxFrameBytes} may be`))
    return false
  }

  get #length(): number {
    return new DataView(this.#header.buffer).getUint32(0, true)
  }

  /** The frame if it is complete: a view of what came if it came whole. */
  #takeBody(): Uint8Array | null {
    const length = this.#length
    const part = this.#take(length - this.#bodyFilled)
    if (part.byteLength === length) return this.#finish(part)
    this.#grow(this.#bodyFilled + part.byteLength)
    this.#body.set(part, this.#bodyFilled)
    this.#bodyFilled += part.byteLength
    return this.#bodyFilled === length ? this.#finish(this.#body.subarray(0, length)) : null
  }

  #finish(frame: Uint8Array): Uint8Array {
    this.#headerFilled = 0
    this.#bodyFilled = 0
    this.#body = new Uint8Array()
    return frame
  }

  /** To at most twice what has come. */
  #grow(needed: number): void {
    if (needed <= this.#body.byteLength) return
    const grown = new Uint8Array(Math.min(this.#length, Math.max(FIRST_BYTES, 2 * needed)))
    grown.set(this.#body.subarray(0, this.#bodyFilled))
    this.#body = grown
  }

  #take(atMost: number): Uint8Array {
    const part = this.#rest.subarray(0, atMost)
    this.#rest = this.#rest.subarray(part.byteLength)
    return part
  }

  #onEnd(): void {
    this.#ended = true
    if (this.#rest.byteLength === 0) this.#tellEnd()
  }

  #tellEnd(): void {
    this.#ended = false
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
