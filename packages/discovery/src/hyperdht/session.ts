// One topic in the DHT: when it is announced and looked up, and what becomes of the keys that are found. Knows the clock,
// but no socket: the queries do what they are told and never fail.

import {
  type Address,
  type Clock,
  type Crypto,
  type DiscoveryJoin,
  discoveryKeys,
  type Logger,
  MAX_RECORD_ADDRESSES,
  type PeerId,
  PUBLIC_KEY_BYTES,
  type Random,
  type Topic,
  toPeerId,
} from '@hearsay/core'
import { Rounds } from '../rounds.js'
import type { SessionControl } from '../session.js'
import type { Places } from './places.js'
import { type DhtQueries, type QueryWish, type Signer, toSigner } from './queries.js'

export interface DhtSessionParts {
  readonly queries: DhtQueries
  readonly places: Places
  /** One address more where this machine might be reached, or null. */
  readonly guess: (port: number | null, addresses: readonly Address[]) => Address | null
  readonly clock: Clock
  readonly random: Random
  readonly crypto: Crypto
  readonly control: SessionControl
  readonly logger: Logger | undefined
}

/** A record is stored at the same time as the key is announced; after this, a peer without one is told without addresses. */
const RECORD_GRACE_MS = 2_000
/** Keys that one session considers at a time. */
const MAX_KEYS = 128
/** A day's key, the next day's, and one to spare. */
const MAX_ANNOUNCED_KEYS = 3

export class DhtSession {
  readonly #parts: DhtSessionParts
  readonly #topic: Topic
  readonly #wish: DiscoveryJoin
  readonly #signer: Signer
  readonly #rounds: Rounds
  readonly #left = new AbortController()
  readonly #announcedKeys = new Map<string, Uint8Array>()
  readonly #locating = new Map<PeerId, Promise<void>>()
  readonly #unlocated = new Map<PeerId, number>()

  constructor(topic: Topic, wish: DiscoveryJoin, parts: DhtSessionParts) {
    this.#parts = parts
    this.#topic = topic
    this.#wish = wish
    this.#signer = toSigner(wish.identity)
    this.#rounds = new Rounds(wish, {
      clock: parts.clock,
      random: parts.random,
      announce: () => this.#announce(),
      look: () => this.#look(),
      onTurn: () => {
        if (wish.announce) void this.#publish()
      },
    })
  }

  start(): void {
    void this.#begin()
    this.#rounds.arm()
  }

  refresh(): void {
    this.#rounds.refresh()
  }

  /** The old network's announcements lead nowhere. */
  onNetworkChange(): void {
    this.#rounds.reannounce()
    this.#rounds.refresh()
  }

  onExternal(): void {
    if (this.#wish.announce && !this.#left.signal.aborted) void this.#publish()
  }

  async leave(): Promise<void> {
    this.#left.abort()
    this.#rounds.stop()
    await this.#rounds.announcing
    // What was never signed is nowhere stored: offline there is nothing to take back.
    if (this.#signer.signatures === 0) return
    await Promise.all([...this.#announcedKeys.values()].map((key) => this.#parts.queries.unannounce(key, this.#signer)))
  }

  /** Of two nodes that come at the same moment, the one whose announcement ends later sees the other's. */
  async #begin(): Promise<void> {
    if (this.#wish.announce) await Promise.all([this.#rounds.announce(), this.#publish()])
    if (this.#wish.lookup && (this.#rounds.announced || !this.#wish.announce)) await this.#rounds.look()
    await Promise.all(this.#locating.values())
    this.#parts.control.flush()
  }

  async #announce(): Promise<boolean> {
    const { queries } = this.#parts
    const keys = this.#keys()
    for (const key of keys) this.#announcedKeys.set(Buffer.from(key).toString('hex'), key)
    for (const old of this.#announcedKeys.keys()) {
      if (this.#announcedKeys.size > MAX_ANNOUNCED_KEYS) this.#announcedKeys.delete(old)
    }
    const announced = await Promise.all(keys.map((key) => queries.announce(key, this.#signer, this.#query())))
    return announced.some(Boolean)
  }

  async #publish(): Promise<void> {
    try {
      await this.#parts.places.publish(this.#wish.identity, this.#ownAddresses())
    } catch (error) {
      // The node still announces its key; only what the caller gave as addresses can be wrong here.
      const message = 'the own addresses cannot be published'
      this.#parts.logger?.({ level: 'warn', scope: 'discovery/hyperdht', message, fields: { error } })
    }
  }

  /** What the node says, and last a guess that only those try who got nowhere else. */
  #ownAddresses(): readonly Address[] {
    const addresses = this.#wish.addresses()
    const guess = this.#parts.guess(this.#wish.port, addresses)
    return guess && addresses.length < MAX_RECORD_ADDRESSES ? [...addresses, guess] : addresses
  }

  async #look(): Promise<void> {
    await Promise.all(this.#keys().map((key) => this.#parts.queries.lookup(key, this.#query())))
  }

  #keys(): readonly Uint8Array[] {
    return discoveryKeys(this.#topic, this.#parts.clock.wall(), this.#parts.crypto)
  }

  /** For one query: several nodes tell the same keys. */
  #query(): QueryWish {
    const told = new Set<PeerId>()
    const onKey = (publicKey: Uint8Array): void => {
      if (!this.#wish.lookup || publicKey.byteLength !== PUBLIC_KEY_BYTES || told.size >= MAX_KEYS) return
      const peer = toPeerId(publicKey)
      if (peer !== this.#wish.identity.id && !told.has(peer)) this.#onPeer(peer)
      told.add(peer)
    }
    return { onKey, signal: this.#left.signal }
  }

  #onPeer(peer: PeerId): void {
    if (this.#locating.has(peer) || this.#locating.size >= MAX_KEYS) return
    this.#locating.set(
      peer,
      this.#locate(peer).finally(() => this.#locating.delete(peer)),
    )
  }

  async #locate(peer: PeerId): Promise<void> {
    const addresses = await this.#parts.places.locate(peer)
    if (addresses === null && this.#isExpected(peer)) return
    this.#parts.control.offer({ peer, addresses: withKey(peer, addresses ?? []), source: 'hyperdht' })
  }

  /** True while the record of a peer that has just announced itself may still be on the way. */
  #isExpected(peer: PeerId): boolean {
    const now = this.#parts.clock.now()
    const since = this.#unlocated.get(peer) ?? now
    if (this.#unlocated.size >= MAX_KEYS) this.#unlocated.clear()
    this.#unlocated.set(peer, since)
    return now - since < RECORD_GRACE_MS
  }
}

/** Whoever was found in this DHT may be reached through it, whatever its record says; who cannot dial that ignores it. */
function withKey(peer: PeerId, addresses: readonly Address[]): readonly Address[] {
  const others = addresses.filter(({ scheme }) => scheme !== 'hyper')
  return [...others, { scheme: 'hyper', peer, host: '', port: 0, path: '' }]
}
