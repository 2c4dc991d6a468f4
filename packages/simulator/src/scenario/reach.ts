// Who can reach whom: the parts of a split room, and links that carry bytes in one direction only.

export class Reach {
  /** The part of each node; null while the room is one. */
  parts: readonly number[] | null = null
  readonly #barred = new Set<string>()

  /** True if bytes get from one node to another. */
  isOpen(from: number, to: number): boolean {
    if (this.parts !== null && this.parts[from] !== this.parts[to]) return false
    return this.#barred.size === 0 || !this.#barred.has(`${from} ${to}`)
  }

  bar(from: number, to: number): void {
    this.#barred.add(`${from} ${to}`)
  }

  unbar(from: number, to: number): void {
    this.#barred.delete(`${from} ${to}`)
  }
}
