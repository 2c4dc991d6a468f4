// What a node and a swarm have in common: ways to find peers and to reach them, one pool of links, a book of addresses that
// worked, and peers that tell of each other. This file only introduces them to each other.

import {
  type Address,
  type AddressRecord,
  type Candidate,
  type Discovery,
  type DiscoverySession,
  type Link,
  type PeerId,
  parseAddress,
  type Topic,
  type TopicId,
  withPeer,
} from '@hearsay/core'
import {
  type AddressBook,
  bookDiscovery,
  composeDiscoveries,
  createAddressBook,
  type PeerExchange,
  peerExchange,
} from '@hearsay/discovery'
import { createPool, type DialAttempt, type Pool, type PoolOptions } from '@hearsay/transport'
import { NodeError } from './errors.js'
import type { ResolvedNodeOptions } from './options.js'
import { ownRecord } from './own-record.js'
import { withSamePort } from './same-port.js'
import { type Looking, Search } from './search.js'
import { type SeekOptions, seek } from './seek.js'

/** Whom to look for, and to whom to be shown. */
export interface Roles {
  readonly announce: boolean
  readonly lookup: boolean
}

export interface Follow {
  /** Peers that are in the topic now. */
  readonly linked: () => number
  readonly onCandidate?: (candidate: Candidate) => void
  /** Decides which candidates are linked. @default all of them */
  readonly choose?: (candidate: Candidate) => void
}

/** For whom a peer is reached. */
export interface Reach extends Pick<SeekOptions, 'topic' | 'signal' | 'ask'> {
  /** Makes discoveries look again. */
  readonly refresh: () => void
}

/** Addresses of one peer that are tried by hand, one after another. */
const MAX_WAYS = 4

export class Stack {
  readonly pool: Pool
  readonly book: AddressBook
  readonly #parts: ResolvedNodeOptions
  readonly #exchange: PeerExchange | null
  readonly #discovery: Discovery
  readonly #warn: (error: unknown) => void
  readonly #searches = new Map<Search, TopicId>()
  /** Searches that withdraw what they announced; the last of each topic. */
  readonly #leaving = new Map<TopicId, Promise<void>>()
  /** They hear of every candidate. */
  readonly #listeners = new Set<(candidate: Candidate) => void>()
  /** Where this node can be dialled; null while there is no address to tell. */
  readonly addressRecord: () => AddressRecord | null
  #closed = false

