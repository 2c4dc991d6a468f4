// Discovery through the mainline DHT of BitTorrent (BEP 5): at which hosts somebody accepts TCP for a topic. Anybody can say
// anything there, so candidates are places to try, no more. `mainline/session.ts` decides what happens when.

import { networkInterfaces } from 'node:os'
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
import { checkedBootstrap, scopeOf, toIPv4 } from './ipv4.js'
import { MainlineNode } from './mainline/node.js'
import { MainlineSession } from './mainline/session.js'
import { createSession, type SessionControl } from './session.js'

export interface MainlineOptions {
  /** `host:port` of nodes to start from. @default the routers of the public network */
  readonly bootstrap?: readonly string[]
  /** The IPv4 address to bind to. @default every interface */
  readonly host?: string
  /** The UDP port; 0 is any. @default 0 */
  readonly port?: number
  /** Queries on their way at once, 1 to 64. @default 16 */
  readonly concurrency?: number
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default systemRandom() */
  readonly random?: Random
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
  readonly logger?: Logger
}

const NAME = 'mainline'
const MAX_CONCURRENCY = 64

/**
 * Announces the node's TCP port under a 20-byte key of the topic that changes daily. Candidates name no peer and have one
 * `tcp://` address, which is the word of a stranger. A node that accepts no TCP only looks. BEP 5 has no withdrawal: who
 * leaves is not announced again, and is found until that expires, about half an hour.
 *
 * @example const dht = mainline({ bootstrap: ['192.0.2.1:6881'] })
 */
export function mainline(options: MainlineOptions = {}): Discovery {
  const driver = new Driver(options)
  return {
    name: NAME,
    capabilities: { identifies: false, local: false },
    join: (topic, wish) => driver.join(topic, wish),
    close: () => driver.close(),
  }
}

class Driver {
  readonly #clock: Clock
  readonly #random: Random
  readonly #crypto: Crypto
  readonly #node: MainlineNode
  readonly #sessions = new Set<SessionControl>()
  #closing: Promise<void> | null = null

  constructor(options: MainlineOptions) {
    const { bootstrap, host = '0.0.0.0', port = 0, concurrency = 16, logger } = options
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MAX_CONCURRENCY) {
      throw new TypeError(`concurrency is 1 to ${MAX_CONCURRENCY}`)
    }
    this.#clock = options.clock ?? systemClock()
    this.#random = options.random ?? systemRandom()
    this.#crypto = options.crypto ?? sodiumCrypto()
    this.#node = new MainlineNode({
      ...(bootstrap && { bootstrap: bootstrap.map(checkedBootstrap) }),
      host: toIPv4(host, 'the mainline DHT'),
      port,
      concurrency,
      clock: this.#clock,
      logger,
    })
  }

  join(topic: Topic, wish: DiscoveryJoin): DiscoverySession {
    if (this.#closing) throw closedError(NAME)
    const control = createSession({
      refresh: () => session.refresh(),
      leave: async () => {
        this.#sessions.delete(control)
        session.leave()
      },
    })
    const session = new MainlineSession(topic, wish, {
      node: this.#node,
      clock: this.#clock,
      random: this.#random,
      crypto: this.#crypto,
      control,
      isOwnHost,
    })
    this.#sessions.add(control)
    session.start()
    return control.session
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#sessions].map((control) => control.session.leave()))
    await this.#node.close()
  }
}

function isOwnHost(host: string): boolean {
  if (scopeOf(host) === 'loopback') return true
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === host))
}
