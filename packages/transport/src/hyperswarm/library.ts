// The part of `protomux` that we use, with types of our own: the library ships none. It is loaded by `require`, so that no
// declaration of the module is needed that could meet another package's.

import { createRequire } from 'node:module'

interface State {
  start: number
  end: number
  buffer: Uint8Array | null
}

export interface Encoding<Value> {
  preencode(state: State, value: Value): void
  encode(state: State, value: Value): void
  decode(state: State): Value
}

export interface MultiplexerChannel<Handshake> {
  open(handshake: Handshake): void
  close(): void
  addMessage<Value>(options: { readonly encoding: Encoding<Value>; readonly onmessage: (value: Value) => void }): {
    send(value: Value): boolean
  }
}

/** A Protomux, ours or that of whoever shares the stream. */
export interface Multiplexer {
  /** Null if the stream is gone or the channel is open already. */
  createChannel<Handshake>(options: {
    readonly protocol: string
    readonly handshake: Encoding<Handshake>
    readonly onopen: (handshake: Handshake) => void
    readonly onclose: () => void
    readonly ondrain: () => void
  }): MultiplexerChannel<Handshake> | null
  /** Asks `notify` when the remote opens a channel that is not open here. */
  pair(name: { readonly protocol: string }, notify: () => void): void
  unpair(name: { readonly protocol: string }): void
}

export const Protomux = createRequire(import.meta.url)('protomux') as {
  /** The multiplexer that the stream has already, or a new one that it has from now on. */
  from(stream: object): Multiplexer
}

/** All that is left of a message, without its length. */
export const bodies: Encoding<Uint8Array> = {
  preencode(state, body) {
    state.end += body.byteLength
  },
  encode(state, body) {
    state.buffer?.set(body, state.start)
    state.start += body.byteLength
  },
  decode(state) {
    const body = state.buffer?.subarray(state.start, state.end) ?? new Uint8Array()
    state.start = state.end
    return body
  },
}
