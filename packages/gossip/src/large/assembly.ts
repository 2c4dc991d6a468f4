// One large record on its way in: who has it, who is asked, and which parts were asked for.

import type { PeerId } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'
import type { PartRange } from '../frames/part-frames.js'
import type { Arrival } from '../machine/arrivals.js'
import type { PlacedRange } from '../serving/notices.js'
import type { LargeBlock } from './large-block.js'

/** Neighbours that are remembered as holding one record. */
const MAX_SOURCES = 16
/**
 * Who sends nothing of it for so long is left for another; twice as long each time that one has its turn, so that slow links are
 * not left for ever, and those who never send cost no more than this each.
 */
const STALL_MS = 500
const MAX_DOUBLINGS = 3
/** Standing still for so long, it takes the next one that says it has it. */
const QUIET_MS = 200
/** Without a part for so long, a record that others wait for gives way, and does not hold up its author's later ones. */
const IDLE_MS = 5_000
/** Without a part for so long it never comes. */
export const ABANDON_MS = 30_000

export class Assembly {
  readonly arrival: Arrival
  readonly block: LargeBlock
  /** Where it stands in the log. */
  readonly position: number
  /** Who holds it, or puts it together too, with how often each was turned to. */
  readonly sources: Map<PeerHandle, number> = new Map()
  feeder: PeerHandle | null
  /** Who sent the head first. */
  readonly from: PeerId | null
  /** When the latest part came. */
  progressAt: number
  /** When `expire` is to look at it. */
  dueAt: number
  /** Who sends it: whose head for this place was this record's. */
  readonly #senders = new Map<PeerHandle, { parts: number }>()
  /** Of the feeder, and not here yet. */
  readonly #asked = new Set<number>()
  #askedAt: number
  #turns = 0
  /** True once parts of it may be asked for: there was room for all of it. */
  isFed = false

  constructor(start: { arrival: Arrival; position: number; feeder: PeerHandle; from: PeerId | null; now: number }) {
    this.arrival = start.arrival
    this.block = start.arrival.body as LargeBlock
    this.position = start.position
    this.feeder = start.feeder
    this.sources.set(start.feeder, 1)
    this.from = start.from
    this.progressAt = start.now
    this.#askedAt = start.now
    this.dueAt = start.now + STALL_MS
  }

  get range(): PlacedRange {
    const { source, record } = this.arrival
    return { source, first: record.header.firstSeq, count: record.header.count }
  }

  /** Neighbours that send it until they are told to stop. */
  get senders(): readonly PeerHandle[] {
    return [...this.#senders.keys()]
  }

  /** How many parts are on their way from the feeder; one that has sent none for long has none to send. */
  inFlight(now: number): number {
    return this.isStill(now, STALL_MS) ? 0 : this.#asked.size
  }

  /** True if its feeder may be asked for more: it sends, or was not asked for anything yet. */
  mayAsk(now: number): boolean {
    return this.#asked.size === 0 || !this.isStill(now, STALL_MS)
  }

  /** False if it waits in vain for parts that were asked for: then others take its turn. */
  takesPart(now: number): boolean {
    return this.mayAsk(now) || this.inFlight(now) > 0
  }

  /** True if no part came for so long, though one was asked for. */
  isStill(now: number, ms: number = QUIET_MS): boolean {
    return now >= Math.max(this.progressAt, this.#askedAt) + ms
  }

  /** True if the head that this neighbour sent for the place is this record's. */
  isHeadOf(peer: PeerHandle): boolean {
    return this.#senders.has(peer)
  }

  /** True if this neighbour sent all parts. */
  isSentBy(peer: PeerHandle): boolean {
    return this.#senders.get(peer)?.parts === this.block.count
  }

  hold(peer: PeerHandle): void {
    if (!this.sources.has(peer) && this.sources.size < MAX_SOURCES) this.sources.set(peer, 0)
  }

  onHead(peer: PeerHandle): void {
    this.hold(peer)
    if (!this.#senders.has(peer)) this.#senders.set(peer, { parts: 0 })
  }

  /** So many parts follow the feeder's head unasked. */
  expect(parts: number): void {
    for (let index = 0; index < Math.min(parts, this.block.count); index++) this.#asked.add(index)
  }

  /** The next parts to ask for, which count as asked from now on. */
  ask(most: number, now: number): readonly PartRange[] {
    if (this.#asked.size === 0) this.#askedAt = now
    const ranges = this.block.missing(most, (index) => this.#asked.has(index))
    for (const { from, to } of ranges) for (let index = from; index < to; index++) this.#asked.add(index)
    return ranges
  }

  /** It must wait, through no fault of its feeder. */
  postpone(now: number): void {
    this.progressAt = now
  }

  arrived(peer: PeerHandle, index: number): void {
    const sender = this.#senders.get(peer)
    if (sender) sender.parts++
    if (peer === this.feeder) this.#asked.delete(index)
  }

  forget(peer: PeerHandle): void {
    this.sources.delete(peer)
    this.#senders.delete(peer)
  }

  /** True if nothing came for long, though it might have. */
  isIdle(now: number): boolean {
    return this.isFed && now >= this.progressAt + IDLE_MS
  }

  get hasOther(): boolean {
    return this.sources.size > (this.feeder !== null && this.sources.has(this.feeder) ? 1 : 0)
  }

  /** True if its feeder has sent nothing of it for too long. */
  isStalled(now: number): boolean {
    return now >= this.#patientUntil
  }

  /** To be looked at again when its feeder will have been silent for too long, or it is to be given up. */
  wait(now: number): void {
    const stalledAt = this.#patientUntil
    this.dueAt = Math.min(stalledAt > now ? stalledAt : now + STALL_MS, this.progressAt + ABANDON_MS)
  }

  /** Who was turned to least, of those who do not have it from us. */
  choose(isServed: (peer: PeerHandle) => boolean): PeerHandle | null {
    let best: { readonly peer: PeerHandle; readonly cost: number } | null = null
    for (const [peer, turns] of this.sources) {
      const cost = turns * 2 + (isServed(peer) ? 1 : 0)
      if (peer !== this.feeder && (best === null || cost < best.cost)) best = { peer, cost }
    }
    return best?.peer ?? null
  }

  turnTo(peer: PeerHandle | null, now: number): void {
    this.#asked.clear()
    this.feeder = peer
    this.#askedAt = now
    this.#turns++
    if (peer !== null) this.sources.set(peer, (this.sources.get(peer) ?? 0) + 1)
    this.wait(now)
  }

  get #patientUntil(): number {
    const turns = this.feeder === null ? this.#turns : (this.sources.get(this.feeder) ?? 1) - 1
    return Math.max(this.progressAt, this.#askedAt) + STALL_MS * 2 ** Math.min(Math.max(turns, 0), MAX_DOUBLINGS)
  }
}
