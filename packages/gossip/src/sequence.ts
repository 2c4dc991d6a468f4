// The order of one author's epoch: what may be delivered now, what waits for an earlier record, and which hole is given up.
//
//   settling  no place to begin yet: heard mid-stream, another path may still bring something earlier
//   flowing   `next` is the first number not yet delivered; records beyond a hole wait in `held`

import type { PeerId, RecordHead } from '@hearsay/core'
import { type Interval, IntervalSet } from './intervals.js'

/** A record on its way to the application, with what it needs there. */
export interface Pending {
  readonly record: RecordHead
  /** Bytes of its block. */
  readonly bytes: number
  readonly messages: readonly Uint8Array[]
  readonly hops: number
  readonly via: PeerId | null
}

/** What became deliverable, in order: records, and holes that were given up before them. */
export type Step = { readonly gap: Interval } | { readonly ready: Pending }

/** How long what waits may wait, from `now` on. */
export interface Patience {
  readonly now: number
  readonly settleMs: number
  readonly holdMs: number
}

/** What a payload costs beside its bytes while it is held: a view on a buffer takes 107 bytes of heap on Node 20. */
const VIEW_BYTES = 107
/** What is on its way is looked for again no sooner, however short the patience. */
const LEAST_WAIT_MS = 10

export class Sequence {
  /** Every number of which a record was accepted. */
  readonly #known = new IntervalSet()
  #held: Pending[] = []
  #heldBytes = 0
  #next: number | null = null
  /** Never claims what was not delivered: a peer is told these as confirmed. */
  readonly #delivered = new IntervalSet(64, 'forget')
  #deadline: number | null = null
  /** Since when what is held waits for the same hole. */
  #waitsSince = 0
  #frozenAt: number | null = null

  /** The first number not yet delivered; null while settling. */
  get next(): number | null {
    return this.#next
  }

  /** The unbroken runs of deliveries, ascending; the latest 64. */
  get delivered(): readonly Interval[] {
    return this.#delivered.ranges
  }

  /** From where on its author is known to have said two things; null if it is not. */
  get frozenAt(): number | null {
    return this.#frozenAt
  }

  get heldCount(): number {
    return this.#held.length
  }

  /** What the held records take in memory. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** When the lowest hole is to be given up, or settling ends. */
  get deadline(): number | null {
    return this.#deadline
  }

  /** What is waited for: from where, and up to what is held already; since when. Null if nothing waits. */
  get hole(): { readonly from: number; readonly before: number; readonly since: number } | null {
    const first = this.#held[0]?.record.header.firstSeq
    return first === undefined ? null : { from: this.#next ?? 0, before: first, since: this.#waitsSince }
  }

  /** True if a record was accepted for any number of the range. */
  isKnown(from: number, to: number): boolean {
    return this.#known.overlaps(from, to)
  }

  /** Takes a record of a place that is not known yet. `begin` says whether an unknown sequence may begin right here. */
  accept(pending: Pending, options: { readonly begin: boolean; readonly patience: Patience }): readonly Step[] {
    const { firstSeq, count } = pending.record.header
    this.#known.add(firstSeq, firstSeq + count)
    if (this.#next === null && (firstSeq === 0 || options.begin)) this.#next = firstSeq
    // What comes after its gap was told, or from before the beginning, is history only.
    if (this.#next !== null && firstSeq < this.#next) return []
    this.#hold(pending)
    const steps = this.#release()
    this.#reschedule(options.patience, steps.length > 0)
    return steps
  }

  /** A record was accepted that holds nothing to deliver: it is not asked for again, and its place is a hole. */
  void(from: number, to: number): void {
    this.#known.add(from, to)
  }

  /** What is missing is on its way: waits as long again. */
  postpone({ now, settleMs, holdMs }: Patience): readonly Step[] {
    if (this.#deadline !== null) this.#deadline = now + Math.max(this.#next === null ? settleMs : holdMs, LEAST_WAIT_MS)
    return []
  }

  /** Gives up the lowest hole (or ends settling), and what then follows. */
  giveUp(patience: Patience): readonly Step[] {
    const first = this.#held[0]
    if (!first) return []
    const firstSeq = first.record.header.firstSeq
    const steps: Step[] = this.#next === null ? [] : [{ gap: [this.#next, firstSeq] }]
    this.#next = firstSeq
    steps.push(...this.#release())
    this.#reschedule(patience, true)
    return steps
  }

  /** Its author forked at this number: what waits from there on is let go. */
  freeze(at: number): readonly Step[] {
    this.#frozenAt = Math.min(at, this.#frozenAt ?? at)
    this.#held = this.#held.filter(({ record: { header } }) => header.firstSeq + header.count <= at)
    this.#heldBytes = this.#held.reduce((sum, pending) => sum + costOf(pending), 0)
    if (this.#held.length === 0) this.#deadline = null
    return []
  }

  #hold(pending: Pending): void {
    const at = this.#held.findIndex((other) => other.record.header.firstSeq > pending.record.header.firstSeq)
    if (at === -1) this.#held.push(pending)
    else this.#held.splice(at, 0, pending)
    this.#heldBytes += costOf(pending)
  }

  #release(): Step[] {
    const steps: Step[] = []
    while (this.#held[0]?.record.header.firstSeq === this.#next) {
      const ready = this.#held.shift() as Pending
      const { firstSeq, count } = ready.record.header
      this.#heldBytes -= costOf(ready)
      this.#next = firstSeq + count
      this.#delivered.add(firstSeq, firstSeq + count)
      steps.push({ ready })
    }
    return steps
  }

  /** A sequence that has just begun waits as one that flows, however it came to begin. */
  #reschedule({ now, settleMs, holdMs }: Patience, progressed: boolean): void {
    if (this.#held.length === 0) this.#deadline = null
    else if (this.#deadline === null || progressed) {
      this.#deadline = now + (this.#next === null ? settleMs : holdMs)
      this.#waitsSince = now
    }
  }
}

function costOf({ record, bytes }: Pending): number {
  return bytes + record.header.count * VIEW_BYTES
}
