// What a room remembers beside records: when it was joined first, and which of this author's messages, of all its lives, somebody
// has confirmed. As bytes:
//
//   version 1 ‖ numbers, each f64: first joined, epochs, and of each of these: epoch, ranges, and of each of these: from, to

import { type Interval, IntervalSet } from '../order/intervals.js'

const VERSION = 1
/** Of so many lives it is remembered who heard what; of older ones all counts as unheard. */
const MAX_EPOCHS = 256
/** Beyond it the lowest messages of a life count as unconfirmed again. */
const MAX_RANGES = 1_024

export class Marks {
  /** Milliseconds since 1970. */
  readonly joinedAt: number
  /** By epoch. */
  readonly #confirmed = new Map<number, IntervalSet>()

  constructor(joinedAt: number) {
    this.joinedAt = joinedAt
  }

  /** True if that is news, which is remembered from now on. */
  confirm(epoch: number, from: number, to: number): boolean {
    const ranges = this.#confirmed.get(epoch) ?? new IntervalSet(MAX_RANGES, 'forget')
    if (ranges.covers(from, to)) return false
    ranges.add(from, to)
    this.#confirmed.set(epoch, ranges)
    if (this.#confirmed.size > MAX_EPOCHS) this.#confirmed.delete(Math.min(...this.#confirmed.keys()))
    // What is below all that is remembered is forgotten at once.
    return ranges.covers(from, to)
  }

  isConfirmed(epoch: number, from: number, to: number): boolean {
    return this.#confirmed.get(epoch)?.covers(from, to) === true
  }

  /** Of other lives nothing is kept any more. */
  retain(epochs: ReadonlySet<number>): void {
    for (const epoch of [...this.#confirmed.keys()]) if (!epochs.has(epoch)) this.#confirmed.delete(epoch)
  }

  toBytes(): Uint8Array {
    const numbers = [...this.#confirmed].flatMap(([epoch, { ranges }]) => [epoch, ranges.length, ...ranges.flat()])
    const bytes = new Uint8Array(1 + 8 * (2 + numbers.length))
    const view = new DataView(bytes.buffer)
    bytes[0] = VERSION
    for (const [index, number] of [this.joinedAt, this.#confirmed.size, ...numbers].entries()) {
      view.setFloat64(1 + 8 * index, number, true)
    }
    return bytes
  }

  /** What the bytes say; null if they are of another version. */
  static fromBytes(bytes: Uint8Array): Marks | null {
    if (bytes[0] !== VERSION || bytes.byteLength % 8 !== 1) return null
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let at = 1
    const next = (): number => {
      at += 8
      return at <= bytes.byteLength ? view.getFloat64(at - 8, true) : 0
    }
    const marks = new Marks(next())
    for (let epochs = next(); epochs > 0 && at < bytes.byteLength; epochs--) {
      const epoch = next()
      for (let left = next(); left > 0 && at < bytes.byteLength; left--) {
        const [from, to]: Interval = [next(), next()]
        marks.confirm(epoch, from, to)
      }
    }
    return marks
  }
}
