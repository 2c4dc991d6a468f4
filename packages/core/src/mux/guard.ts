// Stands between a message stream and protomux. It parses each message, asks the link, and only then passes it on; it
// holds messages back while the link is not ready for them; and it turns protomux's wish to destroy the stream into a
// failure that the link can tell. It knows nothing of channels.

import { hasCode } from '../errors.js'
import type { MessageStream } from './message-stream.js'
import type { MuxLimits } from './options.js'
import { type Incoming, parseMessage } from './parse.js'
import { plainBytes } from './wire.js'

/** What the guard tells the link. */
export interface GuardEvents {
  /** A well-formed message; passed on to protomux unless the link finishes meanwhile. Throws what the link refuses. */
  readonly onMessage: (message: Incoming) => void
  /** The remote broke a rule, or protomux gave up. */
  readonly onViolation: (error: Error) => void
  /** The remote will write no more. */
  readonly onEnd: () => void
  /** The stream is gone. */
  readonly onClose: (error: Error | null) => void
}

type Handler = (value?: unknown) => void

/** A stream as protomux expects one. Born held: nothing passes before `release`. */
export class GuardedStream {
  /** protomux looks for these. */
  readonly userData: null = null
  readonly alloc?: (length: number) => Uint8Array
  readonly #stream: MessageStream
  readonly #limits: MuxLimits
  readonly #events: GuardEvents
  readonly #handlers = new Map<string, Handler>()
  /** Parsed and not passed on: at most what one 'data' held, for a held stream is paused. */
  #queue: Incoming[] = []
  /** The link has let it pass, and held it while doing so. */
  #admitted: Incoming | null = null
  #held = true
  #passing = false
  #finished = false
  #gone = false
  #error: Error | null = null

  constructor(stream: MessageStream, limits: MuxLimits, events: GuardEvents) {
    this.#stream = stream
    this.#limits = limits
    this.#events = events
    if (stream.alloc) this.alloc = stream.alloc.bind(stream)
    stream.on('error', (error) => {
      this.#error = error
    })
    stream.on('close', () => this.#onClose())
    stream.on('end', () => this.#onEnd())
    stream.on('drain', () => this.#handlers.get('drain')?.())
    stream.on('data', (message) => this.#onData(message))
    stream.pause()
  }

  get destroyed(): boolean {
    return this.#finished || this.#gone
  }

  on(event: string, handler: Handler): this {
    this.#handlers.set(event, handler)
    return this
  }

  /** Keeps messages back, in order. */
  hold(): void {
    this.#held = true
    if (!this.#finished) this.#stream.pause()
  }

  release(): void {
    this.#held = false
    this.#pass()
    if (!this.#held) this.#stream.resume()
  }

  /** Sends what was written and then the end; whatever else comes from the remote is dropped. */
  finish(): void {
    if (this.#finished || this.#gone) return
    this.#finished = true
    this.#queue = []
    this.#admitted = null
    this.#stream.resume()
    this.#stream.end()
  }

  /** Frees the stream at once. */
  abort(): void {
    this.#finished = true
    this.#queue = []
    this.#stream.destroy()
  }

  write(message: Uint8Array): boolean {
    if (this.#finished || this.#gone) return false
    return this.#stream.write(message)
  }

  /** protomux: the remote has ended. The link decides what follows. */
  end(): void {}

  /** protomux: it cannot go on. */
  destroy(error?: Error): void {
    if (!this.#finished) this.#events.onViolation(error ?? new Error('the multiplexer gave up'))
  }

  pause(): void {
    this.hold()
  }

  resume(): void {
    this.release()
  }

  /** protomux: a warning about a promise of ours; we give it none. */
  emit(): boolean {
    return false
  }

  #onData(message: Uint8Array): void {
    if (this.#finished) return
    try {
      this.#queue.push(...parseMessage(plainBytes(message), this.#limits))
    } catch (error) {
      this.#refuse(error)
    }
    this.#pass()
  }

  /** A listener may send, close or hold; it must not start a second pass within the first. */
  #pass(): void {
    if (this.#passing) return
    this.#passing = true
    while (!this.#held && !this.#finished) {
      const admitted = this.#admitted
      const message = admitted ?? this.#queue.shift()
      if (!message) break
      if (admitted || this.#admit(message)) this.#forward(message)
    }
    this.#passing = false
  }

  /** True if the message may go on now; one that the link holds goes on first when it is released. */
  #admit(message: Incoming): boolean {
    try {
      this.#events.onMessage(message)
    } catch (error) {
      this.#refuse(error)
    }
    if (this.#held) this.#admitted = message
    return !this.#held && !this.#finished
  }

  #forward(message: Incoming): void {
    this.#admitted = null
    this.#handlers.get('data')?.(message.bytes)
  }

  #refuse(error: unknown): void {
    this.#queue = []
    const known = hasCode(error, 'ERR_PROTOCOL', 'ERR_FRAME_SIZE', 'ERR_HANDSHAKE')
    this.#events.onViolation(known ? error : new Error('the remote broke the protocol', { cause: error }))
  }

  #onEnd(): void {
    if (!this.#finished) this.#events.onEnd()
  }

  #onClose(): void {
    if (this.#gone) return
    this.#gone = true
    this.#events.onClose(this.#error)
    this.#handlers.get('close')?.()
  }
}
