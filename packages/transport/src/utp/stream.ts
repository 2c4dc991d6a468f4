// A uTP connection as a Node stream. Each direction ends by itself: `end()` says goodbye to the remote, and what it says can
// still be read; when the remote has ended, what we write still reaches it. With `allowHalfOpen: false` the end of the remote
// ends us, too. Back-pressure works both ways: what is not read closes the window of the remote, and a write is done when it
// is in packets. `destroy()` sends what was written, for five seconds, and reads nothing; `destroy(error)` is immediate.

import { Duplex } from 'node:stream'
import { errorOf } from './errors.js'
import type { ConnectionHandle, Remote, UtpFailure, UtpInput } from './messages.js'

/** What a stream is of: a connection of a port, which takes what is asked of it. */
export interface StreamPort {
  readonly connection: ConnectionHandle
  readonly remote: Remote
  readonly ask: (input: UtpInput) => void
}

export interface UtpStreamOptions {
  /** False: the stream ends when the remote has ended. @default true */
  readonly allowHalfOpen?: boolean
}

/** Bytes that wait in the stream to be read, and as many again that the port may hand over. */
const READ_BYTES = 64 * 1024
/** Bytes that wait to be written before `write` answers false. */
const WRITE_BYTES = 256 * 1024

type Done = (error?: Error | null) => void

function ignore(): void {}

/** Every error also ends the stream, which is how its owner hears of it; unheard, it does not end the process. */
export class UtpStream extends Duplex {
  readonly remote: Remote
  readonly #connection: ConnectionHandle
  readonly #ask: (input: UtpInput) => void
  /** Bytes that the port may still hand over. */
  #credit = 0
  #written: Done | null = null
  #finished: Done | null = null
  #isOver = false

  constructor({ connection, remote, ask }: StreamPort, { allowHalfOpen = true }: UtpStreamOptions = {}) {
    super({ allowHalfOpen, readableHighWaterMark: READ_BYTES, writableHighWaterMark: WRITE_BYTES })
    this.#connection = connection
    this.#ask = ask
    this.remote = remote
    this.on('error', ignore)
  }

  override _read(): void {
    if (this.#credit > READ_BYTES / 2 || this.#isOver) return
    this.#credit = READ_BYTES
    this.#ask({ type: 'read', connection: this.#connection, bytes: READ_BYTES })
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#send([chunk], done)
  }

  override _writev(items: { chunk: Buffer }[], done: Done): void {
    this.#send(
      items.map(({ chunk }) => chunk),
      done,
    )
  }

  /** Done when the remote has everything. */
  override _final(done: Done): void {
    if (this.#isOver) return done()
    this.#finished = done
    this.#ask({ type: 'end', connection: this.#connection })
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#written = null
    this.#finished = null
    if (!this.#isOver) this.#ask({ type: error ? 'reset' : 'abandon', connection: this.#connection })
    done(error)
  }

  /** Of the port: bytes that came. */
  onData(bytes: Uint8Array): void {
    this.#credit -= bytes.length
    if (!this.destroyed) this.push(bytes)
  }

  /** Of the port: what happened. */
  onEvent(type: 'end' | 'drained' | 'finished'): void {
    if (type === 'end') {
      if (!this.destroyed) this.push(null)
    } else if (type === 'drained') this.#settle('#written')
    else this.#settle('#finished')
  }

  /** Of the port: nothing more happens. */
  onClosed(failure: UtpFailure | null): void {
    this.#isOver = true
    if (failure) return void this.destroy(errorOf(failure))
    this.#settle('#written')
    this.#settle('#finished')
  }

  #send(chunks: readonly Uint8Array[], done: Done): void {
    // As with TCP, what is written to somebody who is gone goes nowhere; 'close' tells.
    if (this.#isOver || chunks.every(({ length }) => length === 0)) return done()
    this.#written = done
    const connection = this.#connection
    for (const bytes of chunks) this.#ask({ type: 'write', connection, bytes })
  }

  #settle(which: '#written' | '#finished'): void {
    const done = which === '#written' ? this.#written : this.#finished
    if (which === '#written') this.#written = null
    else this.#finished = null
    done?.()
  }
}
