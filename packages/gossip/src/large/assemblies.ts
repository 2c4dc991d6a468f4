// Large records on their way in: the head is here and verified, the parts come. Each is fed by one neighbour at a time, which
// is asked for a few parts ahead, so that parts never take a channel's whole window; who sends nothing for a while is left for
// another holder, who is asked only for what is missing. All of it is bounded, and memory grows with verified parts alone.

import type { PeerHandle } from '../engine.js'
import type { PartRange } from '../frames/part-frames.js'
import type { Account } from '../machine/accounts.js'
import type { Arrival, ArrivalLog, Source } from '../machine/arrivals.js'
import type { Fault } from '../machine/intake.js'
import type { Neighbour } from '../machine/neighbour.js'
import type { Wants } from '../repair/wants.js'
import type { PlacedRange } from '../serving/notices.js'
import { ABANDON_MS, Assembly } from './assembly.js'
import { Feeders } from './feeders.js'

/** Records whose head is here in one room, and of those fed by one neighbour; beyond, they are pulled when others are done. */
export const MAX_ASSEMBLIES = 1_024
export const MAX_FED = 256
/** Of those that one neighbour feeds so many take turns. */
const MAX_TURNS = 16
/** A look that is so late was slept through. */
const LATE_MS = 5_000
/** What one neighbour feeds at once may claim this share of the bytes of all. */
const FED_SHARE = 1 / 4

export interface AssembliesContext {
  /** Bytes that the records whose parts are asked for may claim together; one alone may claim more. */
  readonly maxBytes: number
  readonly log: ArrivalLog
  readonly neighbours: ReadonlyMap<PeerHandle, Neighbour>
  readonly wants: Wants
  /** The last part is here. */
  onWhole(assembly: Assembly, now: number): void
}

/** Parts as a frame carries them. */
export interface PartClaim {
  readonly source: Source
  readonly first: number
  readonly index: number
  readonly proof: Uint8Array
  readonly chunk: Uint8Array
}

export class Assemblies {
  readonly #context: AssembliesContext
  readonly #feeders: Feeders
  readonly #assemblies = new Map<string, Assembly>()
  #stirred = false
  #isPaused = false

  constructor(context: AssembliesContext) {
    this.#context = context
    this.#feeders = new Feeders(context.neighbours)
  }

  get size(): number {
    return this.#assemblies.size
  }

