// Who wants to be woken first: a binary heap. A later wish costs nothing: who is woken too early is put back.

interface Entry<Key> {
  at: number
  readonly key: Key
}

export class Deadlines<Key> {
  readonly #heap: Entry<Key>[] = []
  /** The earliest time for which each key is in the heap. */
  readonly #asked = new Map<Key, number>()

  get first(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  get size(): number {
    return this.#heap.length
  }

  /** `key` wants to be woken at `at`, and perhaps no longer at another time. */
  ask(key: Key, at: number): void {
    if (at === Number.POSITIVE_INFINITY || at >= (this.#asked.get(key) ?? Number.POSITIVE_INFINITY)) return
    this.#asked.set(key, at)
    this.#heap.push({ at, key })
    this.#rise(this.#heap.length - 1)
  }

  /** Takes one whose time has come, who asks again if it is too early; null if there is none. */
  take(now: number): Key | null {
    for (let first = this.#heap[0]; first && first.at <= now; first = this.#heap[0]) {
      this.#removeFirst()
      // An earlier wish has been heard since: this one is void.
      if (this.#asked.get(first.key) !== first.at) continue
      this.#asked.delete(first.key)
      return first.key
    }
    return null
  }

  /** What the key asked for is void. */
  forget(key: Key): void {
    this.#asked.delete(key)
    if (this.#heap.length > 64 && this.#heap.length > 2 * this.#asked.size) this.#compact()
  }

  #compact(): void {
    const live = this.#heap.filter(({ key, at }) => this.#asked.get(key) === at)
    // A sorted list is a heap.
    live.sort((a, b) => a.at - b.at)
    this.#heap.splice(0, this.#heap.length, ...live)
  }

  #removeFirst(): void {
    const last = this.#heap.pop()
    if (!last || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink()
  }

  #rise(index: number): void {
    for (let at = index; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!this.#swapIfLater(parent, at)) return
      at = parent
    }
  }

  #sink(): void {
    for (let at = 0; ; ) {
      const left = 2 * at + 1
      const right = left + 1
      const next = this.#at(right) < this.#at(left) ? right : left
      if (!this.#swapIfLater(at, next)) return
      at = next
    }
  }

  #at(index: number): number {
    return this.#heap[index]?.at ?? Number.POSITIVE_INFINITY
  }

  #swapIfLater(upper: number, lower: number): boolean {
    const [a, b] = [this.#heap[upper], this.#heap[lower]]
    if (!a || !b || a.at <= b.at) return false
    this.#heap[upper] = b
    this.#heap[lower] = a
    return true
  }
}
