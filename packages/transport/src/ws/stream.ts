// A byte stream over one WebSocket: what is written goes out as binary messages of bounded size, what comes in binary
// messages is read, and both sides can be made to wait. It does not know who connected whom.

import { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { GOODBYES, MAX_MESSAGE_BYTES, NORMAL_CLOSURE } from './protocol.js'

/** Bytes that wait to be written or read before the other side is made to wait. */
const BUFFER_BYTES = 64 * 1024
/** Of RFC 6455 §7.4.1: what was said is not what this protocol takes. */
const UNSUPPORTED_DATA = 1003

/** What both ends set: nothing is compressed, no message is large, and a remote has 3 s to say goodbye after we have. */
export const WEBSOCKET_OPTIONS: {
  readonly perMessageDeflate: false
  readonly maxPayload: number
  readonly closeTimeout: number
} = { perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES, closeTimeout: 3_000 }

type Done = (error?: Error | null) => void

export class WebSocketStream extends Duplex {
  readonly #discard: () => void
  #socket: WebSocket | null = null
  /** What was asked of the stream before the handshake was over. */
  #waiting: (() => void) | null = null

  /**
   * Reads and writes once `attach` was called; until then `discard` frees the connection. Every error also ends the
   * stream, which is how its owner hears of it.
   */
  constructor(discard: () => void) {
    super({ allowHalfOpen: false, readableHighWaterMark: BUFFER_BYTES, writableHighWaterMark: BUFFER_BYTES })
    this.#discard = discard
    this.on('error', () => {})
  }

  /** Carries the bytes from now on. */
  attach(socket: WebSocket): void {
    this.#socket = socket
    socket.on('error', (error) => this.destroy(error))
    socket.on('message', (data, isBinary) => this.#onMessage(data as Buffer, isBinary))
    socket.on('close', (code) => this.#onClose(code))
    if (this.destroyed) return socket.terminate()
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.()
  }

  override _read(): void {
    if (this.#socket?.isPaused) this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#whenOpen(() => this.#send(chunk, done))
  }

  /** Small writes that had to wait go out as one message. */
  override _writev(items: { chunk: Buffer }[], done: Done): void {
    this.#whenOpen(() => this.#send(Buffer.concat(items.map(({ chunk }) => chunk)), done))
  }

  override _final(done: Done): void {
    this.#whenOpen((socket) => {
      socket.close(NORMAL_CLOSURE)
      done()
    })
  }

  override _destroy(error: Error | null, done: Done): void {
    if (this.#socket) this.#socket.terminate()
    else this.#discard()
    done(error)
  }

  #whenOpen(run: (socket: WebSocket) => void): void {
    const socket = this.#socket
    if (socket) run(socket)
    else this.#waiting = () => this.#whenOpen(run)
  }

  /** `done` when the system has taken the last part, so that a slow remote makes the writer wait. */
  #send(bytes: Buffer, done: Done): void {
    const socket = this.#socket
    // A remote that has said goodbye reads no more: as with TCP, what is written then goes nowhere, and what it sent
    // before can still be read.
    if (bytes.byteLength === 0 || socket?.readyState !== WebSocket.OPEN) return done()
    for (let at = 0; at < bytes.byteLength; at += MAX_MESSAGE_BYTES) {
      const isLast = at + MAX_MESSAGE_BYTES >= bytes.byteLength
      socket.send(bytes.subarray(at, at + MAX_MESSAGE_BYTES), { binary: true, compress: false }, (error) => {
        if (isLast) done(error)
      })
    }
  }

  #onMessage(bytes: Buffer, isBinary: boolean): void {
    if (this.destroyed) return
    if (!isBinary) {
      this.#socket?.close(UNSUPPORTED_DATA)
      return void this.destroy(new Error('the remote sent text'))
    }
    if (bytes.byteLength > 0 && !this.push(bytes)) this.#socket?.pause()
  }

  /** After a goodbye everything has come; without one the connection broke. */
  #onClose(code: number): void {
    if (GOODBYES.has(code)) this.push(null)
    else this.destroy(new Error(`the connection broke (${code})`))
  }
}
