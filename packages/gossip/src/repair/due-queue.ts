// What is due when: a binary heap by time, and by order of adding where times are equal.

interface Due<Item> {
  readonly at: number
  readonly order: number
  readonly item: Item
}

export class DueQueue<Item> {
  readonly #heap: Due<Item>[] = []
  #added = 0

  get size(): number {
    return this.#heap.length
  }

  /** When the first is due; infinity if there is none. */
  get nextAt(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  add(at: number, item: Item): void {
    const heap = this.#heap
    const due = { at, order: this.#added++, item }
    let index = heap.push(due) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      const other = heap[parent] as Due<Item>
      if (!isBefore(due, other)) break
      heap[index] = other
      index = parent
    }
    heap[index] = due
  }

  /** The first, if it is due. */
  take(now: number): Item | undefined {
    const first = this.#heap[0]
    if (first === undefined || first.at > now) return undefined
    const last = this.#heap.pop() as Due<Item>
    if (last !== first) this.#sink(last)
    return first.item
  }

  #sink(due: Due<Item>): void {
    const heap = this.#heap
    let index = 0
    while (true) {
      let child = 2 * index + 1
      const [left, right] = [heap[child], heap[child + 1]]
      if (left === undefined) break
      if (right !== undefined && isBefore(right, left)) child++
      const least = heap[child] as Due<Item>
      if (!isBefore(least, due)) break
      heap[index] = least
      index = child
    }
    heap[index] = due
  }
}

function isBefore(a: Due<unknown>, b: Due<unknown>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
