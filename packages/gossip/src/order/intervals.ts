// A set of sequence numbers as half-open ranges [from, to): its size follows the number of holes, never the numbers.

/** A half-open range. */
export type Interval = readonly [from: number, to: number]

/**
 * Ranges in ascending order that neither overlap nor touch, at most `bound` of them. Beyond it, `fill` counts the lowest hole
 * as filled, for sets that must never take a number for new twice; `forget` lets the lowest range go, for sets that must
 * never claim a number that was not added.
 */
export class IntervalSet {
  #ranges: Interval[] = []
  readonly #bound: number
  readonly #beyond: 'fill' | 'forget'

  constructor(bound = 64, beyond: 'fill' | 'forget' = 'fill') {
    this.#bound = bound
    this.#beyond = beyond
  }

  get ranges(): readonly Interval[] {
    return this.#ranges
  }

  /** @param more so many ranges beyond the bound are kept for now */
  add(from: number, to: number, more = 0): void {
    if (from >= to) return
    const last = this.#ranges.at(-1)
    if (last && last[1] === from) this.#ranges[this.#ranges.length - 1] = [last[0], to]
    else {
      // What comes is mostly beyond all that came before.
      if (!last || last[1] < from) this.#ranges.push([from, to])
      else this.#merge(from, to)
      this.trim(more)
    }
  }

  /** Back to the bound, and so many more. */
  trim(more: number): void {
    const excess = this.#ranges.length - this.#bound - more
    if (excess <= 0) return
    const low = this.#ranges[0]?.[0] ?? 0
    this.#ranges.splice(0, excess)
    const [first] = this.#ranges
    if (first && this.#beyond === 'fill') this.#ranges[0] = [low, first[1]]
  }

  /** True if every number of [from, to) is in the set. */
  covers(from: number, to: number): boolean {
    const range = this.containing(from)
    return range !== undefined && range[1] >= to
  }

  /** True if any number of [from, to) is in the set. */
  overlaps(from: number, to: number): boolean {
    const index = this.#firstEndingAfter(from)
    const range = this.#ranges[index]
    return range !== undefined && range[0] < to
  }

  /** The range that `value` lies in. */
  containing(value: number): Interval | undefined {
    const range = this.#ranges[this.#firstEndingAfter(value)]
    return range && range[0] <= value ? range : undefined
  }

  #merge(from: number, to: number): void {
    const before = this.#ranges.filter((range) => range[1] < from)
    const after = this.#ranges.filter((range) => range[0] > to)
    const touching = this.#ranges.slice(before.length, this.#ranges.length - after.length)
    const low = Math.min(from, touching[0]?.[0] ?? from)
    const high = Math.max(to, touching.at(-1)?.[1] ?? to)
    this.#ranges = [...before, [low, high], ...after]
  }

  /** Binary search: the first range whose end lies above `value`. */
  #firstEndingAfter(value: number): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#ranges[middle]?.[1] ?? 0) > value) high = middle
      else low = middle + 1
    }
    return low
  }
}
