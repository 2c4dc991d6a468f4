// What happens next: a binary heap of events in order of time, and of scheduling where times are equal, so that one seed
// gives one order on every machine.

interface Entry<Event> {
  readonly at: number
  readonly order: number
  readonly event: Event
}

export class EventQueue<Event> {
  readonly #heap: Entry<Event>[] = []
  #scheduled = 0

  get size(): number {
    return this.#heap.length
  }

  add(at: number, event: Event): void {
    let index = this.#heap.push({ at, order: this.#scheduled++, event }) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#isBefore(index, parent)) break
      this.#swap(index, parent)
      index = parent
    }
  }

  /** When the earliest event happens; undefined if there is none. */
  get nextAt(): number | undefined {
    return this.#heap[0]?.at
  }

  /** The earliest event and its time; undefined if there is none. */
  take(): { readonly at: number; readonly event: Event } | undefined {
    const first = this.#heap[0]
    const last = this.#heap.pop()
    if (first === undefined || last === undefined || first === last) return first
    this.#heap[0] = last
    this.#sink()
    return first
  }

  #sink(): void {
    let index = 0
    while (true) {
      const [left, right] = [2 * index + 1, 2 * index + 2]
      let least = index
      if (left < this.#heap.length && this.#isBefore(left, least)) least = left
      if (right < this.#heap.length && this.#isBefore(right, least)) least = right
      if (least === index) return
      this.#swap(index, least)
      index = least
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [left, right] = [this.#heap[a] as Entry<Event>, this.#heap[b] as Entry<Event>]
    return left.at < right.at || (left.at === right.at && left.order < right.order)
  }

  #swap(a: number, b: number): void {
    const held = this.#heap[a] as Entry<Event>
    this.#heap[a] = this.#heap[b] as Entry<Event>
    this.#heap[b] = held
  }
}
