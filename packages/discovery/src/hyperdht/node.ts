// One HyperDHT node, made harmless: it opens when it is first needed, and every call ends within its time and never
// rejects. A DHT that cannot be reached looks like one that is empty. What replies say is passed on unchecked.

import type { Clock, Identity, Logger } from '@hearsay/core'
import HyperDHT, { type Query, type SigningKey } from 'hyperdht'

export interface DhtNodeOptions {
  readonly bootstrap?: readonly string[]
  readonly host?: string
  readonly port?: number
  readonly ephemeral?: boolean
  readonly clock: Clock
  readonly logger: Logger | undefined
  /** The machine's addresses have changed. */
  readonly onNetworkChange?: () => void
}

/** A stored value and its version, signed by the key that it was asked for under. */
export interface StoredValue {
  readonly seq: number
  readonly value: Uint8Array
}

/** How to run one query. */
export interface QueryWish {
  /** Called with each public key of a reply, which may be anybody's invention. */
  readonly onKey?: (publicKey: Uint8Array) => void
  readonly signal?: AbortSignal
}

/** A query that meets dead nodes takes six seconds a step; on a live network it takes one. */
const QUERY_MS = 20_000
/** Goodbyes are a courtesy: who leaves does not wait for dead nodes. */
const UNANNOUNCE_MS = 1_500
const CLOSE_MS = 2_000

export class DhtNode {
  readonly #options: DhtNodeOptions
  #opening: Promise<HyperDHT | null> | null = null
  #closed = false

  constructor(options: DhtNodeOptions) {
    this.#options = options
  }

  /** Who is announced under `key`; true if the query came to its end. */
  lookup(key: Uint8Array, wish: QueryWish): Promise<boolean> {
    return this.#query((dht) => dht.lookup(Buffer.from(key)), QUERY_MS, wish)
  }

  /** Announces the signer under `key` and tells who else is; true if at least one node has stored it. */
  announce(key: Uint8Array, signer: Signer, wish: QueryWish): Promise<boolean> {
    return this.#query((dht) => dht.announce(Buffer.from(key), signer, []), QUERY_MS, wish)
  }

  unannounce(key: Uint8Array, signer: Signer): Promise<boolean> {
    return this.#query((dht) => dht.lookupAndUnannounce(Buffer.from(key), signer), UNANNOUNCE_MS, {})
  }

  /** Stores `value` under the signer's key; true if a node answered, which does not mean that it took it. */
  async put(signer: Signer, value: Uint8Array, seq: number): Promise<boolean> {
    const dht = await this.#open()
    if (!dht) return false
    return (await this.#within(QUERY_MS, () => dht.mutablePut(signer, Buffer.from(value), { seq }))) !== null
  }

  /** The newest value under a key that the replies had; its signature has been checked. */
  async get(publicKey: Uint8Array): Promise<StoredValue | null> {
    const dht = await this.#open()
    if (!dht) return null
    const stored = await this.#within(QUERY_MS, () => dht.mutableGet(Buffer.from(publicKey), { latest: true }))
    // A plain copy: the library's is a Buffer, whose `slice` does not copy, on memory that it shares.
    return stored && { seq: stored.seq, value: Uint8Array.from(stored.value) }
  }

  async close(): Promise<void> {
    this.#closed = true
    const dht = await this.#opening
    if (dht) await this.#within(CLOSE_MS, () => discard(dht))
  }

  async #query(start: (dht: HyperDHT) => Query, ms: number, wish: QueryWish): Promise<boolean> {
    const dht = await this.#open()
    if (!dht || wish.signal?.aborted) return false
    try {
      return await this.#finish(start(dht), ms, wish)
    } catch (error) {
      // Only a node that was closed meanwhile throws here.
      this.#note('debug', 'query did not start', error)
      return false
    }
  }

  #finish(query: Query, ms: number, { onKey, signal }: QueryWish): Promise<boolean> {
    return new Promise((resolve) => {
      let ended = false
      // The answer does not wait for the stream to close: one that is still resolving a name closes much later.
      const settle = (): void => {
        timer.cancel()
        signal?.removeEventListener('abort', stop)
        resolve(ended)
      }
      const stop = (): void => {
        query.destroy()
        settle()
      }
      const timer = this.#options.clock.setTimer(ms, stop)
      signal?.addEventListener('abort', stop)
      query.on('data', ({ peers }) => {
        for (const { publicKey } of peers ?? []) onKey?.(publicKey)
      })
      query.on('error', (error) => this.#note('debug', 'query failed', error))
      query.on('end', () => {
        ended = true
      })
      query.on('close', settle)
    })
  }

  /** The library's node once it is bound, or null; a node that could not be bound is tried again at the next call. */
  #open(): Promise<HyperDHT | null> {
    if (this.#closed) return Promise.resolve(null)
    this.#opening ??= this.#bind()
    return this.#opening
  }

  async #bind(): Promise<HyperDHT | null> {
    const { bootstrap, host, port, ephemeral, onNetworkChange } = this.#options
    const dht = new HyperDHT({
      ...(bootstrap && { bootstrap }),
      ...(host !== undefined && { host }),
      // The library takes 0 for "not given" and would count up from its usual port.
      ...(port !== undefined && { port: port === 0 ? ([0, 0] as const) : port }),
      ...(ephemeral !== undefined && { ephemeral }),
    })
    if (onNetworkChange) dht.on('network-change', onNetworkChange)
    try {
      await dht.bind()
      return dht
    } catch (error) {
      this.#note('warn', 'the DHT cannot open its socket', error)
      this.#opening = null
      await discard(dht)
      return null
    }
  }

  #within<Value>(ms: number, work: () => Promise<Value>): Promise<Value | null> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimer(ms, () => resolve(null))
      const settle = (value: Value | null): void => {
        timer.cancel()
        resolve(value)
      }
      work().then(settle, (error: unknown) => {
        this.#note('debug', 'call failed', error)
        settle(null)
      })
    })
  }

  #note(level: 'debug' | 'warn', message: string, error: unknown): void {
    this.#options.logger?.({ level, scope: 'discovery/hyperdht', message, fields: { error } })
  }
}

/** An identity as the library signs with it; the secret key stays where it is. */
export interface Signer extends SigningKey {
  /** True once something was signed, so something may be stored. */
  readonly used: boolean
}

export function toSigner(identity: Identity): Signer {
  let used = false
  return {
    publicKey: Buffer.from(identity.publicKey),
    get used() {
      return used
    },
    sign(message) {
      used = true
      return Buffer.from(identity.sign(message))
    },
  }
}

/** Ends a node that may not have been bound: then the library's `destroy` fails and leaves its interface watcher running. */
export async function discard(dht: HyperDHT): Promise<void> {
  try {
    await dht.destroy({ force: true })
  } catch {
    dht.io.networkInterfaces.destroy()
  }
}