  constructor(
    parts: ResolvedNodeOptions,
    limits: Pick<PoolOptions, 'limits' | 'validatePeer' | 'queue'>,
    warn: (error: unknown) => void,
  ) {
    const { linkIdentity: identity, transports, network, clock, random, logger } = parts
    const injected = { clock, random, ...(logger && { logger }) }
    this.#parts = parts
    this.#warn = warn
    const addressRecord = ownRecord(identity, clock, () => this.pool.addresses)
    this.addressRecord = addressRecord
    this.pool = coded(() => createPool({ identity, transports, network, addressRecord, ...injected, ...limits }))
    this.book = parts.addressBook ?? createAddressBook(injected)
    this.#exchange = parts.exchange
      ? peerExchange({ recordOf: (peer) => this.pool.referralOf(peer), ...injected })
      : null
    const found = [...parts.discovery, bookDiscovery(this.book, injected), ...(this.#exchange ? [this.#exchange] : [])]
    this.#discovery = composeDiscoveries(found, injected)
    this.pool.on('link', (link) => this.#onLink(link))
    this.pool.on('unlink', ({ remote: peer }) => this.book.onUnlinked({ peer }))
    this.pool.on('attempt', (attempt) => this.#onAttempt(attempt))
  }

  get addresses(): readonly Address[] {
    return this.pool.addresses
  }

  /** Rejects with `ERR_LISTEN`. */
  async listen(): Promise<void> {
    const { listen, host, port } = this.#parts
    if (listen) await this.pool.listen({ port, ...(host !== null && { host }) })
  }

  /** Looks for others who are interested in the topic, and links to them, until the search is left. */
  discover(topic: Topic, roles: Roles, follow: Follow): Looking {
    const search = new Search({
      start: () => (this.#closed ? null : this.#join(topic, roles, follow)),
      after: this.#leaving.get(topic.id) ?? null,
      asleep: this.pool.suspended,
    })
    this.#searches.set(search, topic.id)
    return {
      flushed: () => search.flushed(),
      refresh: () => search.refresh(),
      leave: () => this.#leave(search),
    }
  }

  /** Also quiets every discovery: whoever sleeps cannot be dialled. */
  async suspend(): Promise<void> {
    await Promise.all([this.pool.suspend(), ...[...this.#searches.keys()].map((search) => search.sleep())])
  }

  async resume(): Promise<void> {
    await this.pool.resume()
    if (this.pool.suspended) return
    await Promise.all([...this.#searches.keys()].map((search) => search.wake()))
  }

  #leave(search: Search): Promise<void> {
    const topic = this.#searches.get(search)
    const leaving = search.leave()
    if (topic === undefined) return leaving
    this.#searches.delete(search)
    this.#leaving.set(topic, leaving)
    return leaving.finally(() => {
      if (this.#leaving.get(topic) === leaving) this.#leaving.delete(topic)
    })
  }

  #join(topic: Topic, roles: Roles, { linked, onCandidate, choose }: Follow): DiscoverySession {
    const { linkIdentity: identity, minPeers, listen } = this.#parts
    // Who cannot be dialled is not announced.
    const announce = roles.announce && listen
    const addresses = (): readonly Address[] => this.addresses
    const port = this.addresses.find(({ scheme }) => scheme === 'tcp')?.port ?? null
    // A room with fewer peers than it wants is as good as empty: it is looked for others often.
    const enough = (): number => (linked() < minPeers ? 0 : linked())
    const session = this.#discovery.join(topic, { ...roles, announce, port, addresses, identity, linked: enough })
    const follow = async (): Promise<void> => {
      for await (const found of session) {
        const candidate = withSamePort(found)
        onCandidate?.(candidate)
        for (const listener of this.#listeners) listener(candidate)
        if (choose) choose(candidate)
        else this.pool.want(candidate, { topic: topic.id })
      }
    }
    follow().catch(this.#warn)
    return session
  }

  /** A link to a peer of the topic: the one there is, or by any way that can be found. Rejects as `seek` does. */
  async reach(peer: PeerId, { topic, refresh, ...options }: Reach): Promise<Link> {
    const { pool } = this
    if (pool.links.has(peer)) return pool.connect(peer, options)
    const discover = (listener: (candidate: Candidate) => void): (() => void) => {
      this.#listeners.add(listener)
      refresh()
      return () => this.#listeners.delete(listener)
    }
    const { clock } = this.#parts
    return seek(peer, { ...options, pool, clock, topic, discover, ways: () => waysTo(peer, this.book) })
  }

  /** The peer is in the topic: when this node starts again, it is asked first. */
  onShared(peer: PeerId, topic: TopicId): void {
    this.book.onLinked({ peer, address: null, initiator: false, topics: [topic] })
  }

  /** Nobody is needed for the topic any more, linked or not. */
  release(topic: TopicId): void {
    this.pool.leave(topic)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled([this.#discovery.close(), this.pool.close()])
    // Both of the others use them until they are closed.
    await Promise.allSettled([this.#parts.dht?.close(), this.#parts.addressBook ? null : this.book.close()])
  }

  /** A peer that proved its key at an address proved the address too, whichever link of the two is kept. */
  #onAttempt({ address, peer, code, ms }: DialAttempt): void {
    if (code !== null) this.book.onFailed({ address, peer, code })
    // To connect and to see the other's proof takes two round trips.
    else if (peer !== null) this.book.onLinked({ peer, address, rttMs: ms / 2 })
  }

  #onLink(link: Link): void {
    const { remote: peer, address } = link
    this.book.onLinked({ peer, address, initiator: false, record: this.pool.recordOf(peer) })
    this.#exchange?.addLink(link)
  }
}

/** Where the pool knows the peer, where the book does, and its key, by which a DHT may find it. */
async function waysTo(peer: PeerId, book: AddressBook): Promise<readonly (Address | PeerId)[]> {
  const hyper: Address = { scheme: 'hyper', peer, host: '', port: 0, path: '' }
  for await (const known of book.known()) {
    if (known.peer !== peer) continue
    const addresses = known.addresses.slice(0, MAX_WAYS).map((text) => withPeer(parseAddress(text), peer))
    return [peer, ...addresses, hyper]
  }
  return [peer, hyper]
}

/** The layers throw `TypeError` for limits outside their bounds; here every error has a code. */
function coded<Made>(make: () => Made): Made {
  try {
    return make()
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause
    throw new NodeError('ERR_OPTION', cause.message, { cause })
  }
}
