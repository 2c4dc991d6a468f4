// Where peers can be dialled: each keeps one signed address record under its own key in the DHT. This file alone publishes
// ours and reads those of others, and believes only what the peer in question has signed.

import {
  type Address,
  type AddressRecord,
  type Clock,
  type Crypto,
  createAddressRecord,
  decodeAddressRecord,
  encodeAddressRecord,
  fromPeerId,
  hasCode,
  type Identity,
  MAX_RECORD_ADDRESSES,
  type PeerId,
  printAddress,
} from '@hearsay/core'
import { type DhtQueries, type StoredValue, toSigner } from './queries.js'

/** Records are stored for 48 hours, but the nodes that store them come and go. */
const REPUBLISH_MS = 600_000
/** A peer that restarted elsewhere is found again after this; until then a look-up costs no second query for it. */
const REMEMBER_MS = 10_000
const MAX_REMEMBERED = 512
const MAX_PARALLEL_READS = 8
/** Keys that wait for a reader; a reply full of invented keys fills this and no more. */
const MAX_WAITING_READS = 128

interface Published {
  readonly text: string
  readonly at: number
}

export class Places {
  readonly #queries: DhtQueries
  readonly #clock: Clock
  readonly #crypto: Crypto
  readonly #published = new Map<PeerId, Published>()
  readonly #remembered = new Map<PeerId, { readonly addresses: readonly Address[]; readonly at: number }>()
  readonly #reading = new Map<PeerId, Promise<readonly Address[] | null>>()
  readonly #waiting: (() => void)[] = []
  #readers = 0
  #lastSeq = 0

  constructor(queries: DhtQueries, clock: Clock, crypto: Crypto) {
    this.#queries = queries
    this.#clock = clock
    this.#crypto = crypto
  }

  /** Stores where `identity` can be dialled, unless that stands there already. Rejects only for an address that is none. */
  async publish(identity: Identity, addresses: readonly Address[]): Promise<void> {
    const before = this.#published.get(identity.id)
    const text = addresses.map(printAddress).join(' ')
    if (text === (before?.text ?? '') && this.#clock.now() - (before?.at ?? 0) < REPUBLISH_MS) return
    if (text === '' && !before) return
    const published = { text, at: this.#clock.now() }
    this.#published.set(identity.id, published)
    if (await this.#store(identity, addresses)) return
    // Not stored: the next call tries again, unless one with other addresses has come meanwhile.
    if (this.#published.get(identity.id) === published) this.#published.delete(identity.id)
  }

  /** Where `peer` says that it can be dialled, or null if it says nothing. Never rejects. */
  locate(peer: PeerId): Promise<readonly Address[] | null> {
    const known = this.#remembered.get(peer)
    if (known && this.#clock.now() - known.at < REMEMBER_MS) return Promise.resolve(known.addresses)
    const running = this.#reading.get(peer)
    if (running) return running
    if (this.#waiting.length >= MAX_WAITING_READS) return Promise.resolve(null)
    const reading = this.#read(peer).finally(() => this.#reading.delete(peer))
    this.#reading.set(peer, reading)
    return reading
  }

  /** A node that holds a newer version keeps it and says nothing, so what is stored is read back. */
  async #store(identity: Identity, addresses: readonly Address[]): Promise<boolean> {
    const stored = await this.#put(identity, addresses, this.#clock.wall())
    if (!stored || stored.seq <= this.#lastSeq) return stored !== null
    const again = await this.#put(identity, addresses, stored.seq + 1)
    return again !== null && again.seq === this.#lastSeq
  }

  async #put(identity: Identity, addresses: readonly Address[], atLeast: number): Promise<StoredValue | null> {
    const seq = Math.max(Math.floor(atLeast), this.#lastSeq + 1)
    this.#lastSeq = seq
    const value = encodeAddressRecord(fittingRecord(identity, seq, addresses))
    if (!(await this.#queries.put(toSigner(identity), value, seq))) return null
    return this.#queries.get(identity.publicKey)
  }

  async #read(peer: PeerId): Promise<readonly Address[] | null> {
    await this.#takeTurn()
    const stored = await this.#queries.get(fromPeerId(peer))
    this.#passTurn()
    const record = stored && this.#verified(stored.value, peer)
    if (!record) return null
    this.#remember(peer, record.addresses)
    return record.addresses
  }

  #verified(value: Uint8Array, peer: PeerId): AddressRecord | null {
    try {
      const record = decodeAddressRecord(value, this.#crypto)
      return record.peer === peer ? record : null
    } catch {
      // Whatever is wrong with it, it is nothing that this peer has said about where it is.
      return null
    }
  }

  #remember(peer: PeerId, addresses: readonly Address[]): void {
    this.#remembered.delete(peer)
    const [oldest] = this.#remembered.keys()
    if (oldest !== undefined && this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(oldest)
    this.#remembered.set(peer, { addresses, at: this.#clock.now() })
  }

  async #takeTurn(): Promise<void> {
    if (this.#readers >= MAX_PARALLEL_READS) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#readers += 1
  }

  #passTurn(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#readers -= 1
  }
}

/** The record with as many of the addresses, the first ones first, as fit. */
function fittingRecord(identity: Identity, seq: number, addresses: readonly Address[]): AddressRecord {
  for (let count = Math.min(addresses.length, MAX_RECORD_ADDRESSES); count > 0; count--) {
    try {
      return createAddressRecord(identity, { seq, addresses: addresses.slice(0, count) })
    } catch (error) {
      if (!hasCode(error, 'ERR_RECORD')) throw error
    }
  }
  return createAddressRecord(identity, { seq, addresses: [] })
}
