// From accepted records to deliveries: every author's epoch in order, holes given up in time, within bounds. Engines share
// it; how records get here and where they go next is theirs.

import type { PeerId, RecordHeader } from '@hearsay/core'
import { Authors } from './authors.js'
import type { Output } from './engine.js'
import type { Head } from './frames.js'
import type { Interval } from './intervals.js'
import type { GossipLimits } from './options.js'
import type { Patience, Pending, Sequence, Step } from './sequence.js'

/** A hole, or what may have been said before the first record of a place: since when it is waited for. */
export interface Hole {
  readonly author: PeerId
  readonly epoch: number
  readonly from: number
  readonly before: number
  readonly since: number
}

interface Place {
  readonly author: PeerId
  readonly epoch: number
  readonly sequence: Sequence
}

export class Ordering {
  readonly #limits: GossipLimits
  readonly #authors: Authors
  readonly #emit: (output: Output) => void
  readonly #isComing: (hole: Hole, now: number) => boolean
  /**
   * Sequences that settle and sequences with a hole; at most `maxHeld` together. Each patience has a map of its own, so that
   * insertion order is the order of deadlines: the first one is due first, however many wait.
   */
  readonly #settling = new Map<string, Place>()
  readonly #holding = new Map<string, Place>()
  #held = 0
  #heldBytes = 0

  /** @param isComing true if what fills the hole is on its way, so that it is not given up */
  constructor(limits: GossipLimits, emit: (output: Output) => void, isComing: (hole: Hole, now: number) => boolean) {
    this.#limits = limits
    this.#authors = new Authors(limits)
    this.#emit = emit
    this.#isComing = isComing
  }

  /** True if a record was accepted for any number of the range. */
  isKnown(author: PeerId, epoch: number, range: Interval): boolean {
    return this.#authors.find(author, epoch)?.isKnown(range[0], range[1]) ?? false
  }

  /** True if the place is tracked or may be. */
  admits(author: PeerId, epoch: number): boolean {
    return this.#authors.admits(author, epoch)
  }

  /** What was delivered of this place: unbroken runs, ascending. */
  deliveredOf(author: PeerId, epoch: number): readonly Interval[] {
    return this.#authors.find(author, epoch)?.delivered ?? []
  }

  /** Where deliveries end, of as many places as a hello takes, most recently active authors first. */
  heads(): readonly Head[] {
    return this.#authors.heads()
  }

  /** True if the author forked before the end of this range: nothing of it is taken any more. */
  isFrozen({ author, epoch, firstSeq, count }: Pick<RecordHeader, 'author' | 'epoch' | 'firstSeq' | 'count'>): boolean {
    return firstSeq + count > (this.#authors.find(author, epoch)?.frozenAt ?? Number.POSITIVE_INFINITY)
  }

  /** Nothing of this place from `at` on is delivered any more; answers true the first time, and if the place is tracked. */
  freeze(author: PeerId, epoch: number, at: number): boolean {
    const sequence = this.#authors.find(author, epoch)
    if (!sequence) return false
    const isNew = sequence.frozenAt === null
    this.#track({ author, epoch, sequence }, () => sequence.freeze(at))
    return isNew
  }

  /** A place that is admitted is followed: its first record is on its way. */
  follow(author: PeerId, epoch: number): void {
    this.#authors.open(author, epoch)
    this.#authors.touch(author)
  }

  /** A record of this place holds nothing that can be delivered. */
  void({ author, epoch, firstSeq, count }: RecordHeader): void {
    this.#authors.open(author, epoch).void(firstSeq, firstSeq + count)
  }

  /** Takes a record of a place that is admitted and not known; `begin` says whether an unknown place may begin with it. */
  accept(pending: Pending, { begin, now }: { readonly begin: boolean; readonly now: number }): void {
    const { author, epoch } = pending.record.header
    const sequence = this.#authors.open(author, epoch)
    this.#authors.touch(author)
    const patience = this.#patienceFrom(now)
    this.#track({ author, epoch, sequence }, () => sequence.accept(pending, { begin, patience }))
    for (let first = this.#first; first && this.#isOver(); first = this.#first) this.#giveUp(first, now)
  }

  /** Gives up the holes whose time has come, unless what fills them does too. */
  expire(now: number): void {
    for (let first = this.#first; first && deadlineOf(first) <= now; first = this.#first) {
      const { author, epoch, sequence } = first
      const hole = sequence.hole
      if (hole && this.#isComing({ author, epoch, ...hole }, now)) {
        this.#track(first, () => sequence.postpone(this.#patienceFrom(now)))
      } else this.#giveUp(first, now)
    }
  }

  /** When `expire` is next needed. */
  get deadline(): number | null {
    return this.#first?.sequence.deadline ?? null
  }

  /** Who has waited long enough first. */
  get #first(): Place | undefined {
    const [[, settling] = []] = this.#settling
    const [[, holding] = []] = this.#holding
    if (settling && holding) return deadlineOf(settling) <= deadlineOf(holding) ? settling : holding
    return settling ?? holding
  }

  #isOver(): boolean {
    return this.#held > this.#limits.maxHeld || this.#heldBytes > this.#limits.capacityBytes
  }

  #giveUp(place: Place, now: number): void {
    this.#track(place, () => place.sequence.giveUp(this.#patienceFrom(now)))
  }

  #patienceFrom(now: number): Patience {
    return { now, settleMs: this.#limits.settleMs, holdMs: this.#limits.holdMs }
  }

  /** Tells what became deliverable and keeps the books on what waits. */
  #track(place: Place, change: () => readonly Step[]): void {
    const { sequence } = place
    const { heldCount, heldBytes, deadline } = sequence
    const steps = change()
    this.#held += sequence.heldCount - heldCount
    this.#heldBytes += sequence.heldBytes - heldBytes
    if (sequence.deadline !== deadline) this.#enqueue(place)
    for (const step of steps) this.#tell(place, step)
  }

  /** A new deadline is the latest of its kind, so its place is the last. */
  #enqueue(place: Place): void {
    const key = `${place.author} ${place.epoch}`
    this.#settling.delete(key)
    this.#holding.delete(key)
    if (place.sequence.deadline === null) return
    const queue = place.sequence.next === null ? this.#settling : this.#holding
    queue.set(key, place)
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

function deadlineOf({ sequence }: Place): number {
  return sequence.deadline ?? Number.POSITIVE_INFINITY
}
