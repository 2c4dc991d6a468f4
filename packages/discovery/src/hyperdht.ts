// Discovery through a HyperDHT network, public or private: who is interested in a topic, and where each of them says that
// it can be dialled. This file puts the parts together; `hyperdht/session.ts` decides what happens when.

import { isIPv4 } from 'node:net'
import {
  type Clock,
  type Crypto,
  type Discovery,
  type DiscoveryJoin,
  type DiscoverySession,
  type Logger,
  type Random,
  sodiumCrypto,
  systemClock,
  systemRandom,
  type Topic,
} from '@hearsay/core'
import { closedError } from './errors.js'
import { DhtNode } from './hyperdht/node.js'
import { Places } from './hyperdht/places.js'
import { DhtSession } from './hyperdht/session.js'
import { createSession, type SessionControl } from './session.js'

export interface HyperdhtOptions {
  /** `host:port` of nodes to start from; those of the public network if left out. @default the public network */
  readonly bootstrap?: readonly string[]
  /** The IPv4 address to bind to; HyperDHT has no IPv6. @default every interface */
  readonly host?: string
  /** The UDP port; 0 is any. @default the library's: 49737, or any if that is taken */
  readonly port?: number
  /** Store nothing for others. @default false once this node has been reachable for twenty minutes */
  readonly ephemeral?: boolean
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default systemRandom() */
  readonly random?: Random
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
  readonly logger?: Logger
}

const NAME = 'hyperdht'

/**
 * Announces the node's link key under a key of the topic that changes daily, and its addresses as one signed record under
 * the link key. Candidates name the peer; addresses are those that the peer itself has signed, none if it has none. One
 * DHT node serves all sessions; it starts with the first.
 *
 * @example const dht = hyperdht({ bootstrap: ['192.0.2.1:49737'] })
 */
export function hyperdht(options: HyperdhtOptions = {}): Discovery {
  const driver = new Driver(options)
  return {
    name: NAME,
    capabilities: { identifies: true, local: false },
    join: (topic, wish) => driver.join(topic, wish),
    close: () => driver.close(),
  }
}

class Driver {
  readonly #clock: Clock
  readonly #random: Random
  readonly #crypto: Crypto
  readonly #logger: Logger | undefined
  readonly #node: DhtNode
  readonly #places: Places
  readonly #sessions = new Map<DhtSession, SessionControl>()
  #closing: Promise<void> | null = null

  constructor(options: HyperdhtOptions) {
    const { bootstrap, port, ephemeral, logger } = options
    this.#clock = options.clock ?? systemClock()
    this.#random = options.random ?? systemRandom()
    this.#crypto = options.crypto ?? sodiumCrypto()
    this.#logger = logger
    this.#node = new DhtNode({
      ...(bootstrap && { bootstrap: bootstrap.map(checkedBootstrap) }),
      ...(port !== undefined && { port }),
      ...(ephemeral !== undefined && { ephemeral }),
      host: toIPv4(options.host ?? '0.0.0.0'),
      clock: this.#clock,
      logger,
      onNetworkChange: () => {
        for (const session of this.#sessions.keys()) session.onNetworkChange()
      },
    })
    this.#places = new Places(this.#node, this.#clock, this.#crypto)
  }

  join(topic: Topic, wish: DiscoveryJoin): DiscoverySession {
    if (this.#closing) throw closedError(NAME)
    const control = createSession({
      refresh: () => session.refresh(),
      leave: async () => {
        this.#sessions.delete(session)
        await session.leave()
      },
    })
    const session = new DhtSession(topic, wish, {
      node: this.#node,
      places: this.#places,
      clock: this.#clock,
      random: this.#random,
      crypto: this.#crypto,
      control,
      logger: this.#logger,
    })
    this.#sessions.set(session, control)
    session.start()
    return control.session
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((control) => control.session.leave()))
    await this.#node.close()
  }
}

function checkedBootstrap(address: string): string {
  if (/^[^\s:]+:\d{1,5}$/.test(address)) return address
  throw new TypeError(`a bootstrap address is host:port, not ${JSON.stringify(address)}`)
}

function toIPv4(host: string): string {
  if (host === '::') return '0.0.0.0'
  if (host === 'localhost') return '127.0.0.1'
  if (isIPv4(host)) return host
  throw new TypeError(`HyperDHT needs an IPv4 host, not ${JSON.stringify(host)}`)
}
