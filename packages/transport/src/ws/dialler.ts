// Dialling a WebSocket, whatever makes the socket: Node's library or a browser. It knows addresses, the time that a remote
// has to answer, and how a dial is given up; it does not know how bytes flow.

import { type Address, type ByteStream, type Clock, printAddress } from '@hearsay/core'
import { TransportError } from '../errors.js'

/** The time that a remote has for the HTTP upgrade, unless said otherwise. */
export const HANDSHAKE_TIMEOUT_MS = 3_000

export interface DiallerOptions {
  readonly scheme: string
  readonly clock: Clock
  readonly timeoutMs: number
  /** Begins to connect; `onOpen` once the stream carries bytes. One that cannot become open closes. May throw. */
  readonly open: (url: string, onOpen: () => void) => ByteStream
}

export class Dialler {
  readonly #options: DiallerOptions
  /** Aborts what is being dialled when the transport closes. */
  readonly #closing = new AbortController()

  constructor(options: DiallerOptions) {
    this.#options = options
  }

  get closed(): boolean {
    return this.#closing.signal.aborted
  }

  /** Rejects with `ERR_DIAL`, `ERR_ABORTED` or `ERR_CLOSED`. */
  async dial(address: Address, { signal }: { readonly signal?: AbortSignal }): Promise<ByteStream> {
    const { scheme } = this.#options
    this.checkOpen()
    if (signal?.aborted) throw aborted(signal)
    if (address.scheme !== scheme) throw new TransportError('ERR_DIAL', `${printAddress(address)} is not ${scheme}://`)
    const ended = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal
    try {
      return await this.#open(printAddress({ ...address, peer: null }), ended)
    } catch (cause) {
      this.checkOpen()
      if (signal?.aborted) throw aborted(signal)
      throw new TransportError('ERR_DIAL', `no WebSocket could be opened at ${printAddress(address)}`, { cause })
    }
  }

  close(): void {
    this.#closing.abort()
  }

  /** Throws `ERR_CLOSED` after `close`. */
  checkOpen(): void {
    if (this.closed) throw new TransportError('ERR_CLOSED', 'the transport is closed')
  }

  #open(url: string, signal: AbortSignal): Promise<ByteStream> {
    const { clock, timeoutMs, open } = this.#options
    return new Promise((resolve, reject) => {
      let failure: unknown = new Error('the connection ended during the upgrade')
      const settle = (then: () => void): void => {
        timer.cancel()
        signal.removeEventListener('abort', onAbort)
        then()
      }
      const fail = (reason: unknown): void => {
        settle(() => reject(reason))
        stream.destroy()
      }
      const onAbort = (): void => fail(signal.reason)
      const stream = open(url, () => settle(() => resolve(stream)))
      const timer = clock.setTimer(timeoutMs, () => fail(new Error('the upgrade was not answered in time')))
      signal.addEventListener('abort', onAbort)
      const onError = (error: Error): void => {
        failure = error
      }
      stream.on('error', onError)
      stream.on('close', () => fail(failure))
    })
  }
}

function aborted(signal: AbortSignal): TransportError {
  return new TransportError('ERR_ABORTED', 'dialling was aborted', { cause: signal.reason })
}
