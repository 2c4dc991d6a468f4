// A room as a Node stream: for programs that are made of pipes.

import { Duplex } from 'node:stream'
import { hasCode } from '@hearsay/core'
import type { Message, Room } from '@hearsay/gossip'

/**
 * What is written is published; what is read is others' messages, as values of the room's encoding, or as bytes where there
 * is none or a stream cannot carry it: null and undefined.
 */
export function roomDuplex(room: Room<unknown>): Duplex {
  return new RoomDuplex(room)
}

class RoomDuplex extends Duplex {
  readonly #room: Room<unknown>
  readonly #messages: AsyncIterator<Message<unknown>>
  #isReading = false

  constructor(room: Room<unknown>) {
    super({ objectMode: true, allowHalfOpen: true })
    this.#room = room
    this.#messages = room.subscribe({ whenSlow: 'pause' })[Symbol.asyncIterator]()
    // An error also ends the stream, which its user hears; unheard it would end the process.
    this.on('error', () => {})
  }

  override _read(): void {
    if (this.#isReading) return
    this.#isReading = true
    this.#messages.next().then(
      ({ done, value }) => {
        this.#isReading = false
        // To push null would end the stream, whoever said it.
        this.push(done ? null : (value.data ?? value.bytes))
      },
      (error: Error) => this.destroy(error),
    )
  }

  override _write(value: unknown, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#room.publish(value).then(
      () => done(),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    )
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const end = (): void => done(hasCode(error, 'ERR_CLOSED') ? null : error)
    Promise.resolve(this.#messages.return?.()).then(end, end)
  }
}
