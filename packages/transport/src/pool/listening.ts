// The listeners of a pool: opened on every transport that can, closed while the pool sleeps, and opened again at the ports
// that they had. It does not know what becomes of the streams.

import type { Address, IncomingStream, Listener, ListenOptions, Transport } from '@hearsay/core'

interface Place {
  readonly transport: Transport
  /** With the port that it had, once it had one. */
  options: ListenOptions
  /** Null while the pool sleeps. */
  listener: Listener | null
  /** While it is being opened: nobody else does then. */
  opening: Promise<void> | null
}

export interface ListeningOptions {
  readonly transports: readonly Transport[]
  readonly onStream: (incoming: IncomingStream, transport: Transport) => void
  readonly report: (error: unknown) => void
  /** Throws when the pool is closed and no longer wants what has just been opened. */
  readonly check: () => void
  /** True while the pool wants nothing open, but will. */
  readonly isAsleep: () => boolean
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

  /**
   * Rejects with what the transport says; what was opened before stays open. Where the pool falls asleep meanwhile, what is
   * not open then is opened when it wakes.
   */
  async listen(options: ListenOptions): Promise<readonly Address[]> {
    const found: Address[] = []
    for (const transport of this.#options.transports) {
      if (!transport.capabilities.listen) continue
      found.push(...(await this.#listenOn(transport, portFor(transport, options, found), options)))
    }
    return found
  }

  /** At the port that is preferred, else at the one that was asked for. */
  async #listenOn(transport: Transport, preferred: ListenOptions, options: ListenOptions): Promise<readonly Address[]> {
    const place: Place = { transport, options: preferred, listener: null, opening: null }
    this.#places.push(place)
    try {
      await this.#begin(place, () => this.#open(place))
    } catch (error) {
      this.#places.splice(this.#places.indexOf(place), 1)
      if (preferred === options) throw error
      return this.#listenOn(transport, options, options)
    }
    return place.listener?.addresses ?? []
  }

  /** Closes all; `wake` opens them again. Never rejects. */
  async sleep(): Promise<void> {
    await Promise.all(this.#places.map((place) => this.#close(place)))
  }

  /** One whose port was taken in the meantime gets another. Never rejects: what cannot be opened is reported. */
  async wake(): Promise<void> {
    for (const place of this.#places) {
      // Asked again after each wait: of several who waited, one opens it.
      while (place.opening) await settled(place.opening)
      if (place.listener === null && !this.#options.isAsleep()) await this.#begin(place, () => this.#reopen(place))
    }
  }

  async close(): Promise<void> {
    await this.sleep()
    this.#places.length = 0
  }

  async #close(place: Place): Promise<void> {
    while (place.opening) await settled(place.opening)
    const { listener } = place
    place.listener = null
    if (listener) await this.#safely(async () => listener.close())
  }

  #begin(place: Place, open: () => Promise<void>): Promise<void> {
    const opening = open().finally(() => {
      place.opening = null
    })
    place.opening = opening
    return opening
  }

  async #reopen(place: Place): Promise<void> {
    await this.#safely(() =>
      this.#open(place).catch((error: unknown) => {
        this.#options.report(error)
        return this.#open(place, 0)
      }),
    )
  }

  async #open(place: Place, port?: number): Promise<void> {
    const { report, onStream, check, isAsleep } = this.#options
    if (isAsleep()) return
    const { transport, options } = place
    const where = { onWarning: report, ...options, ...(port !== undefined && { port }) }
    const listener = await transport.listen(where, (incoming) => onStream(incoming, transport))
    const [first] = listener.addresses
    if (port === undefined && first && first.port > 0) place.options = { ...options, port: first.port }
    try {
      check()
    } catch (error) {
      await this.#safely(async () => listener.close())
      throw error
    }
    if (isAsleep()) await this.#safely(async () => listener.close())
    else place.listener = listener
  }

  async #safely(run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      this.#options.report(error)
    }
  }
}

/** Resolves when it is open, or could not be: whoever opens it hears which. */
function settled(opening: Promise<void>): Promise<void> {
  return opening.catch(() => {})
}

/** uTP takes the number that TCP has, if it is free: one rule of a firewall is enough for both. */
function portFor({ scheme }: Transport, options: ListenOptions, found: readonly Address[]): ListenOptions {
  const port = found.find((address) => address.scheme === 'tcp')?.port
  return scheme === 'utp' && port !== undefined && (options.port ?? 0) === 0 ? { ...options, port } : options
}