  /** What is here of records that are not whole: one of them may be larger than all may be together. */
  get account(): Account {
    let [bytes, largest] = [0, 0]
    for (const { block } of this.#assemblies.values()) {
      bytes += block.heldBytes
      largest = Math.max(largest, block.bytes)
    }
    const maxBytes = Math.max(this.#context.maxBytes, largest)
    return { entries: this.size, bytes, maxEntries: MAX_ASSEMBLIES, maxBytes }
  }

  /** When `expire` is next needed; infinity if never. */
  get deadline(): number {
    let due = Number.POSITIVE_INFINITY
    for (const { dueAt } of this.#assemblies.values()) due = Math.min(due, dueAt)
    return due
  }

  /** True, once, if parts came or went that others may wait for. */
  takeStirred(): boolean {
    const stirred = this.#stirred
    this.#stirred = false
    return stirred
  }

  /** While this node takes no frames, nobody is blamed that none come. */
  setFlowing(flowing: boolean, now: number): void {
    this.#isPaused = !flowing
    for (const assembly of this.#assemblies.values()) assembly.postpone(now)
  }

  find({ author, epoch }: Source, first: number): Assembly | undefined {
    return this.#assemblies.size === 0 ? undefined : this.#assemblies.get(keyOf({ author, epoch }, first))
  }

  /** True if there is room for one more from this neighbour; one that stands still gives way. */
  admits(peer: PeerHandle, now: number): boolean {
    if (this.#hasRoom(peer)) return true
    for (const assembly of this.#assemblies.values()) {
      if (!assembly.isIdle(now)) continue
      for (const other of assembly.sources.keys()) this.#context.wants.defer(other, assembly.range, now)
      this.drop(assembly, now)
      if (this.#hasRoom(peer)) return true
    }
    return false
  }

  /** A head was accepted; so many parts follow unasked. */
  begin(start: {
    readonly arrival: Arrival
    readonly position: number
    readonly peer: PeerHandle
    readonly holders: readonly PeerHandle[]
    readonly parts: number
    readonly now: number
  }): void {
    const { arrival, position, peer, holders, parts, now } = start
    const assembly = new Assembly({
      arrival,
      position,
      feeder: peer,
      from: this.#context.neighbours.get(peer)?.remote ?? null,
      now,
    })
    this.#assemblies.set(keyOf(arrival.source, arrival.record.header.firstSeq), assembly)
    for (const holder of holders) assembly.hold(holder)
    assembly.onHead(peer)
    this.#feeders.expect(peer, parts)
    if (parts > 0 && this.#mayFeed(assembly, now)) assembly.expect(parts)
    // What comes unasked is let pass while there is no room for it, and asked for when there is.
    else if (parts > 0) this.stop(peer, assembly.range, now)
    this.#feed(peer, now)
  }

  /** A head came that is held already; true if it was asked for here, so that its sender is not at fault for it. */
  onKnownHead(peer: PeerHandle, range: PlacedRange, { parts, now }: { parts: number; now: number }): boolean {
    this.#feeders.expect(peer, parts)
    const assembly = this.find(range.source, range.first)
    assembly?.onHead(peer)
    if (assembly && assembly.feeder === null) this.#leave(assembly, now)
    if (assembly?.feeder === peer) return true
    this.stop(peer, range, now)
    return false
  }

  /** A head came that is not taken: its parts are let pass. */
  onRefusedHead(peer: PeerHandle, range: PlacedRange, { parts, now }: { parts: number; now: number }): void {
    this.#feeders.expect(peer, parts)
    const assembly = this.find(range.source, range.first)
    assembly?.forget(peer)
    if (assembly?.feeder === peer) this.#leave(assembly, now)
    this.stop(peer, range, now)
  }

  /** This neighbour has the record too. */
  addHolder(peer: PeerHandle, source: Source, first: number, now: number): void {
    const assembly = this.find(source, first)
    if (!assembly) return
    assembly.hold(peer)
    if (assembly.feeder === peer) return
    if (assembly.feeder === null || assembly.isStill(now)) this.#leave(assembly, now, peer)
  }

  /** True if this neighbour had better not wait for parts from here: they would have to come from itself, or from nobody. */
  cannotFeed(
    peer: PeerHandle,
    source: Source,
    { first, parts }: { first: number; parts: readonly PartRange[] },
  ): boolean {
    const assembly = this.find(source, first)
    if (!assembly || (assembly.feeder !== null && assembly.feeder !== peer)) return false
    return parts.every(
      ({ from, to }) =>
        !Array.from({ length: to - from }, (_, at) => from + at).some((index) => assembly.block.has(index)),
    )
  }

  /** Takes a part; answers what is wrong with it, or null. */
  onPart(peer: PeerHandle, part: PartClaim, now: number): Fault | null {
    if (!this.#feeders.take(peer)) {
      return { code: 'ERR_FRAME', message: 'a part that nobody asked for', ban: false }
    }
    const assembly = this.find(part.source, part.first)
    // One may be late, or of another record for the same place.
    if (!assembly?.isHeadOf(peer) || !assembly.isFed) return null
    const { block } = assembly
    assembly.arrived(peer, part.index)
    if (part.index >= block.count || (!block.has(part.index) && !block.add(part.index, part))) {
      return { code: 'ERR_RECORD_FORGED', message: 'a part that its author did not sign', ban: true }
    }
    assembly.progressAt = now
    this.#stirred = true
    if (block.whole) this.#complete(assembly, now)
    this.#feed(peer, now)
    return null
  }

  /** It came in one frame while its parts were awaited. */
  fill(assembly: Assembly, block: Uint8Array, now: number): void {
    assembly.block.fill(block)
    this.#complete(assembly, now)
  }

  /** The neighbour does not hold what it was asked for. */
  none(peer: PeerHandle, { source, first }: PlacedRange, now: number): void {
    const assembly = this.find(source, first)
    if (!assembly) return
    assembly.forget(peer)
    if (assembly.feeder === peer) this.#leave(assembly, now)
  }

  down(peer: PeerHandle, now: number): void {
    this.#feeders.down(peer)
    for (const assembly of this.#assemblies.values()) {
      assembly.forget(peer)
      if (assembly.feeder === peer) this.#leave(assembly, now)
    }
  }

  /** Leaves whoever is silent for another, and gives up what nobody sends. */
  expire(now: number): void {
    for (const assembly of this.#assemblies.values()) {
      const { dueAt, feeder, isFed } = assembly
      if (dueAt > now) continue
      // It waits for others; or this node slept, and what came meanwhile is still to be read.
      if (this.#isPaused || (feeder !== null && !isFed) || now >= dueAt + LATE_MS) assembly.postpone(now)
      if (assembly.progressAt + ABANDON_MS <= now) this.drop(assembly, now)
      else if (assembly.isStalled(now) && assembly.hasOther) this.#leave(assembly, now)
      else {
        assembly.wait(now)
        // Another may have its turn.
        if (feeder !== null) this.#feed(feeder, now)
      }
    }
  }

  /**
   * True if a record of this place that begins below `before` is being put together, and ends above `from`; with `now`, only if
   * parts of it still come.
   */
  isComing({ author, epoch }: Source, { from, before }: { from: number; before: number }, now: number | null): boolean {
    for (const assembly of this.#assemblies.values()) {
      const { source, record, end } = assembly.arrival
      if (source.epoch !== epoch || source.author !== author || record.header.firstSeq >= before || end <= from)
        continue
      if (now === null || !assembly.isIdle(now)) return true
    }
    return false
  }

  /** True if parts come from one of these neighbours. */
  isFedByAny(peers: ReadonlySet<PeerHandle>, now: number): boolean {
    for (const assembly of this.#assemblies.values()) {
      const { feeder, isFed } = assembly
      if (feeder !== null && peers.has(feeder) && isFed && !assembly.isIdle(now)) return true
    }
    return false
  }

  /** Gives up all that fit. */
  dropIf(isLost: (arrival: Arrival) => boolean, now: number): void {
    for (const assembly of this.#assemblies.values()) if (isLost(assembly.arrival)) this.drop(assembly, now)
  }

  /** Gives it up, as if its head had not come. */
  drop(assembly: Assembly, now: number): void {
    this.#end(assembly, now)
    this.#context.log.remove(assembly.position)
  }

  /** Tells the neighbour to send no more of it. */
  stop(peer: PeerHandle, { source, first }: PlacedRange, now: number): void {
    this.#context.neighbours.get(peer)?.notices.wanted({ source, first, parts: [] }, now)
  }

  #hasRoom(peer: PeerHandle): boolean {
    if (this.#assemblies.size >= MAX_ASSEMBLIES) return false
    let fed = 0
    for (const { feeder } of this.#assemblies.values()) if (feeder === peer) fed++
    return fed < MAX_FED
  }

  /** True if it is fed, or may be from now on; else it waits until another is whole. */
  #mayFeed(assembly: Assembly, now: number): boolean {
    if (assembly.isFed) return true
    const { maxBytes } = this.#context
    let [all, fed] = [0, 0]
    for (const other of this.#assemblies.values()) {
      if (!other.isFed) continue
      // What stands still takes no more than it has.
      const bytes = other.isIdle(now) ? other.block.heldBytes : other.block.bytes
      all += bytes
      if (other.feeder === assembly.feeder) fed += bytes
    }
    const { bytes } = assembly.block
    assembly.isFed = (all === 0 || all + bytes <= maxBytes) && (fed === 0 || fed + bytes <= maxBytes * FED_SHARE)
    return assembly.isFed
  }

  #complete(assembly: Assembly, now: number): void {
    this.#end(assembly, now)
    this.#context.onWhole(assembly, now)
  }

  #end(assembly: Assembly, now: number): void {
    const { range } = assembly
    this.#stirred = true
    this.#assemblies.delete(keyOf(range.source, range.first))
    for (const peer of assembly.senders) {
      // Who has sent all of it knows.
      if (!assembly.isSentBy(peer)) this.stop(peer, range, now)
    }
    this.#feedWaiting(now)
    // What had to wait is asked for, as there is room for one more.
    this.#context.wants.resume((peer) => this.#hasRoom(peer), now)
  }

  /** Leaves the feeder, if it has one, for the best of the other holders. */
  #leave(assembly: Assembly, now: number, next?: PeerHandle): void {
    const { feeder, range } = assembly
    const isServed = (peer: PeerHandle): boolean =>
      this.#context.neighbours.get(peer)?.transfers.has(assembly.position) ?? false
    if (feeder !== null && assembly.isHeadOf(feeder)) this.stop(feeder, range, now)
    assembly.turnTo(next ?? assembly.choose(isServed), now)
    if (feeder !== null) this.#feed(feeder, now)
    if (assembly.feeder !== null) this.#feed(assembly.feeder, now)
  }

  #feed(peer: PeerHandle, now: number): void {
    const fed: Assembly[] = []
    for (const assembly of this.#assemblies.values()) {
      if (assembly.feeder !== peer) continue
      // Those behind it wait for it, however small they are.
      if (!this.#mayFeed(assembly, now)) break
      if (assembly.takesPart(now) && fed.push(assembly) === MAX_TURNS) break
    }
    this.#feeders.feed(peer, fed, now)
  }

  /** There is room again for those that waited for it. */
  #feedWaiting(now: number): void {
    const feeders = new Set<PeerHandle>()
    for (const { feeder } of this.#assemblies.values()) if (feeder !== null) feeders.add(feeder)
    for (const feeder of feeders) this.#feed(feeder, now)
  }
}

function keyOf({ author, epoch }: Source, first: number): string {
  return `${author} ${epoch} ${first}`
}
