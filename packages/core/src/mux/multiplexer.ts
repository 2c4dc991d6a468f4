// The only file that speaks protomux. It opens sessions that carry a window with their handshake, and answers two
// questions that protomux has no public answer to; its version is pinned exactly for their sake.

import { uint } from 'compact-encoding'
import Protomux from 'protomux'
import type { ChannelName } from '../contracts/link.js'
import { toHex } from '../hex.js'
import type { GuardedStream } from './guard.js'

/** What the remote said when it opened its side. */
export interface Opening {
  /** Bytes that it takes at once. */
  readonly window: number
  readonly handshake: Uint8Array
}

export interface SessionEvents {
  readonly onOpen: (opening: Opening) => void
  readonly onFrame: (frame: Uint8Array) => void
  readonly onCredit: (bytes: number) => void
  /** By the remote or with the stream; never for our own `close`. */
  readonly onClose: () => void
  /** The stream takes more again. */
  readonly onDrain: () => void
}

/** Our side of one channel. */
export interface Session {
  sendFrame(frame: Uint8Array): void
  sendCredit(bytes: number): void
  close(): void
}

interface State {
  start: number
  end: number
  buffer: Uint8Array | null
}

export class Multiplexer {
  readonly #stream: GuardedStream
  readonly #mux: Protomux

  constructor(stream: GuardedStream) {
    this.#stream = stream
    this.#mux = new Protomux(stream)
  }

  /** False while the stream would rather wait; replies wait with it, so that a remote that does not read cannot pile them up. */
  get drained(): boolean {
    return this.#mux.drained
  }

  /** Ids of ours in use, also those of closed channels that the remote has not answered yet. */
  get ids(): number {
    return this.#mux._local.length - this.#mux._free.length
  }

  /** True if the next open of this name by the remote answers one of ours, which may be closed by now. */
  awaits(name: ChannelName): boolean {
    const info = this.#mux._infos.get(`${name.protocol}##${name.id ? toHex(name.id) : ''}`)
    return info !== undefined && info.outgoing.length > 0
  }

  /** Opens our side; null if the stream is gone or the name is open already. */
  open(name: ChannelName, opening: Opening, events: SessionEvents): Session | null {
    let closing = false
    const channel = this.#mux.createChannel({
      protocol: name.protocol,
      id: name.id && name.id.byteLength > 0 ? name.id : null,
      handshake: openings,
      onopen: (remote) => this.#safely(() => events.onOpen(remote)),
      onclose: () => this.#safely(() => closing || events.onClose()),
      ondrain: () => this.#safely(events.onDrain),
    })
    if (!channel) return null
    const frames = channel.addMessage({
      encoding: bodies,
      onmessage: (frame) => this.#safely(() => events.onFrame(frame)),
    })
    const credits = channel.addMessage({
      encoding: uint,
      onmessage: (bytes) => this.#safely(() => events.onCredit(bytes)),
    })
    channel.open(opening)
    return {
      sendFrame: (frame) => void frames.send(frame),
      sendCredit: (bytes) => void credits.send(bytes),
      close() {
        closing = true
        channel.close()
      },
    }
  }

  /** An error never reaches protomux, which would rethrow some kinds where nobody can catch them. */
  #safely(run: () => unknown): void {
    try {
      run()
    } catch (error) {
      this.#stream.destroy(error instanceof Error ? error : undefined)
    }
  }
}

/** All that is left of a message, without its length. */
const bodies = {
  preencode(state: State, body: Uint8Array): void {
    state.end += body.byteLength
  },
  encode(state: State, body: Uint8Array): void {
    state.buffer?.set(body, state.start)
    state.start += body.byteLength
  },
  decode(state: State): Uint8Array {
    const body = state.buffer?.subarray(state.start, state.end) ?? new Uint8Array()
    state.start = state.end
    return body
  },
}

const openings = {
  preencode(state: State, { window, handshake }: Opening): void {
    uint.preencode(state, window)
    bodies.preencode(state, handshake)
  },
  encode(state: State, { window, handshake }: Opening): void {
    uint.encode(state, window)
    bodies.encode(state, handshake)
  },
  decode(state: State): Opening {
    return { window: uint.decode(state), handshake: bodies.decode(state) }
  },
}
