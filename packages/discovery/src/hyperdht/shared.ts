// One HyperDHT node for everybody in the program who needs one. It opens its sockets when it is first needed, a socket that
// cannot be had is tried again, and it tells what the network says of this machine. What it is used for is not its affair.

import { type Clock, type Logger, systemClock } from '@hearsay/core'
import HyperDHT from 'hyperdht'
import { checkedBootstrap, toIPv4 } from '../ipv4.js'

export interface DhtNodeOptions {
  /** `host:port` of nodes to start from; those of the public network if left out. @default the public network */
  readonly bootstrap?: readonly string[]
  /** The IPv4 address to bind to; HyperDHT has no IPv6. @default every interface */
  readonly host?: string
  /** The UDP port; 0 is any. @default the library's: 49737, or any if that is taken */
  readonly port?: number
  /** Store nothing for others. @default false once this node has been reachable for twenty minutes */
  readonly ephemeral?: boolean
  /** Told when the network sees this machine at another address than before. What strangers say, not what is proved. */
  readonly onExternalAddress?: (host: string) => void
  /** @default systemClock() */
  readonly clock?: Clock
  readonly logger?: Logger
}

/** What the network says of this machine. */
export interface ExternalPlace {
  /** The IPv4 address that other nodes see. */
  readonly host: string
  /** False once other nodes could reach the UDP port without having been written to before. */
  readonly firewalled: boolean
}

export interface DhtWatcher {
  /** The machine's addresses have changed. */
  onNetworkChange(): void
  /** What the network says of this machine has changed. */
  onExternal(): void
}

/** A HyperDHT node that several parts of a program use; only who made it closes it. */
export interface SharedDht {
  /** The library's node, bound; null if it cannot be, or after `close`. Never rejects; the next call tries again. */
  open(): Promise<object | null>
  /** Why the last `open` gave null; null if it did not. */
  readonly failure: unknown
  /** Null until enough nodes agree. */
  readonly external: ExternalPlace | null
  /** Calls back until the returned function is called. */
  watch(watcher: DhtWatcher): () => void
  /** Frees every socket and timer. Twice is once. */
  close(): Promise<void>
}

/** Whoever closes does not wait for dead nodes. */
const CLOSE_MS = 2_000

/**
 * A node for `hyperdht({ node })` and, under the same shape, for the transport of `hyper://` streams: two UDP sockets for
 * both. Nothing is opened before it is needed. A malformed host or bootstrap address is a `TypeError`.
 *
 * @example const dht = dhtNode({ bootstrap: ['192.0.2.1:49737'] }); hyperdht({ node: dht }); hyper({ identity, dht })
 */
export function dhtNode(options: DhtNodeOptions = {}): SharedDht {
  return new LazyNode(options)
}

class LazyNode implements SharedDht {
  failure: unknown = null
  readonly #options: DhtNodeOptions
  readonly #clock: Clock
  readonly #library: ConstructorParameters<typeof HyperDHT>[0]
  readonly #watchers = new Set<DhtWatcher>()
  #dht: HyperDHT | null = null
  #opening: Promise<HyperDHT | null> | null = null
  #closing: Promise<void> | null = null
  /** What the watchers know. */
  #told: ExternalPlace | null = null

  constructor(options: DhtNodeOptions) {
    const { bootstrap, host = '0.0.0.0', port, ephemeral } = options
    this.#options = options
    this.#clock = options.clock ?? systemClock()
    this.#library = {
      host: toIPv4(host, 'HyperDHT'),
      ...(bootstrap && { bootstrap: bootstrap.map(checkedBootstrap) }),
      // The library takes 0 for "not given" and would count up from its usual port.
      ...(port !== undefined && { port: port === 0 ? ([0, 0] as const) : port }),
      ...(ephemeral !== undefined && { ephemeral }),
    }
  }

  get external(): ExternalPlace | null {
    const { host = null, firewalled = true } = this.#dht ?? {}
    return host === null ? null : { host, firewalled }
  }

  open(): Promise<object | null> {
    if (this.#closing) return Promise.resolve(null)
    this.#opening ??= this.#bind()
    return this.#opening
  }

  watch(watcher: DhtWatcher): () => void {
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #bind(): Promise<HyperDHT | null> {
    const dht = new HyperDHT(this.#library)
    this.#listen(dht)
    try {
      await dht.bind()
      this.failure = null
      this.#dht = dht
      return dht
    } catch (error) {
      this.failure = error
      const message = 'the DHT cannot open its socket'
      this.#options.logger?.({ level: 'warn', scope: 'discovery/hyperdht', message, fields: { error } })
      this.#opening = null
      await discard(dht)
      return null
    }
  }

  #listen(dht: HyperDHT): void {
    dht.on('network-change', () => {
      for (const watcher of this.#watchers) watcher.onNetworkChange()
    })
    // The second is when it has been tried whether the port is open; the third comes without the first.
    for (const event of ['nat-update', 'ready', 'persistent'] as const) dht.on(event, () => this.#tellExternal())
  }

  #tellExternal(): void {
    const [before, now] = [this.#told, this.external]
    if (!now || (now.host === before?.host && now.firewalled === before.firewalled)) return
    this.#told = now
    if (now.host !== before?.host) this.#options.onExternalAddress?.(now.host)
    for (const watcher of this.#watchers) watcher.onExternal()
  }

  async #close(): Promise<void> {
    const dht = await this.#opening
    this.#watchers.clear()
    if (dht) await withinTime(this.#clock, CLOSE_MS, discard(dht))
  }
}

function withinTime(clock: Clock, ms: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(ms, resolve)
    void work.then(() => {
      timer.cancel()
      resolve()
    })
  })
}

/** Ends a node that may not have been bound: then the library's `destroy` fails and leaves its interface watcher running. */
export async function discard(dht: HyperDHT): Promise<void> {
  try {
    await dht.destroy({ force: true })
  } catch {
    dht.io.networkInterfaces.destroy()
  }
}
