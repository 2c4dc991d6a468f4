// The order of one author's epoch: what may be delivered now, what waits for an earlier record, and which hole is given up.
//
//   settling  no place to begin yet: heard mid-stream, another path may still bring something earlier
//   flowing   `next` is the first number not yet delivered; records beyond a hole wait in `held`

import type { PeerId, SignedRecord } from '@hearsay/core'
import { type Interval, IntervalSet } from './intervals.js'

/** A record on its way to the application, with what it needs there. */
export interface Pending {
  readonly record: SignedRecord
  readonly messages: readonly Uint8Array[]
  readonly hops: number
  readonly via: PeerId | null
}

/** What became deliverable, in order: records, and holes that were given up before them. */
export type Step = { readonly gap: Interval } | { readonly ready: Pending }

export class Sequence {
  /** Every number of which a record was accepted. */
  readonly #known = new IntervalSet()
  #held: Pending[] = []
  #next: number | null = null
  #runStart = 0
  #deadline: number | null = null
  /** Set once two valid headers claimed one place. */
  forked = false

  /** The first number not yet delivered; null while settling. */
  get next(): number | null {
    return this.#next
  }

  /** The last unbroken run of deliveries, [from, to). */
  get run(): Interval {
    return [this.#runStart, this.#next ?? this.#runStart]
  }

  get heldCount(): number {
    return this.#held.length
  }

  /** When the lowest hole is to be given up, or settling ends. */
  get deadline(): number | null {
    return this.#deadline
  }

  /** True if a record was accepted for any number of the range. */
  isKnown(from: number, to: number): boolean {
    return this.#known.overlaps(from, to)
  }

  /**
   * Takes a record of a place that is not known yet. `begin` says whether an unknown sequence may begin right here;
   * `deadline` is when a hole, or settling, that begins now is given up.
   */
  accept(pending: Pending, options: { readonly begin: boolean; readonly deadline: number }): readonly Step[] {
    const { firstSeq, count } = pending.record.header
    this.#known.add(firstSeq, firstSeq + count)
    if (this.#next === null && (firstSeq === 0 || options.begin)) this.#beginAt(firstSeq)
    // What comes after its gap was told, or from before the beginning, is history only.
    if (this.#next !== null && firstSeq < this.#next) return []
    this.#hold(pending)
    const steps = this.#release()
    this.#reschedule(options.deadline, steps.length > 0)
    return steps
  }

  /** Gives up the lowest hole (or ends settling), and what then follows. */
  giveUp(deadline: number): readonly Step[] {
    const first = this.#held[0]
    if (!first) return []
    const firstSeq = first.record.header.firstSeq
    const steps: Step[] = this.#next === null ? [] : [{ gap: [this.#next, firstSeq] }]
    this.#beginAt(firstSeq)
    steps.push(...this.#release())
    this.#reschedule(deadline, true)
    return steps
  }

  #beginAt(seq: number): void {
    this.#next = seq
    this.#runStart = seq
  }

  #hold(pending: Pending): void {
    const at = this.#held.findIndex((other) => other.record.header.firstSeq > pending.record.header.firstSeq)
    if (at === -1) this.#held.push(pending)
    else this.#held.splice(at, 0, pending)
  }

  #release(): Step[] {
    const steps: Step[] = []
    while (this.#held[0]?.record.header.firstSeq === this.#next) {
      const ready = this.#held.shift() as Pending
      this.#next = ready.record.header.firstSeq + ready.record.header.count
      steps.push({ ready })
    }
    return steps
  }

  #reschedule(deadline: number, progressed: boolean): void {
    if (this.#held.length === 0) this.#deadline = null
    else if (this.#deadline === null || progressed) this.#deadline = deadline
  }
}
