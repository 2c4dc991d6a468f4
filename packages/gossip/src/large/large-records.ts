// What a room does with the frames of large records: a head begins an assembly and is passed on at once, parts fill it and are
// passed on as they come, and when the last one is here the record is delivered like any other.

import { type Crypto, type RecordHead, type SignedRecord, sameBytes } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'
import { NAMELESS } from '../frames/names.js'
import type { PartFrame } from '../frames/part-frames.js'
import { MAX_HOPS } from '../frames/range-frames.js'
import type { Arrival, ArrivalLog, Source } from '../machine/arrivals.js'
import { attempt, type Fault, type Finding, type Intake } from '../machine/intake.js'
import type { Arriving } from '../machine/judgement.js'
import type { Neighbour } from '../machine/neighbour.js'
import type { Ordering } from '../order/ordering.js'
import { NO_NEWS } from '../repair/news.js'
import type { Wants } from '../repair/wants.js'
import type { PlacedParts, PlacedRange } from '../serving/notices.js'
import type { Serving } from '../serving/serving.js'
import { Assemblies } from './assemblies.js'
import type { Assembly } from './assembly.js'
import { LargeBlock } from './large-block.js'

/** A record on its way into the log. */
export interface Entry {
  readonly record: RecordHead
  readonly body: Uint8Array | LargeBlock
  readonly hops: number
}

/** Where it stands there, and who said before that it holds it. */
export interface Entered {
  readonly arrival: Arrival | undefined
  readonly position: number
  readonly holders: readonly PeerHandle[]
}

export interface LargeContext {
  readonly crypto: Crypto
  readonly maxBytes: number
  /** True if the application judges records before others are given them. */
  readonly isJudged: boolean
  readonly log: ArrivalLog
  readonly ordering: Ordering
  readonly intake: Intake
  readonly wants: Wants
  readonly serving: Serving
  readonly neighbours: ReadonlyMap<PeerHandle, Neighbour>
  /** The neighbour sends parts. */
  heard(peer: PeerHandle, now: number): void
  /** Puts a record that is new here into the log. */
  enter(entry: Entry, from: Neighbour | null, now: number): Entered
  /** It is all here, and stands in the log. */
  whole(arriving: Arriving): void
  /** These had to leave the log. */
  forgotten(evicted: readonly Arrival[]): void
  onKnown(
    neighbour: Neighbour,
    finding: { readonly record: RecordHead; readonly position: number | null },
    how: { readonly isAsked: boolean; readonly now: number },
  ): void
  onOther(neighbour: Neighbour, finding: Exclude<Finding, { is: 'new' }>, now: number): void
  misbehaved(neighbour: Neighbour, fault: Fault, now: number): void
}

export class LargeRecords {
  readonly assemblies: Assemblies
  readonly #context: LargeContext

  constructor(context: LargeContext) {
    const { maxBytes, log, neighbours, wants } = context
    this.#context = context
    this.assemblies = new Assemblies({
      ...{ maxBytes, log, neighbours, wants },
      onWhole: (assembly, now) => this.#onWhole(assembly, now),
    })
  }

  take(neighbour: Neighbour, frame: PartFrame, now: number): void {
    if (frame.type === 'head') return this.#onHead(neighbour, frame, now)
    const { name, ...place } = frame
    const source = neighbour.names.at(name)
    if (!source) {
      return this.#context.misbehaved(neighbour, { code: 'ERR_FRAME', message: NAMELESS, ban: false }, now)
    }
    if (place.type === 'wanted') this.#onWanted(neighbour, { source, ...place }, now)
    else this.#onPart(neighbour, { source, ...place }, now)
  }

  /** A record came in one frame: should its parts be awaited, they are here. */
  fill(record: SignedRecord, now: number): void {
    const { author, epoch, firstSeq } = record.header
    const assembly = this.assemblies.find({ author, epoch }, firstSeq)
    if (assembly && sameBytes(assembly.arrival.record.id, record.id)) {
      this.assemblies.fill(assembly, record.block, now)
    }
  }

