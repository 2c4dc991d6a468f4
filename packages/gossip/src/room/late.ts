// Messages that came after their gap was told: where they stand in the history, which gives every author's in order.

interface Late {
  readonly seq: number
  readonly position: number
}

/** Messages with numbers and positions in a row: those of a record, which came together. */
interface Run {
  from: number
  to: number
  /** Of the first. */
  position: number
}

export class LateOnes {
  /** By place, in order of number. */
  readonly #places = new Map<string, Run[]>()

  get isEmpty(): boolean {
    return this.#places.size === 0
  }

  add(place: string, { seq, position }: Late): void {
    const runs = this.#places.get(place) ?? []
    const index = indexFrom(runs, seq)
    const before = runs[index - 1]
    if (before?.to === seq && before.position + seq - before.from === position) before.to++
    else runs.splice(index, 0, { from: seq, to: seq + 1, position })
    this.#places.set(place, runs)
  }

  /** It left the history, as the first of its run: what came first leaves it first. */
  remove(place: string, seq: number): void {
    const runs = this.#places.get(place) ?? []
    const index = indexFrom(runs, seq)
    const run = runs[index]
    if (run?.from === seq) {
      run.from++
      run.position++
      if (run.from === run.to) runs.splice(index, 1)
    }
    if (runs.length === 0) this.#places.delete(place)
  }

  /** Positions of those with a number in [from, to). */
  within(place: string, from: number, to: number): readonly number[] {
    const runs = this.#places.get(place) ?? []
    const positions: number[] = []
    for (let index = indexFrom(runs, from); ; index++) {
      const run = runs[index]
      if (!run || run.from >= to) return positions
      for (let seq = Math.max(run.from, from); seq < Math.min(run.to, to); seq++) {
        positions.push(run.position + seq - run.from)
      }
    }
  }
}

/** Binary search: the first that ends above this number. */
function indexFrom(runs: readonly Run[], seq: number): number {
  let [low, high] = [0, runs.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((runs[middle]?.to ?? 0) <= seq) low = middle + 1
    else high = middle
  }
  return low
}
