// History that lasts as long as the process: the reference for what a store promises.

import { copyBytes } from '../bytes.js'
import type { Store, StoredRecord, StoreHead, StoreRange } from '../contracts/store.js'
import { CoreError } from '../errors.js'
import { toHex } from '../hex.js'

/** The records of one author's epoch, by first sequence number. */
interface Lane {
  readonly author: StoreHead['author']
  readonly epoch: number
  readonly records: StoredRecord[]
}

/** An empty store. It keeps all that it is given until it is pruned: whoever appends bounds it. */
export function memoryStore(): Store {
  return new MemoryStore()
}

class MemoryStore implements Store {
  /** By record id, in the order they came. */
  readonly #arrivals = new Map<string, StoredRecord>()
  readonly #lanes = new Map<string, Lane>()
  #messages = 0
  #bytes = 0
  #note: Uint8Array | null = null
  #closed = false

  async append(records: readonly StoredRecord[]): Promise<void> {
    this.#checkOpen()
    for (const stored of records) this.#add(stored)
  }

  async *read(range: StoreRange): AsyncGenerator<StoredRecord> {
    this.#checkOpen()
    const records = this.#lanes.get(laneKey(range.author, range.epoch))?.records ?? []
    // Chosen before the first is handed out: what is appended or pruned meanwhile cannot disturb the order.
    yield* records.filter((stored) => overlaps(stored, range))
  }

  async vector(): Promise<readonly StoreHead[]> {
    this.#checkOpen()
    return [...this.#lanes.values()].map(toHead).sort(byAuthorAndEpoch)
  }

  async prune(limits: { readonly messages: number; readonly bytes: number }): Promise<readonly StoredRecord[]> {
    this.#checkOpen()
    const dropped: StoredRecord[] = []
    const least = limits.messages > 0 && limits.bytes > 0 ? 1 : 0
    for (const [id, stored] of this.#arrivals) {
      if (this.#arrivals.size <= least || (this.#messages <= limits.messages && this.#bytes <= limits.bytes)) break
      this.#remove(id, stored)
      dropped.push(stored)
    }
    return dropped
  }

  async remember(note: Uint8Array): Promise<void> {
    this.#checkOpen()
    this.#note = copyBytes(note)
  }

  async remembered(): Promise<Uint8Array | null> {
    this.#checkOpen()
    return this.#note && copyBytes(this.#note)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#arrivals.clear()
    this.#lanes.clear()
  }

  #add(stored: StoredRecord): void {
    const id = toHex(stored.record.id)
    if (this.#arrivals.has(id)) return
    this.#arrivals.set(id, stored)
    this.#count(stored, 1)
    const { author, epoch } = stored.record.header
    const key = laneKey(author, epoch)
    const lane = this.#lanes.get(key) ?? { author, epoch, records: [] }
    this.#lanes.set(key, lane)
    // Records mostly come in order, so the place is found from the end.
    const before = lane.records.findLastIndex((other) => firstSeq(other) <= firstSeq(stored))
    lane.records.splice(before + 1, 0, stored)
  }

  #remove(id: string, stored: StoredRecord): void {
    this.#arrivals.delete(id)
    this.#count(stored, -1)
    const key = laneKey(stored.record.header.author, stored.record.header.epoch)
    const records = this.#lanes.get(key)?.records ?? []
    records.splice(records.indexOf(stored), 1)
    if (records.length === 0) this.#lanes.delete(key)
  }

  #count(stored: StoredRecord, sign: 1 | -1): void {
    this.#messages += sign * stored.record.header.count
    this.#bytes += sign * stored.record.block.byteLength
  }

  #checkOpen(): void {
    if (this.#closed) throw new CoreError('ERR_CLOSED', 'the store is closed')
  }
}

function laneKey(author: string, epoch: number): string {
  return `${author}/${epoch}`
}

/** They have a number in common. */
function overlaps(stored: StoredRecord, { from, to }: StoreRange): boolean {
  return Math.max(from, firstSeq(stored)) < Math.min(to, endSeq(stored))
}

function firstSeq(stored: StoredRecord): number {
  return stored.record.header.firstSeq
}

function endSeq(stored: StoredRecord): number {
  return stored.record.header.firstSeq + stored.record.header.count
}

function toHead({ author, epoch, records }: Lane): StoreHead {
  const ends = records.map(endSeq)
  const [first] = records
  return { author, epoch, floor: first ? firstSeq(first) : 0, next: ends.reduce((a, b) => Math.max(a, b), 0) }
}

function byAuthorAndEpoch(a: StoreHead, b: StoreHead): number {
  if (a.author !== b.author) return a.author < b.author ? -1 : 1
  return a.epoch - b.epoch
}
