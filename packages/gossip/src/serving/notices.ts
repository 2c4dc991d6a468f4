// What one neighbour is to be told beside records: lists that grow until they are due, and leave as one frame each. What
// answers or asks goes at once; what can wait goes together, for a neighbour may tell us meanwhile that it need not be told.

import type { PeerHandle } from '../engine.js'
import { NamesGiven } from '../frames/names.js'
import { encodePartFrame, type PartRange } from '../frames/part-frames.js'
import { encodeRangeFrame, MAX_ENTRIES } from '../frames/range-frames.js'
import { encodeRunFrame } from '../frames/run-frames.js'
import { LargeBlock } from '../large/large-block.js'
import type { Alarm } from '../machine/alarm.js'
import { type Arrival, markOf, type Source } from '../machine/arrivals.js'
import { RunsTold } from './runs-told.js'

/** How long a `have` or `prune` waits for others to go with it, in ms: little beside what a pull waits for a push. */
export const COALESCE_MS = 10

/**
 * Entries of one list that wait for a neighbour that takes nothing; the oldest is forgotten. Lists of records that are held
 * need no such bound: they only grow while it has window.
 */
export const MAX_QUEUED = 1_024

/** A range of a place. */
export interface PlacedRange {
  readonly source: Source
  readonly first: number
  readonly count: number
}

/** Parts of a large record that a neighbour is to send; none: it is to send no more. */
export interface PlacedParts {
  readonly source: Source
  readonly first: number
  readonly parts: readonly PartRange[]
}

export class Notices {
  readonly #peer: PeerHandle
  readonly #alarm: Alarm
  readonly #names = new NamesGiven()
  #haves: Arrival[] = []
  #told: Arrival[] = []
  #offers: Arrival[] = []
  readonly #runs = new RunsTold()
  #pulls: PlacedRange[] = []
  #nones: PlacedRange[] = []
  readonly #wanted: PlacedParts[] = []
  #prunes: Source[] = []
  #grafts: Source[] = []
  #more = 0
  #graftAll = false
  /** When what cannot wait was there, and when what can has waited long enough. */
  #urgentAt = Number.POSITIVE_INFINITY
  #patientAt = Number.POSITIVE_INFINITY

  /** @param alarm is told whenever something is to go sooner than all else */
  constructor(peer: PeerHandle, alarm: Alarm) {
    this.#peer = peer
    this.#alarm = alarm
  }

