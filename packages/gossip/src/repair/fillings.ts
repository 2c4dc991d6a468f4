// Holes that nobody spoke of, or of which was spoken in vain: seen because their author went on. The lowest one of each place is
// asked of whoever sent what follows it, then of others, a stretch at a time and one neighbour at a time.

import { MAX_BATCH_MESSAGES } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'
import type { Source } from '../machine/arrivals.js'
import { placeKey } from '../machine/place-key.js'
import type { Interval } from '../order/intervals.js'
import type { PlacedRange } from '../serving/notices.js'

/** How long a hole waits for what may be on another way: long beside a push or a promise, short beside the patience for holes. */
const WAIT_MS = 100
/** Who sends nothing of what it was asked for so long is left for another. */
const SILENT_MS = 400
/** Neighbours that are asked for one stretch. */
const MAX_ASKED = 4
/** Places that are filled at once: authors that leave holes must not keep this node busy. */
export const MAX_FILLINGS = 256

export interface FillingContext {
  /** The lowest hole of this place that may still be filled, or null. */
  holeOf(source: Source): Interval | null
  /** True if a record of this place that begins there was promised, and is or will be asked for. */
  isPromised(source: Source, first: number): boolean
  /** Neighbours that may be asked. */
  neighbours(): Iterable<PeerHandle>
  ask(peer: PeerHandle, range: PlacedRange, now: number): void
}

interface Filling {
  readonly source: Source
  /** Who sent what follows the hole: asked first. */
  sender: PeerHandle
  /** What is asked for now, and of whom; null while it waits. */
  asked: { readonly peer: PeerHandle; readonly from: number; readonly to: number } | null
  /** Who was asked for the stretch that begins at `from`. */
  from: number
  readonly tried: Set<PeerHandle>
  dueAt: number
}

export class Fillings {
  readonly #context: FillingContext
  readonly #fillings = new Map<string, Filling>()

  constructor(context: FillingContext) {
    this.#context = context
  }

  /** When `expire` is next needed; infinity if never. */
  get deadline(): number {
    let due = Number.POSITIVE_INFINITY
    for (const { dueAt } of this.#fillings.values()) due = Math.min(due, dueAt)
    return due
  }

  /** This neighbour sent something of the place behind a hole. */
  note(source: Source, sender: PeerHandle, now: number): void {
    const key = placeKey(source)
    const known = this.#fillings.get(key)
    if (known) known.sender = sender
    else if (this.#fillings.size < MAX_FILLINGS) {
      this.#fillings.set(key, { source, sender, asked: null, from: -1, tried: new Set(), dueAt: now + WAIT_MS })
    }
  }

  /** A record came; true if this neighbour was asked for it. */
  arrived(peer: PeerHandle | null, { source, first, count }: PlacedRange, now: number): boolean {
    const filling = this.#fillings.size === 0 ? undefined : this.#fillings.get(placeKey(source))
    const asked = filling?.asked
    if (!filling || !asked || asked.peer !== peer || first < asked.from || first >= asked.to) return false
    const isOver = first + count >= asked.to
    if (isOver) filling.asked = null
    filling.dueAt = isOver ? now : now + SILENT_MS
    return true
  }

  /** The neighbour does not have it, from there on. */
  none(peer: PeerHandle, { source, first }: PlacedRange, now: number): void {
    const filling = this.#fillings.get(placeKey(source))
    const asked = filling?.asked
    if (!filling || !asked || asked.peer !== peer || first < asked.from || first >= asked.to) return
    filling.asked = null
    filling.dueAt = now
  }

  down(peer: PeerHandle, now: number): void {
    for (const filling of this.#fillings.values()) {
      if (filling.asked?.peer !== peer) continue
      filling.asked = null
      filling.dueAt = now
    }
  }

  /** True while somebody who was asked for this hole sends, or may. */
  isFilling(source: Source, { from, before }: { readonly from: number; readonly before: number }): boolean {
    const asked = this.#fillings.get(placeKey(source))?.asked
    return asked !== undefined && asked !== null && asked.from < before && asked.to > from
  }

  expire(now: number): void {
    for (const [key, filling] of this.#fillings) {
      if (filling.dueAt <= now && !this.#goOn(filling, now)) this.#fillings.delete(key)
    }
  }

  /** False if there is nothing to fill, or nobody to ask. */
  #goOn(filling: Filling, now: number): boolean {
    const { source, tried } = filling
    filling.asked = null
    const hole = this.#context.holeOf(source)
    if (!hole) return false
    const [from, end] = hole
    if (this.#context.isPromised(source, from)) {
      filling.dueAt = now + WAIT_MS
      return true
    }
    if (filling.from !== from) tried.clear()
    filling.from = from
    const peer = this.#choose(filling)
    if (peer === null) return false
    tried.add(peer)
    filling.asked = { peer, from, to: Math.min(end, from + MAX_BATCH_MESSAGES) }
    filling.dueAt = now + SILENT_MS
    this.#context.ask(peer, { source, first: from, count: filling.asked.to - from }, now)
    return true
  }

  #choose({ sender, tried }: Filling): PeerHandle | null {
    if (tried.size >= MAX_ASKED) return null
    let first: PeerHandle | null = null
    for (const peer of this.#context.neighbours()) {
      if (tried.has(peer)) continue
      if (peer === sender) return peer
      first ??= peer
    }
    return first
  }
}
