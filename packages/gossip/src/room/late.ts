// Messages that came after their gap was told: where they stand in the history, which gives every author's in order.

interface Late {
  readonly seq: number
  readonly position: number
}

export class LateOnes {
  /** By place, in order of number. */
  readonly #places = new Map<string, Late[]>()

  get isEmpty(): boolean {
    return this.#places.size === 0
  }

  add(place: string, late: Late): void {
    const all = this.#places.get(place) ?? []
    all.splice(indexFrom(all, late.seq), 0, late)
    this.#places.set(place, all)
  }

  /** It left the history. */
  remove(place: string, seq: number): void {
    const all = this.#places.get(place) ?? []
    const index = indexFrom(all, seq)
    if (all[index]?.seq === seq) all.splice(index, 1)
    if (all.length === 0) this.#places.delete(place)
  }

  /** Positions of those with a number in [from, to). */
  within(place: string, from: number, to: number): readonly number[] {
    const all = this.#places.get(place)
    return all ? all.slice(indexFrom(all, from), indexFrom(all, to)).map(({ position }) => position) : []
  }
}

/** Binary search: the first with this number or a higher one. */
function indexFrom(all: readonly Late[], seq: number): number {
  let [low, high] = [0, all.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((all[middle]?.seq ?? 0) < seq) low = middle + 1
    else high = middle
  }
  return low
}
