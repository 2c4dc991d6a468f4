// What was heard of lately, by name: so many, and that heard of longest ago is forgotten first.

export class Recent {
  readonly #most: number
  readonly #keys = new Set<string>()

  constructor(most: number) {
    this.#most = most
  }

  /** True if it was heard of, which it is now too. */
  has(key: string): boolean {
    if (!this.#keys.delete(key)) return false
    this.#keys.add(key)
    return true
  }

  add(key: string): void {
    const [oldest] = this.#keys
    if (this.#keys.size >= this.#most && oldest !== undefined) this.#keys.delete(oldest)
    this.#keys.add(key)
  }
}
