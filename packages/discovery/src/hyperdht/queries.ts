// What is asked of a HyperDHT node, made harmless: every call ends within its time and never rejects. A DHT that cannot be
// reached looks like one that is empty. What replies say is passed on unchecked.

import type { Clock, Identity, Logger } from '@hearsay/core'
import type HyperDHT from 'hyperdht'
import type { Query, SigningKey } from 'hyperdht'
import type { SharedDht } from './shared.js'

export interface DhtQueriesOptions {
  readonly node: SharedDht
  readonly clock: Clock
  readonly logger: Logger | undefined
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
  /** True while stopping would leave a query half done. @default never */
  readonly isStoring?: () => boolean
}

/** A query that meets dead nodes takes six seconds a step; on a live network it takes one. */
const QUERY_MS = 20_000
/** Goodbyes are a courtesy: who leaves does not wait for dead nodes. */
const UNANNOUNCE_MS = 1_500
/** How long an announcement that is being stored may go on when it is not wanted any more. */
const SETTLE_MS = 400

export class DhtQueries {
  readonly #options: DhtQueriesOptions

  constructor(options: DhtQueriesOptions) {
    this.#options = options
  }

  /** Who is announced under `key`; true if the query came to its end. */
  lookup(key: Uint8Array, wish: QueryWish): Promise<boolean> {
    return this.#query((dht) => dht.lookup(Buffer.from(key)), QUERY_MS, wish)
  }

  /**
   * Announces the signer under `key` and tells who else is; true if at least one node has stored it. Stopped while it is
   * being stored, it goes on for a moment: what the library sends again on its own would come after the withdrawal.
   */
  announce(key: Uint8Array, signer: Signer, wish: QueryWish): Promise<boolean> {
    const before = signer.signatures
    const isStoring = (): boolean => signer.signatures > before
    return this.#query((dht) => dht.announce(Buffer.from(key), signer, []), QUERY_MS, { ...wish, isStoring })
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

  async #query(start: (dht: HyperDHT) => Query, ms: number, wish: QueryWish): Promise<boolean> {
    const dht = await this.#open()
    if (!dht || wish.signal?.aborted) return false
    try {
      return await this.#finish(start(dht), ms, wish)
    } catch (error) {
      // Only a node that was closed meanwhile throws here.
      this.#note('query did not start', error)
      return false
    }
  }

  #finish(query: Query, ms: number, { onKey, signal, isStoring }: QueryWish): Promise<boolean> {
    return new Promise((resolve) => {
      let ended = false
      // The answer does not wait for the stream to close: one that is still resolving a name closes much later.
      const settle = (): void => {
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
        resolve(ended)
      }
      const stop = (): void => {
        query.destroy()
        settle()
      }
      const onAbort = (): void => {
        if (!isStoring?.()) return stop()
        timer.cancel()
        timer = this.#options.clock.setTimer(SETTLE_MS, stop)
      }
      let timer = this.#options.clock.setTimer(ms, stop)
      signal?.addEventListener('abort', onAbort)
      query.on('data', ({ peers }) => {
        for (const { publicKey } of peers ?? []) onKey?.(publicKey)
      })
      query.on('error', (error) => this.#note('query failed', error))
      query.on('end', () => {
        ended = true
      })
      query.on('close', settle)
    })
  }

  async #open(): Promise<HyperDHT | null> {
    return (await this.#options.node.open()) as HyperDHT | null
  }

  #within<Value>(ms: number, work: () => Promise<Value>): Promise<Value | null> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimer(ms, () => resolve(null))
      const settle = (value: Value | null): void => {
        timer.cancel()
        resolve(value)
      }
      work().then(settle, (error: unknown) => {
        this.#note('call failed', error)
        settle(null)
      })
    })
  }

  #note(message: string, error: unknown): void {
    this.#options.logger?.({ level: 'debug', scope: 'discovery/hyperdht', message, fields: { error } })
  }
}

/** An identity as the library signs with it; the secret key stays where it is. */
export interface Signer extends SigningKey {
  /** True once something was signed, so something may be stored. */
  readonly signatures: number
}

export function toSigner(identity: Identity): Signer {
  let signatures = 0
  return {
    publicKey: Buffer.from(identity.publicKey),
    get signatures() {
      return signatures
    },
    sign(message) {
      signatures += 1
      return Buffer.from(identity.sign(message))
    },
  }
}
