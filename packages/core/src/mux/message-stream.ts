// What a link needs of whatever carries it: whole messages, in order, both ways. Types only.

import type { ByteStream } from '../contracts/stream.js'

/**
 * A stream of whole messages: each `write` is one message and each 'data' at the other end is the same one, whose bytes
 * the stream does not touch again. After `pause` nothing comes until `resume`, not even from within a 'data' listener.
 * `@hyperswarm/secret-stream` satisfies it.
 */
export interface MessageStream extends ByteStream {
  /** A buffer of that many bytes that saves the stream a copy when it is written next. */
  alloc?(length: number): Uint8Array
}
