// What was forgotten on purpose, for a day. A bounded map from a name to when it was buried; the oldest makes room.

/** How long what was removed stays away. */
export const TOMBSTONE_MS = 86_400_000
export const MAX_TOMBSTONES = 4_096

export interface Tombstone {
  readonly at: number
  /** The record that no longer listed the address; 0 if no record is concerned. */
  readonly seq: number
}

export class Tombstones {
  readonly #stones = new Map<string, Tombstone>()
  readonly #onChange: (name: string) => void

  /** @param onChange told of each name that was buried, raised, or made room */
  constructor(onChange: (name: string) => void) {
    this.#onChange = onChange
  }

  get size(): number {
    return this.#stones.size
  }

  /** The stone, if it still stands. */
  get(name: string, now: number): Tombstone | null {
    const stone = this.#stones.get(name)
    if (!stone) return null
    if (now - stone.at < TOMBSTONE_MS) return stone
    this.raise(name)
    return null
  }

  bury(name: string, stone: Tombstone): void {
    this.#stones.delete(name)
    const [oldest] = this.#stones.keys()
    if (oldest !== undefined && this.#stones.size >= MAX_TOMBSTONES) this.raise(oldest)
    this.#stones.set(name, stone)
    this.#onChange(name)
  }

  raise(name: string): void {
    if (this.#stones.delete(name)) this.#onChange(name)
  }

  /** Forgets what is a day old. */
  expire(now: number): void {
    for (const name of this.#stones.keys()) this.get(name, now)
  }
}
