// The listeners of a pool: opened on every transport that can, closed while the pool sleeps, and opened again at the ports
// that they had. It does not know what becomes of the streams.

import type { Address, IncomingStream, Listener, ListenOptions, Transport } from '@hearsay/core'

interface Place {
  readonly transport: Transport
  readonly options: ListenOptions
  /** Null while the pool sleeps. */
  listener: Listener | null
}

export interface ListeningOptions {
  readonly transports: readonly Transport[]
  readonly onStream: (incoming: IncomingStream, transport: Transport) => void
  readonly report: (error: unknown) => void
  /** Throws when the pool no longer wants what has just been opened. */
  readonly check: () => void
}

export class Listening {
  readonly #options: ListeningOptions
  readonly #places: Place[] = []

  constructor(options: ListeningOptions) {
    this.#options = options
  }

  get addresses(): readonly Address[] {
    return this.#places.flatMap(({ listener }) => listener?.addresses ?? [])
  }

  /** Rejects with what the transport says; what was opened before stays open. */
  async listen(options: ListenOptions): Promise<readonly Address[]> {
    const found: Address[] = []
    for (const transport of this.#options.transports) {
      if (!transport.capabilities.listen) continue
      const listener = await this.#open(transport, options)
      const port = listener.addresses[0]?.port ?? 0
      this.#places.push({ transport, options: port > 0 ? { ...options, port } : options, listener })
      found.push(...listener.addresses)
    }
    return found
  }

  /** Closes all; `wake` opens them again. Never rejects. */
  async sleep(): Promise<void> {
    const closing = this.#places.map((place) => {
      const { listener } = place
      place.listener = null
      return listener ? this.#safely(async () => listener.close()) : null
    })
    await Promise.all(closing)
  }

  /** One whose port was taken in the meantime gets another. Never rejects: what cannot be opened is reported. */
  async wake(): Promise<void> {
    for (const place of this.#places) {
      if (place.listener) continue
      const { transport, options } = place
      await this.#safely(async () => {
        place.listener = await this.#open(transport, options).catch((error: unknown) => {
          this.#options.report(error)
          return this.#open(transport, { ...options, port: 0 })
        })
      })
    }
  }

  async close(): Promise<void> {
    await this.sleep()
    this.#places.length = 0
  }

  async #open(transport: Transport, options: ListenOptions): Promise<Listener> {
    const where = { onWarning: this.#options.report, ...options }
    const listener = await transport.listen(where, (incoming) => this.#options.onStream(incoming, transport))
    try {
      this.#options.check()
    } catch (error) {
      await this.#safely(async () => listener.close())
      throw error
    }
    return listener
  }

  async #safely(run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      this.#options.report(error)
    }
  }
}
