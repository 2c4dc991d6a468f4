// The least that a byte stream must do to carry a link. Node's Duplex and streamx's Duplex both satisfy it.

/** A reliable, ordered, two-way byte stream. */
export interface ByteStream {
  /** False when the stream would rather wait for 'drain'; the chunk is taken all the same. */
  write(chunk: Uint8Array): boolean
  /** No more will be written. */
  end(): unknown
  /** Ends both directions at once; twice is once. */
  destroy(error?: Error): unknown
  pause(): unknown
  resume(): unknown
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end' | 'close' | 'drain', listener: () => void): unknown
  removeListener(event: string, listener: (...args: never[]) => void): unknown
}
