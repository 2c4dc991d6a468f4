// Two byte streams joined in this process. This file alone knows how bytes cross from one to the other: in order, in
// microtasks, cut as small as a test wants them, with the back-pressure that a socket would have.

import { copyBytes } from '../bytes.js'
import type { ByteStream } from '../contracts/stream.js'
import { CoreError } from '../errors.js'

export interface MemoryStreamOptions {
  /** Cuts what is written into chunks of so many bytes; 1 finds parsers that believe in boundaries. @default as written */
  readonly chunkBytes?: number
  /** How much may wait for the reader before `write` answers false. @default 65_536 */
  readonly highWaterBytes?: number
}

type Listener = (...args: never[]) => void

const HIGH_WATER_BYTES = 64 * 1024

/** Both ends of one connection; what one writes the other reads. A half may end before the other. */
export function memoryStreamPair(options: MemoryStreamOptions = {}): readonly [ByteStream, ByteStream] {
  const a = new MemoryStream(options)
  const b = new MemoryStream(options)
  a.join(b)
  b.join(a)
  return [a, b]
}

class MemoryStream implements ByteStream {
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #chunkBytes: number
  readonly #highWaterBytes: number
  #remote: MemoryStream | null = null
  /** What the remote wrote and nobody has read; bounded by the remote's respect for `write`, as with any stream. */
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #flowing: boolean | null = null
  #pumping = false
  #remoteEnded = false
  #readEnded = false
  #writeEnded = false
  #destroyed = false
  #remoteWaits = false

  constructor(options: MemoryStreamOptions) {
    this.#chunkBytes = options.chunkBytes ?? Number.POSITIVE_INFINITY
    this.#highWaterBytes = options.highWaterBytes ?? HIGH_WATER_BYTES
    if (!(this.#chunkBytes >= 1)) throw new TypeError(`chunks of ${this.#chunkBytes} bytes`)
  }

  join(remote: MemoryStream): void {
    this.#remote = remote
  }

  write(chunk: Uint8Array): boolean {
    if (this.#destroyed || !this.#remote) return false
    if (this.#writeEnded) {
      this.destroy(new CoreError('ERR_CLOSED', 'written after the end'))
      return false
    }
    return this.#remote.receive(copyBytes(chunk))
  }

  end(): this {
    if (this.#writeEnded || this.#destroyed) return this
    this.#writeEnded = true
    this.#remote?.endedByRemote()
    this.#closeIfDone()
    return this
  }

  destroy(error?: Error): this {
    if (this.#destroyed) return this
    this.#destroyed = true
    this.#queue = []
    this.#queuedBytes = 0
    queueMicrotask(() => {
      if (error) this.#emit('error', error)
      this.#emit('close')
      this.#remote?.destroy()
    })
    return this
  }

  pause(): this {
    this.#flowing = false
    return this
  }

  resume(): this {
    this.#flowing = true
    this.#pump()
    return this
  }

  on(event: string, listener: Listener): this {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners.add(listener))
    // Like Node's streams: asking for data starts the flow unless it was paused on purpose.
    if (event === 'data' && this.#flowing === null) this.resume()
    return this
  }

  removeListener(event: string, listener: Listener): this {
    this.#listeners.get(event)?.delete(listener)
    return this
  }

  receive(chunk: Uint8Array): boolean {
    if (this.#destroyed) return false
    if (chunk.byteLength > 0) this.#queue.push(chunk)
    this.#queuedBytes += chunk.byteLength
    this.#pump()
    this.#remoteWaits ||= this.#queuedBytes > this.#highWaterBytes
    return !this.#remoteWaits
  }

  /** One chunk each microtask, so that whoever pauses in a listener gets nothing more. */
  #pump(): void {
    if (this.#pumping || !this.#flowing || this.#destroyed) return
    this.#pumping = true
    queueMicrotask(() => {
      this.#pumping = false
      if (!this.#flowing || this.#destroyed) return
      if (this.#queue.length > 0) this.#deliver()
      else if (this.#remoteEnded) this.#endReading()
    })
  }

  #deliver(): void {
    const chunk = this.#takeChunk()
    this.#queuedBytes -= chunk.byteLength
    if (this.#remoteWaits && this.#queuedBytes === 0) {
      this.#remoteWaits = false
      queueMicrotask(() => this.#remote?.tellDrain())
    }
    this.#pump()
    this.#emit('data', chunk)
  }

  #takeChunk(): Uint8Array {
    const [first = new Uint8Array()] = this.#queue
    if (first.byteLength <= this.#chunkBytes) {
      this.#queue.shift()
      return first
    }
    this.#queue[0] = first.subarray(this.#chunkBytes)
    return first.slice(0, this.#chunkBytes)
  }

  endedByRemote(): void {
    this.#remoteEnded = true
    this.#pump()
  }

  tellDrain(): void {
    if (!this.#destroyed && !this.#writeEnded) this.#emit('drain')
  }

  #endReading(): void {
    if (this.#readEnded) return
    this.#readEnded = true
    this.#emit('end')
    this.#closeIfDone()
  }

  #closeIfDone(): void {
    if (!this.#readEnded || !this.#writeEnded || this.#destroyed) return
    this.#destroyed = true
    queueMicrotask(() => this.#emit('close'))
  }

  #emit(event: string, ...args: unknown[]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) (listener as (...args: unknown[]) => void)(...args)
  }
}
