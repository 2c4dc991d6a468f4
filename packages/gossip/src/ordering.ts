// From accepted records to deliveries: every author's epoch in order, holes given up in time, within bounds. Engines share
// it; how records get here and where they go next is theirs.

import type { PeerId } from '@hearsay/core'
import { Authors } from './authors.js'
import type { Output } from './engine.js'
import type { Head } from './frames.js'
import type { Interval } from './intervals.js'
import type { GossipLimits } from './options.js'
import type { Pending, Sequence, Step } from './sequence.js'

interface Place {
  readonly author: PeerId
  readonly epoch: number
  readonly sequence: Sequence
}

export class Ordering {
  readonly #limits: GossipLimits
  readonly #authors: Authors
  readonly #emit: (output: Output) => void
  /** Sequences with a hole or still settling; at most `maxHeld` of them. */
  readonly #waiting = new Map<string, Place>()
  #held = 0

  constructor(limits: GossipLimits, emit: (output: Output) => void) {
    this.#limits = limits
    this.#authors = new Authors(limits)
    this.#emit = emit
  }

  /** True if a record was accepted for any number of the range. */
  isKnown(author: PeerId, epoch: number, range: Interval): boolean {
    return this.#authors.find(author, epoch)?.isKnown(range[0], range[1]) ?? false
  }

  /** True if the place is tracked or may be. */
  admits(author: PeerId, epoch: number): boolean {
    return this.#authors.admits(author, epoch)
  }

  /** The last unbroken run of deliveries of this place. */
  runOf(author: PeerId, epoch: number): Interval {
    return this.#authors.find(author, epoch)?.run ?? [0, 0]
  }

  /** Where deliveries end, of up to `limit` places, most recently active authors first. */
  heads(limit: number): readonly Head[] {
    return this.#authors.heads(limit)
  }

  /** True the first time that it is told of a fork at this place. */
  markForked(author: PeerId, epoch: number): boolean {
    const sequence = this.#authors.find(author, epoch)
    if (!sequence || sequence.forked) return false
    sequence.forked = true
    return true
  }

  /** Takes a record of a place that is admitted and not known; `begin` says whether an unknown place may begin with it. */
  accept(pending: Pending, { begin, now }: { readonly begin: boolean; readonly now: number }): void {
    const { author, epoch } = pending.record.header
    const sequence = this.#authors.open(author, epoch)
    this.#authors.touch(author)
    const patience = sequence.next === null ? this.#limits.settleMs : this.#limits.holdMs
    this.#track({ author, epoch, sequence }, () => sequence.accept(pending, { begin, deadline: now + patience }))
    while (this.#held > this.#limits.maxHeld) this.#giveUpOldest(now)
  }

  /** Gives up the holes whose time has come. */
  expire(now: number): void {
    for (const place of [...this.#waiting.values()]) {
      const { deadline } = place.sequence
      if (deadline !== null && deadline <= now) this.#giveUp(place, now)
    }
  }

  /** When `expire` is next needed. */
  get deadline(): number | null {
    let earliest: number | null = null
    for (const { sequence } of this.#waiting.values()) {
      if (sequence.deadline !== null && (earliest === null || sequence.deadline < earliest))
        earliest = sequence.deadline
    }
    return earliest
  }

  #giveUpOldest(now: number): void {
    const deadlineOf = (place: Place): number => place.sequence.deadline ?? 0
    const [oldest] = [...this.#waiting.values()].sort((a, b) => deadlineOf(a) - deadlineOf(b))
    if (oldest) this.#giveUp(oldest, now)
  }

  #giveUp(place: Place, now: number): void {
    this.#track(place, () => place.sequence.giveUp(now + this.#limits.holdMs))
  }

  /** Tells what became deliverable and keeps the books on what waits. */
  #track(place: Place, change: () => readonly Step[]): void {
    const before = place.sequence.heldCount
    const steps = change()
    this.#held += place.sequence.heldCount - before
    const key = `${place.author} ${place.epoch}`
    if (place.sequence.deadline === null) this.#waiting.delete(key)
    else this.#waiting.set(key, place)
    for (const step of steps) this.#tell(place, step)
  }

  #tell({ author, epoch }: Place, step: Step): void {
    if ('gap' in step) {
      this.#emit({ type: 'gap', gap: { author, epoch, from: step.gap[0], to: step.gap[1] } })
      return
    }
    const { record, messages, hops, via } = step.ready
    const { firstSeq, time } = record.header
    for (const [index, payload] of messages.entries()) {
      this.#emit({ type: 'deliver', delivery: { author, epoch, seq: firstSeq + index, time, hops, via, payload } })
    }
  }
}
