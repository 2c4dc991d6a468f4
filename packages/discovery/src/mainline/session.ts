// One topic in the mainline DHT: when it is announced and looked up, and which of the peers that strangers tell are worth
// telling on. Knows the clock, but no socket: the node does what it is told and never fails.

import {
  type Clock,
  type Crypto,
  copyBytes,
  type DiscoveryJoin,
  discoveryKeys,
  hostAddress,
  type Random,
  type Timer,
  type Topic,
} from '@hearsay/core'
import type { Place } from 'bittorrent-dht'
import { scopeOf } from '../ipv4.js'
import { Rounds } from '../rounds.js'
import type { SessionControl } from '../session.js'
import type { MainlineNode } from './node.js'

export interface MainlineSessionParts {
  readonly node: Pick<MainlineNode, 'lookup' | 'announce'>
  readonly clock: Clock
  readonly random: Random
  readonly crypto: Crypto
  readonly control: SessionControl
  /** True for a host of this machine. */
  readonly isOwnHost: (host: string) => boolean
}

const KEY_BYTES = 20
/** Peers of one reply that are told, by chance: no single node fills a look-up, and no first hundred hides the others. */
export const MAX_PEERS_PER_REPLY = 8
/** Peers that one look-up tells. */
export const MAX_PEERS = 64
/** Ports below belong to services that never asked for us. */
const FIRST_PORT = 1_024
/** Bounds of the pause before the second round of a newcomer. */
const SECOND_ROUND_MS = { least: 20, most: 5_000 } as const

export class MainlineSession {
  readonly #parts: MainlineSessionParts
  readonly #topic: Topic
  readonly #wish: DiscoveryJoin
  readonly #rounds: Rounds
  readonly #left = new AbortController()
  #secondRound: Timer | null = null

  constructor(topic: Topic, wish: DiscoveryJoin, parts: MainlineSessionParts) {
    this.#parts = parts
    this.#topic = topic
    this.#wish = wish
    const { clock, random } = parts
    this.#rounds = new Rounds(wish, { clock, random, announce: () => this.#announce(), look: () => this.#look() })
  }

  start(): void {
    void this.#begin()
    this.#rounds.arm()
  }

  refresh(): void {
    this.#rounds.refresh()
  }

  /** BEP 5 knows no withdrawal: what is stored expires where it is. What was not sent yet is not sent. */
  leave(): void {
    this.#left.abort()
    this.#rounds.stop()
    this.#secondRound?.cancel()
  }

  /**
   * Of two nodes that come at the same moment, the one whose announcement ends later sees the other's in the look that
   * follows it; the other one in its second round, which waits as long again as its own announcement took. That one also
   * announces at nodes that a newcomer did not know yet: a node that knows peers tells no further nodes.
   */
  async #begin(): Promise<void> {
    const { clock, control } = this.#parts
    const startedAt = clock.now()
    if (this.#mayAnnounce()) await this.#rounds.announce()
    const tookMs = clock.now() - startedAt
    if (this.#wish.lookup && (this.#rounds.announced || !this.#mayAnnounce())) await this.#rounds.look()
    control.flush()
    if (this.#rounds.announced && !this.#left.signal.aborted) {
      const pauseMs = Math.min(Math.max(tookMs, SECOND_ROUND_MS.least), SECOND_ROUND_MS.most)
      this.#secondRound = clock.setTimer(pauseMs, () => void this.#rounds.announce())
    }
  }

  /** What is announced is a TCP port: who accepts nobody has nothing to say here. */
  #mayAnnounce(): boolean {
    return this.#wish.announce && this.#wish.port !== null
  }

  async #announce(): Promise<boolean> {
    if (!this.#mayAnnounce()) return false
    const announced = await Promise.all(this.#keys().map((key) => this.#announceUnder(key, this.#collector())))
    return announced.some(Boolean)
  }

  /** The look-up finds the nodes to announce at, whose tokens are good for ten minutes, and who else is there. */
  async #announceUnder(key: Uint8Array, onPeers: PeersListener): Promise<boolean> {
    const { node } = this.#parts
    const { signal } = this.#left
    const found = await node.lookup(key, { onPeers, signal })
    const { port } = this.#wish
    return found && port !== null && node.announce(key, port, signal)
  }

  async #look(): Promise<void> {
    const wish = { onPeers: this.#collector(), signal: this.#left.signal }
    await Promise.all(this.#keys().map((key) => this.#parts.node.lookup(key, wish)))
  }

  #keys(): readonly Uint8Array[] {
    const { clock, crypto } = this.#parts
    return discoveryKeys(this.#topic, clock.wall(), crypto).map((key) => copyBytes(key.subarray(0, KEY_BYTES)))
  }

  /** For one look-up: several nodes tell the same peers. */
  #collector(): PeersListener {
    const told = new Set<string>()
    return (peers, teller) => {
      if (!this.#wish.lookup) return
      const plausible = peers.filter((peer) => isPlausible(peer, teller) && !this.#isSelf(peer))
      for (const { host, port } of sample(plausible, MAX_PEERS_PER_REPLY, this.#parts.random)) {
        const place = `${host}:${port}`
        if (told.has(place) || told.size >= MAX_PEERS) continue
        told.add(place)
        this.#parts.control.offer({ peer: null, addresses: [hostAddress('tcp', host, port)], source: 'mainline' })
      }
    }
  }

  #isSelf({ host, port }: Place): boolean {
    return port === this.#wish.port && this.#parts.isOwnHost(host)
  }
}

type PeersListener = (peers: readonly Place[], teller: string | null) => void

/**
 * True if a connection there could be meant: no service's port, nobody's address, and this machine's or a local network's
 * only by the word of a node that is there itself. What was announced to us came from that host.
 */
export function isPlausible({ host, port }: Place, teller: string | null): boolean {
  if (port < FIRST_PORT) return false
  const scope = scopeOf(host)
  if (scope === 'public') return true
  return scope !== 'none' && (teller === null || scopeOf(teller) === scope || scopeOf(teller) === 'loopback')
}

/** At most `count` of the items, each with the same chance. */
function sample<Item>(items: readonly Item[], count: number, random: Random): readonly Item[] {
  const rest = [...items]
  const taken: Item[] = []
  while (rest.length > 0 && taken.length < count) taken.push(...rest.splice(random.below(rest.length), 1))
  return taken
}
