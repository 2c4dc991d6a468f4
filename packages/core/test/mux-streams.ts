// Message streams for the tests of multiplexed links: memory streams keep the boundaries of what is written unless told
// to cut it.

import type { ByteStream } from '@hearsay/core'
import { memoryStreamPair } from '@hearsay/core/memory'
import type { MessageStream } from '@hearsay/core/mux'

export interface MessagePair {
  readonly near: MessageStream
  readonly far: MessageStream
  /** From now on nothing arrives, on either side. */
  readonly cut: () => void
}

export function messagePair(): MessagePair {
  const [near, far] = memoryStreamPair({ highWaterBytes: 1024 * 1024 })
  let isCut = false
  return {
    near: tap(near, () => isCut),
    far: tap(far, () => isCut),
    cut: () => {
      isCut = true
    },
  }
}

function tap(stream: ByteStream, isCut: () => boolean): MessageStream {
  return {
    write: (message) => isCut() || stream.write(message),
    end: () => isCut() || stream.end(),
    destroy: (error) => stream.destroy(error),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    on: stream.on.bind(stream) as MessageStream['on'],
    removeListener: stream.removeListener.bind(stream),
  }
}
