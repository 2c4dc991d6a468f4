// The entries of a book, found by key and by address, never more than its bound. Who makes room is decided in buckets.ts.

import type { Crypto } from '@hearsay/core'
import { Buckets } from './buckets.js'
import type { Entry } from './entry.js'

export interface LedgerOptions {
  readonly maxPeers: number
  readonly crypto: Crypto
  /** 32 random bytes. */
  readonly secret: Uint8Array
  /** Told each entry that came, changed or went. */
  readonly onChange: (entry: Entry) => void
}

export class Ledger {
  readonly #options: LedgerOptions
  readonly #entries = new Map<string, Entry>()
  /** Which entries have an address: several peers may claim one. */
  readonly #byPlace = new Map<string, Set<Entry>>()
  /** Under which addresses each entry is found. */
  readonly #places = new Map<Entry, readonly string[]>()
  readonly #buckets: Buckets

  constructor(options: LedgerOptions) {
    this.#options = options
    this.#buckets = new Buckets(options.crypto, options.secret)
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): Entry | null {
    return this.#entries.get(key) ?? null
  }

  has(entry: Entry): boolean {
    return this.#entries.get(entry.key) === entry
  }

  /** Every entry that has the address. */
  at(place: string): readonly Entry[] {
    return [...(this.#byPlace.get(place) ?? [])]
  }

  values(): readonly Entry[] {
    return [...this.#entries.values()]
  }

  /** Takes the entry as it is now; one without an address goes. False if there is no room for it. */
  put(entry: Entry, now: number): boolean {
    if (entry.places.size === 0) {
      this.delete(entry)
      return false
    }
    if (!this.has(entry) && !this.#makeRoom(entry, now)) return false
    this.#entries.set(entry.key, entry)
    this.#index(entry)
    this.#buckets.put(entry)
    this.#options.onChange(entry)
    return true
  }

  delete(entry: Entry): void {
    if (!this.has(entry)) return
    this.#entries.delete(entry.key)
    this.#unindex(entry)
    this.#buckets.delete(entry)
    this.#options.onChange(entry)
  }

  #makeRoom(entry: Entry, now: number): boolean {
    const { maxPeers } = this.#options
    while (this.#entries.size >= maxPeers) {
      const worst = this.#buckets.worst({ newcomer: entry, max: maxPeers, now })
      if (!worst) return false
      this.delete(worst)
    }
    return true
  }

  #index(entry: Entry): void {
    this.#unindex(entry)
    const places = [...entry.places.keys()]
    this.#places.set(entry, places)
    for (const place of places) {
      const entries = this.#byPlace.get(place) ?? new Set()
      this.#byPlace.set(place, entries.add(entry))
    }
  }

  #unindex(entry: Entry): void {
    for (const place of this.#places.get(entry) ?? []) {
      const entries = this.#byPlace.get(place)
      entries?.delete(entry)
      if (entries?.size === 0) this.#byPlace.delete(place)
    }
    this.#places.delete(entry)
  }
}