  /** When the next frame is due; infinity if nothing is to be told. */
  get due(): number {
    return Math.min(this.#urgentAt, this.#patientAt)
  }

  have(arrival: Arrival, now: number): void {
    this.#haves.push(arrival)
    this.#wait(this.#haves.length >= MAX_ENTRIES ? now : now + COALESCE_MS)
  }

  /** True if it is to be told of what it must ask for. */
  get hasOffers(): boolean {
    return this.#offers.length > 0 || this.#runs.size > 0
  }

  /** True if it must be told before more is noted. */
  get isFull(): boolean {
    return this.#runs.size >= MAX_ENTRIES
  }

  /** True if this record goes into a run that is to be told anyway. */
  isRunning(arrival: Arrival): boolean {
    return this.#runs.isFollowing(arrival)
  }

  /** What it must ask for is to be told now, whatever can wait. */
  hasten(now: number): void {
    this.#urge(now)
  }

  /** It may ask for this record: told together with what follows it. */
  run(arrival: Arrival, now: number): void {
    this.#runs.add(arrival)
    this.#wait(now + COALESCE_MS)
  }

  offer(arrival: Arrival, now: number): void {
    this.#offers.push(arrival)
    this.#urge(now)
  }

  pull(range: PlacedRange, now: number): void {
    append(this.#pulls, range)
    this.#urge(now)
  }

  /** It may offer 256 more. */
  more(now: number): void {
    this.#more++
    this.#urge(now)
  }

  none(range: PlacedRange, now: number): void {
    append(this.#nones, range)
    this.#urge(now)
  }

  wanted(parts: PlacedParts, now: number): void {
    append(this.#wanted, parts)
    this.#urge(now)
  }

  prune(source: Source, now: number): void {
    append(this.#prunes, source)
    this.#wait(now + COALESCE_MS)
  }

  graft(source: Source, now: number): void {
    append(this.#grafts, source)
    this.#urge(now)
  }

  graftAll(now: number): void {
    this.#graftAll = true
    this.#urge(now)
  }

  #urge(now: number): void {
    this.#urgentAt = Math.min(this.#urgentAt, now)
    this.#alarm.set(now)
  }

  #wait(until: number): void {
    this.#patientAt = Math.min(this.#patientAt, until)
    this.#alarm.set(until)
  }

  /** What the neighbour was told by `have`, or need not be told, since this was asked last. */
  takeTold(): readonly Arrival[] {
    return this.#told.length === 0 ? this.#told : this.#told.splice(0)
  }

  /** The next frame that is due, once; null if there is none. */
  take(now: number): Uint8Array | null {
    if (this.#urgentAt <= now) {
      const frame = this.#urgent()
      if (frame) return frame
      this.#urgentAt = Number.POSITIVE_INFINITY
    }
    if (this.#patientAt > now) return null
    const frame = this.#patient()
    if (frame === null) this.#patientAt = Number.POSITIVE_INFINITY
    return frame
  }

  #urgent(): Uint8Array | null {
    if (this.#graftAll) {
      this.#graftAll = false
      return encodeRangeFrame({ type: 'graft', names: [] })
    }
    if (this.#more > 0) {
      this.#more--
      return encodeRangeFrame({ type: 'pull', ranges: [] })
    }
    if (this.#grafts.length > 0) return this.#sources('graft', this.#grafts)
    const [wanted] = this.#wanted
    if (wanted) return this.#parts(wanted)
    if (this.#pulls.length > 0) return this.#ranges('pull', this.#pulls)
    if (this.#nones.length > 0) return this.#ranges('none', this.#nones)
    return this.#offers.length > 0 ? this.#held('offer', this.#offers) : this.#takeRuns()
  }

  #patient(): Uint8Array | null {
    if (this.#prunes.length > 0) return this.#sources('prune', this.#prunes)
    // Who holds a large record may have a part of it only.
    const isNews = ({ holders, body }: Arrival): boolean =>
      body instanceof LargeBlock || holders?.includes(this.#peer) !== true
    this.#told.push(...this.#haves.filter((arrival) => !isNews(arrival)))
    this.#haves = this.#haves.filter(isNews)
    return this.#haves.length > 0 ? this.#held('have', this.#haves) : this.#takeRuns()
  }

  #takeRuns(): Uint8Array | null {
    if (this.#runs.size === 0) return null
    const unnamed = this.#unnamed(this.#runs.sources)
    if (unnamed) return unnamed
    const runs = this.#runs.take().map(({ source, first, end, last }) => {
      const { count } = last.header
      return { name: this.nameOf(source), first, count: end - first, last: count, mark: markOf(last) }
    })
    return encodeRunFrame({ type: 'run', runs })
  }

  #held(type: 'have' | 'offer', queue: Arrival[]): Uint8Array {
    const batch = queue.slice(0, MAX_ENTRIES)
    const unnamed = this.#unnamed(batch.map(({ source }) => source))
    if (unnamed) return unnamed
    queue.splice(0, batch.length)
    if (type === 'have') this.#told.push(...batch)
    const ranges = batch.map(({ source, record }) => {
      const { firstSeq: first, count } = record.header
      return { name: this.nameOf(source), first, count, mark: markOf(record) }
    })
    return encodeRangeFrame({ type, ranges })
  }

  #parts({ source, first, parts }: PlacedParts): Uint8Array {
    const unnamed = this.naming(source)
    if (unnamed) return unnamed
    this.#wanted.shift()
    return encodePartFrame({ type: 'wanted', name: this.nameOf(source), first, parts })
  }

  #ranges(type: 'pull' | 'none', queue: PlacedRange[]): Uint8Array {
    const batch = queue.slice(0, MAX_ENTRIES)
    const unnamed = this.#unnamed(batch.map(({ source }) => source))
    if (unnamed) return unnamed
    queue.splice(0, batch.length)
    const ranges = batch.map(({ source, first, count }) => ({ name: this.nameOf(source), first, count }))
    return encodeRangeFrame({ type, ranges })
  }

  #sources(type: 'prune' | 'graft', queue: Source[]): Uint8Array {
    const batch = queue.slice(0, MAX_ENTRIES)
    const unnamed = this.#unnamed(batch)
    if (unnamed) return unnamed
    queue.splice(0, batch.length)
    return encodeRangeFrame({ type, names: [...new Set(batch.map((source) => this.nameOf(source)))] })
  }

  /** Names one that has no number yet. There are twice as many numbers as entries, so this comes to an end. */
  #unnamed(sources: readonly Source[]): Uint8Array | null {
    const source = sources.find((one) => this.#names.find(one) === undefined)
    return source === undefined ? null : this.naming(source)
  }

  /** What must be sent at once, so that the place has a number; null if it has one. */
  naming(source: Source): Uint8Array | null {
    if (this.#names.find(source) !== undefined) return null
    this.#names.give(source)
    return encodeRangeFrame({ type: 'name', author: source.author, epoch: source.epoch })
  }

  nameOf(source: Source): number {
    return this.#names.find(source) ?? 0
  }
}

function append<Entry>(list: Entry[], entry: Entry): void {
  list.push(entry)
  if (list.length > MAX_QUEUED) list.shift()
}
