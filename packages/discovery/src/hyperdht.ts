// Discovery through a HyperDHT network, public or private: who is interested in a topic, and where each of them says that
// it can be dialled. This file puts the parts together; `hyperdht/session.ts` decides what happens when.

import { networkInterfaces } from 'node:os'
import {
  type Address,
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
import { externalGuess } from './hyperdht/external.js'
import { Places } from './hyperdht/places.js'
import { DhtQueries } from './hyperdht/queries.js'
import { DhtSession } from './hyperdht/session.js'
import { dhtNode, type SharedDht } from './hyperdht/shared.js'
import { createSession, type SessionControl } from './session.js'

export { type DhtNodeOptions, type DhtWatcher, dhtNode, type ExternalPlace, type SharedDht } from './hyperdht/shared.js'

export interface HyperdhtOptions {
  /** A node to share; it stays open, and the four options below are not used. @default one of our own */
  readonly node?: SharedDht
  /** `host:port` of nodes to start from; those of the public network if left out. @default the public network */
  readonly bootstrap?: readonly string[]
  /** The IPv4 address to bind to; HyperDHT has no IPv6. @default every interface */
  readonly host?: string
  /** The UDP port; 0 is any. @default the library's: 49737, or any if that is taken */
  readonly port?: number
  /** Store nothing for others. @default false once this node has been reachable for twenty minutes */
  readonly ephemeral?: boolean
  /**
   * Where other nodes see this one at a public address that no interface has, and could reach its UDP port there, tell
   * `tcp://` with that address too, after the own ones: right for cloud machines and forwarding routers, a lost dial where
   * a router forwards UDP only. @default true
   */
  readonly guessExternal?: boolean
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
 * the link key. Candidates name the peer; addresses are those that the peer itself has signed, and last of all `hyper://`
 * with its key. One DHT node serves all sessions; it starts with the first.
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
  readonly #guessExternal: boolean
  readonly #node: SharedDht
  readonly #isOwnNode: boolean
  readonly #queries: DhtQueries
  readonly #places: Places
  readonly #sessions = new Map<DhtSession, SessionControl>()
  readonly #unwatch: () => void
  #closing: Promise<void> | null = null

  constructor(options: HyperdhtOptions) {
    this.#clock = options.clock ?? systemClock()
    this.#random = options.random ?? systemRandom()
    this.#crypto = options.crypto ?? sodiumCrypto()
    this.#logger = options.logger
    this.#guessExternal = options.guessExternal ?? true
    this.#node = options.node ?? dhtNode(options)
    this.#isOwnNode = options.node === undefined
    this.#queries = new DhtQueries({ node: this.#node, clock: this.#clock, logger: this.#logger })
    this.#places = new Places(this.#queries, this.#clock, this.#crypto)
    this.#unwatch = this.#node.watch({
      onNetworkChange: () => {
        for (const session of this.#sessions.keys()) session.onNetworkChange()
      },
      onExternal: () => {
        for (const session of this.#sessions.keys()) session.onExternal()
      },
    })
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
      queries: this.#queries,
      places: this.#places,
      guess: (port, addresses) => this.#guess(port, addresses),
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

  #guess(port: number | null, addresses: readonly Address[]): Address | null {
    const { external } = this.#node
    if (!this.#guessExternal || !external) return null
    const interfaces = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
    return externalGuess({ external, port, addresses, ownHosts: new Set(interfaces.map(({ address }) => address)) })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((control) => control.session.leave()))
    this.#unwatch()
    if (this.#isOwnNode) await this.#node.close()
  }
}
