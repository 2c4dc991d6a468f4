// Nodes in virtual time that know nothing but peer exchange: links in memory with 20 ms each way, and the simplest pool that
// there can be, which dials each candidate once as long as it has room.

import {
  type AddressRecord,
  type Candidate,
  type Crypto,
  createAddressRecord,
  createIdentity,
  createTopic,
  type DiscoverySession,
  type Identity,
  type Link,
  type Logger,
  type PeerId,
  parseAddress,
  seededRandom,
  type Topic,
} from '@hearsay/core'
import { memoryLinkPair, simulatedCrypto, type VirtualClock, virtualClock } from '@hearsay/core/memory'
import { type PeerExchange, peerExchange } from '../../src/index.js'

export const LATENCY_MS = 20
const ROOM_TO_DIAL = 8
const ROOM = 24

/** A network of such nodes. */
export class World {
  readonly clock: VirtualClock = virtualClock()
  readonly crypto: Crypto = simulatedCrypto(seededRandom(99))
  readonly nodes = new Map<PeerId, WorldNode>()
  readonly lobby: Topic = createTopic('lobby', { crypto: this.crypto })

  add(n: number, options: { readonly dials?: boolean; readonly tells?: boolean } = {}): WorldNode {
    const node = new WorldNode(this, n, options)
    this.nodes.set(node.id, node)
    return node
  }

  /** Connects two nodes, unless they are or cannot be; resolves to nothing, links are there at once. */
  link(a: WorldNode, b: WorldNode): void {
    if (a === b || a.links.has(b.id) || a.closed || b.closed) return
    const carry = (arrive: () => void): void => void this.clock.setTimer(LATENCY_MS, arrive)
    const [there, back] = memoryLinkPair({ a: a.id, b: b.id, carry, random: a.random })
    a.take(there)
    b.take(back)
  }
}

export class WorldNode {
  readonly id: PeerId
  readonly identity: Identity
  readonly exchange: PeerExchange
  readonly links = new Map<PeerId, Link>()
  readonly heard: Candidate[] = []
  readonly warnings: unknown[] = []
  readonly random: ReturnType<typeof seededRandom>
  readonly ends: string[] = []
  record: AddressRecord
  closed = false
  readonly #world: World
  readonly #dials: boolean

  constructor(world: World, n: number, { dials = true, tells = true }: { dials?: boolean; tells?: boolean }) {
    this.#world = world
    this.#dials = dials
    this.random = seededRandom(n)
    const { crypto, clock } = world
    this.identity = createIdentity({ crypto, seed: seededRandom(n).bytes(32) })
    this.id = this.identity.id
    this.record = this.recordAt(1)
    const logger: Logger = ({ fields }) => this.warnings.push(fields?.code)
    this.exchange = peerExchange({
      recordOf: (peer) => (tells && this.links.has(peer) ? (world.nodes.get(peer)?.record ?? null) : null),
      clock,
      random: this.random,
      crypto,
      logger,
    })
  }

  recordAt(seq: number): AddressRecord {
    return createAddressRecord(this.identity, { seq, addresses: [parseAddress(`memory://${this.id}`)] })
  }

  join(topic: Topic = this.#world.lobby, { announce = true, lookup = true } = {}): DiscoverySession {
    const session = this.exchange.join(topic, {
      announce,
      lookup,
      port: null,
      addresses: () => this.record.addresses,
      identity: this.identity,
      linked: () => this.links.size,
    })
    void this.#follow(session)
    return session
  }

  take(link: Link): void {
    this.links.set(link.remote, link)
    link.once('close', ({ code }) => {
      this.links.delete(link.remote)
      this.ends.push(code)
    })
    this.exchange.addLink(link)
  }

  async kill(): Promise<void> {
    this.closed = true
    for (const link of this.links.values()) void link.close()
    await this.exchange.close()
  }

  async #follow(session: DiscoverySession): Promise<void> {
    for await (const candidate of session) {
      this.heard.push(candidate)
      const other = candidate.peer && this.#world.nodes.get(candidate.peer)
      if (!this.#dials || !other) continue
      this.#world.clock.setTimer(2 * LATENCY_MS, () => {
        if (this.links.size < ROOM_TO_DIAL && other.links.size < ROOM) this.#world.link(this, other)
      })
    }
  }
}
