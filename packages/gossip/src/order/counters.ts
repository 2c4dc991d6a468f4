// Where (author, epoch) pairs ended that are followed no longer, so that nothing of them is ever delivered twice: 16 bytes for
// each place of an open-addressing table (Knuth 1973, §6.4), at most half of which is filled.

/** 64 well spread bits that name a place. */
export type PlaceHash = readonly [high: number, low: number]

const FIRST_SLOTS = 1_024

export class Counters {
  readonly #most: number
  #slots: number = FIRST_SLOTS
  #hashes: Uint32Array = new Uint32Array(2 * FIRST_SLOTS)
  /** One more than what is counted; 0 in a free slot. */
  #values: Float64Array = new Float64Array(FIRST_SLOTS)
  #size = 0

  /** @param most how many are remembered */
  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#size
  }

  /** True if another one may be remembered. */
  get hasRoom(): boolean {
    return this.hasRoomFor(1)
  }

  /** True if so many more may be remembered. */
  hasRoomFor(count: number): boolean {
    return this.#size + count <= this.#most
  }

  /** Bytes that the table takes. */
  get byteLength(): number {
    return this.#hashes.byteLength + this.#values.byteLength
  }

  get(hash: PlaceHash): number | undefined {
    const value = this.#values[this.#slotOf(hash)] ?? 0
    return value === 0 ? undefined : value - 1
  }

  /** Remembers a whole number; beyond the bound it does nothing, so ask `hasRoom` first. */
  set(hash: PlaceHash, value: number): void {
    const slot = this.#slotOf(hash)
    const isNew = this.#values[slot] === 0
    if (isNew && !this.hasRoom) return
    this.#write(slot, hash, value + 1)
    if (!isNew) return
    this.#size++
    if (2 * this.#size > this.#slots) this.#grow()
  }

  /** Where it is, or would be. */
  #slotOf([high, low]: PlaceHash): number {
    let slot = low & (this.#slots - 1)
    while (this.#values[slot] !== 0) {
      if (this.#hashes[2 * slot] === high >>> 0 && this.#hashes[2 * slot + 1] === low >>> 0) return slot
      slot = (slot + 1) & (this.#slots - 1)
    }
    return slot
  }

  #write(slot: number, [high, low]: PlaceHash, value: number): void {
    this.#hashes[2 * slot] = high
    this.#hashes[2 * slot + 1] = low
    this.#values[slot] = value
  }

  #grow(): void {
    const [hashes, values] = [this.#hashes, this.#values]
    this.#slots *= 2
    this.#hashes = new Uint32Array(2 * this.#slots)
    this.#values = new Float64Array(this.#slots)
    for (const [slot, value] of values.entries()) {
      if (value === 0) continue
      const hash = [hashes[2 * slot] ?? 0, hashes[2 * slot + 1] ?? 0] as const
      this.#write(this.#slotOf(hash), hash, value)
    }
  }
}