  #onHead(
    neighbour: Neighbour,
    { head, hops, parts }: { readonly head: Uint8Array; readonly hops: number; readonly parts: number },
    now: number,
  ): void {
    const { intake, crypto, isJudged } = this.#context
    const finding = intake.judgeHead(head, neighbour.checksAt(now))
    if (finding.is === 'faulty') return this.#context.misbehaved(neighbour, finding.fault, now)
    const range = rangeOf(finding.record)
    const peer = neighbour.handle
    if (finding.is === 'known') {
      const isAsked = this.assemblies.onKnownHead(peer, range, { parts, now })
      return this.#context.onKnown(neighbour, finding, { isAsked, now })
    }
    if (finding.is === 'new' && this.assemblies.admits(peer, now)) {
      const { record } = finding
      const entry = { record, body: new LargeBlock(record, crypto, !isJudged), hops: Math.min(hops + 1, MAX_HOPS) }
      return this.#begin(entry, { from: neighbour, parts, now })
    }
    this.assemblies.onRefusedHead(peer, range, { parts, now })
    if (finding.is !== 'new') return this.#context.onOther(neighbour, finding, now)
    neighbour.checksAt(now).spend()
    this.#context.wants.defer(peer, range, now)
  }

  #begin(entry: Entry, { from, parts, now }: { from: Neighbour; parts: number; now: number }): void {
    const { author, epoch } = entry.record.header
    const { arrival, position, holders } = this.#context.enter(entry, from, now)
    this.#context.ordering.follow(author, epoch)
    if (arrival) this.assemblies.begin({ arrival, position, peer: from.handle, holders, parts, now })
  }

  #onWanted(neighbour: Neighbour, wanted: PlacedParts, now: number): void {
    const { source, first, parts } = wanted
    const isInVain = parts.length > 0 && this.assemblies.cannotFeed(neighbour.handle, source, wanted)
    if (!isInVain) return this.#context.serving.onWanted(neighbour, wanted, now)
    neighbour.notices.none({ source, first, count: 1 }, now)
    const position = this.#context.log.positionOf(source, first)
    if (position !== undefined) this.#context.log.noteHolder(position, neighbour.handle)
  }

  #onPart(
    neighbour: Neighbour,
    part: { source: Source; first: number; index: number; proof: Uint8Array; chunk: Uint8Array },
    now: number,
  ): void {
    this.#context.heard(neighbour.handle, now)
    const fault = this.assemblies.onPart(neighbour.handle, part, now)
    if (fault) this.#context.misbehaved(neighbour, fault, now)
  }

  /** The parts are the block that its author signed; what is in it is for us to see. */
  #onWhole({ arrival, position, block, feeder, from }: Assembly, now: number): void {
    const { log, ordering, neighbours, intake } = this.#context
    const { record, hops, source } = arrival
    const sender = feeder === null ? undefined : neighbours.get(feeder)
    const whole = block.whole ?? new Uint8Array()
    const contents = attempt(() => intake.contents({ ...record, block: whole }))
    if ('fault' in contents) {
      // Relays pass parts on before they can see this: only its author is to blame.
      log.remove(position)
      ordering.know(record.header)
      if (sender?.signs(source)) this.#context.misbehaved(sender, contents.fault, now)
      return
    }
    this.#context.forgotten(log.completed(position))
    // They may have no more than a part of it, and wait for one who has all.
    if (block.isShared) for (const peer of arrival.holders ?? []) neighbours.get(peer)?.complete(position, arrival, now)
    const pending = { ...contents.value, record, block: whole, hops, via: from, isOffered: arrival.isRecovered }
    this.#context.whole({ pending, position, from: sender ?? null, news: NO_NEWS, now })
  }
}

/** The place of a record. */
export function rangeOf({ header: { author, epoch, firstSeq: first, count } }: RecordHead): PlacedRange {
  return { source: { author, epoch }, first, count }
}
