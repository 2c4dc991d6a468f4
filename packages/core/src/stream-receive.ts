// Awaits one message of a paused message stream and pauses it again. For handshakes, before a link takes the stream over.

import { CoreError } from './errors.js'
import type { MessageStream } from './mux/message-stream.js'

/** The next message; rejects with `ERR_HANDSHAKE` if the stream ends before. */
export function receiveMessage(stream: MessageStream): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let cause: Error | null = null
    const onMessage = (message: Uint8Array): void => {
      stop()
      stream.pause()
      resolve(message)
    }
    const onError = (error: Error): void => {
      cause = error
    }
    const onEnd = (): void => {
      stop()
      const why = cause ? `: ${cause.message}` : ''
      reject(new CoreError('ERR_HANDSHAKE', `the stream ended during the handshake${why}`, cause ? { cause } : {}))
    }
    const stop = (): void => {
      stream.removeListener('data', onMessage)
      stream.removeListener('end', onEnd)
      stream.removeListener('close', onEnd)
    }
    stream.on('error', onError)
    stream.on('data', onMessage)
    stream.on('end', onEnd)
    stream.on('close', onEnd)
    stream.resume()
  })
}
