// One HyperDHT node, ours or somebody else's: it opens when it is first needed, and only what we opened is closed. What it
// is used for is not its affair.

import type { Clock } from '@hearsay/core'
import { type DhtNode, type DhtNodeOptions, type DhtSource, HyperDHT, type OwnDhtNode } from './library.js'

export interface NodeHolderOptions {
  readonly clock: Clock
  /** Somebody else's node, or who opens it; it stays open. */
  readonly shared: DhtNode | DhtSource | null
  readonly options: DhtNodeOptions
}

/** Goodbyes are a courtesy: who leaves does not wait for dead nodes. */
const CLOSE_MS = 2_000

export class NodeHolder {
  readonly #options: NodeHolderOptions
  #own: Promise<OwnDhtNode> | null = null

  constructor(options: NodeHolderOptions) {
    this.#options = options
  }

  /** The node once it is bound. A node that could not be bound is tried again at the next call. */
  open(): Promise<DhtNode> {
    const { shared } = this.#options
    if (shared) return 'open' in shared ? opened(shared) : Promise.resolve(shared)
    this.#own ??= this.#bind()
    return this.#own
  }

  /** Frees what we opened. Never rejects. */
  async close(): Promise<void> {
    const own = await this.#own?.catch(() => null)
    if (own) await within(this.#options.clock, CLOSE_MS, discard(own))
  }

  async #bind(): Promise<OwnDhtNode> {
    const { port, ...options } = this.#options.options
    // The library takes 0 for "not given" and would count up from its usual port.
    const dht = new HyperDHT({ ...options, ...(port !== undefined && { port: port === 0 ? [0, 0] : port }) })
    try {
      await dht.bind()
      return dht
    } catch (error) {
      this.#own = null
      await discard(dht)
      throw error
    }
  }
}

async function opened(source: DhtSource): Promise<DhtNode> {
  const node = (await source.open()) as DhtNode | null
  if (node) return node
  const { failure = null } = source
  const reason = failure instanceof Error ? failure.message : 'it is closed'
  throw new Error(`the shared DHT node is not open: ${reason}`, { cause: failure })
}

/** Waits for the work, but no longer than that; what it comes to is not told. */
export function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(ms, resolve)
    const settle = (): void => {
      timer.cancel()
      resolve()
    }
    work.then(settle, settle)
  })
}

/** Ends a node that may not have been bound: then the library's `destroy` fails and leaves its interface watcher running. */
async function discard(dht: OwnDhtNode): Promise<void> {
  try {
    await dht.destroy({ force: true })
  } catch {
    dht.io.networkInterfaces.destroy()
  }
}
