// What neighbours say of records without sending them: who holds what, who wants what, who wants nothing more. It turns their
// numbers into places, and leads each saying to whom it concerns.

import type { PeerHandle } from '../engine.js'
import type { Frame } from '../frames/frames.js'
import { NAMELESS } from '../frames/names.js'
import type { RangeFrame } from '../frames/range-frames.js'
import type { Run, RunFrame } from '../frames/run-frames.js'
import type { Assemblies } from '../large/assemblies.js'
import { LargeBlock } from '../large/large-block.js'
import { type ArrivalLog, LATEST, markOf, type Source } from '../machine/arrivals.js'
import type { Neighbour } from '../machine/neighbour.js'
import type { Interval } from '../order/intervals.js'
import type { Ordering } from '../order/ordering.js'
import type { PlacedRange } from '../serving/notices.js'
import type { Spread } from '../spread/spread.js'
import { Errands } from './errands.js'
import { Fillings } from './fillings.js'
import { MORE_OFFERS } from './holders.js'
import type { News } from './news.js'
import { Runs } from './runs.js'
import { Waiters } from './waiters.js'
import { Wants } from './wants.js'

type FrameOf<Type extends Frame['type']> = Extract<Frame, { type: Type }>

export interface ExchangeParts {
  readonly log: ArrivalLog
  readonly ordering: Ordering
  readonly spread: Spread
  readonly neighbours: ReadonlyMap<PeerHandle, Neighbour>
  readonly assemblies: () => Assemblies
  /** Neighbours are asked to show what they tell of. */
  readonly doubts: boolean
}

export class Exchange {
  readonly wants: Wants
  readonly fillings: Fillings
  readonly errands: Errands
  readonly waiters: Waiters
  readonly runs: Runs
  readonly #parts: ExchangeParts

  constructor(parts: ExchangeParts) {
    const { spread, neighbours } = parts
    this.#parts = parts
    this.wants = new Wants({
      ask: (peer, range, now) => this.ask(peer, range, now),
      more: (peer, now) => neighbours.get(peer)?.notices.more(now),
      claimsOf: (peer) => this.runs.claimsOf(peer),
      isMissing: (range) => this.#isMissing(range),
      pullDelayMs: (author) => spread.pullDelayMs(author),
    })
    const holeOf = ({ author, epoch }: Source): Interval | null => parts.ordering.holeOf(author, epoch)
    this.fillings = new Fillings({
      holeOf,
      senderOf: (source, first) => this.#senderOf(source, first),
      isMissing: (range) => this.#isMissing(range),
      isPromised: (source, first) => this.#isPromised(source, first),
      neighbours: () => this.#introduced(),
      ask: (peer, range, now) => this.ask(peer, range, now),
    })
    this.waiters = new Waiters({
      holeOf: ({ author, epoch }) => parts.ordering.awaitedOf(author, epoch),
      answer: (peer, range, now) => this.#answer(peer, range, now),
    })
    this.runs = new Runs({
      missingIn: ({ author, epoch }, range) => parts.ordering.missingIn(author, epoch, range),
      ask: (peer, range, now) => this.ask(peer, range, now),
      settled: (peer, now) => this.wants.more(peer, now),
    })
    this.errands = new Errands({
      lostFrom: ({ author, epoch }, first) => parts.ordering.lostFrom(author, epoch, first),
      missingIn: ({ author, epoch }, range) => parts.ordering.missingIn(author, epoch, range),
      isFollowed: ({ author, epoch }) => parts.ordering.isFollowed(author, epoch),
      likelyHolders: (source, range) => this.#likelyHolders(source, range),
      ask: (peer, range, now) => this.ask(peer, range, now),
      answer: (peer, range, now) => this.#answer(peer, range, now),
    })
  }

  /** Takes a frame; answers what is wrong with it, or null. */
  take(neighbour: Neighbour, frame: RangeFrame | RunFrame, now: number): string | null {
    switch (frame.type) {
      case 'run':
        return this.#onRuns(neighbour, frame.runs, now)
      case 'name':
        neighbour.names.hear({ author: frame.author, epoch: frame.epoch })
        return null
      case 'have':
      case 'offer':
        return this.#onHeld(neighbour, frame, now)
      case 'pull':
      case 'none':
        return this.#onRanges(neighbour, frame, now)
      case 'prune':
      case 'graft':
        return this.#onMask(neighbour, frame, now)
    }
  }

  /** A record came from this neighbour, or of our own. */
  arrived(peer: PeerHandle | null, range: PlacedRange, now: number): News {
    const kind = this.errands.arrived(peer, range, now)
    const errand = this.isTold(range) || (kind === 'unasked' && !this.#hadWhenItCame(peer, range)) ? null : kind
    const news = this.wants.arrived(peer, range, now)
    const { isAsked, holders } = this.runs.arrived(peer, range, now)
    const isFilling = this.fillings.arrived(peer, range, now)
    const told = holders.length === 0 ? news : { ...news, holders: [...news.holders, ...holders] }
    return isAsked || isFilling || kind !== null ? { ...told, asked: true, recovered: true, errand } : told
  }

  /** It came and was not looked at: as if the neighbour had told of it. */
  unseen(peer: PeerHandle, range: PlacedRange, now: number): void {
    if (this.#isMissing(range)) this.wants.promise(peer, range, { offered: false, isDoubt: false, now })
  }

  /** True if somebody told this node of it: then it is owed to this node, whoever else lacks it. */
  isTold({ source, first, count }: PlacedRange): boolean {
    return this.wants.has(source, first) || this.runs.isClaimed(source, [first, first + count])
  }

  /** True if the neighbour said so in its hello: what came to it after that is live for this node, whoever lacks it. */
  #hadWhenItCame(peer: PeerHandle | null, { source, first }: PlacedRange): boolean {
    const neighbour = peer === null ? undefined : this.#parts.neighbours.get(peer)
    return (neighbour?.headOf(source) ?? 0) > first
  }

  up(peer: PeerHandle): void {
    this.wants.up(peer)
    this.runs.up(peer)
  }

  /** The neighbour has said hello: what it or another had heard by then, and only one of them, they may lack for good. */
  introduced(neighbour: Neighbour, now: number): void {
    this.#doubtHeads(neighbour, now)
    this.#askOfHoles(neighbour, now)
    for (const other of this.#parts.neighbours.values()) {
      if (other === neighbour || !other.introduced) continue
      this.#compare(neighbour, other, now)
      this.#compare(other, neighbour, now)
    }
  }

  /** It is beyond what is missing here: whoever was asked before may be gone. */
  #askOfHoles(neighbour: Neighbour, now: number): void {
    const { ordering } = this.#parts
    for (const head of neighbour.heads) {
      const hole = ordering.holeOf(head.author, head.epoch)
      if (hole && head.next > hole[0]) this.fillings.note(head, neighbour.handle, now)
    }
  }

  /** It has said how far it is with each author: is it so? */
  #doubtHeads(neighbour: Neighbour, now: number): void {
    if (!this.#parts.doubts) return
    for (const head of neighbour.heads) {
      const position = this.#parts.log.positionBefore(head, head.next)
      if (position !== undefined) this.#doubt(neighbour, position, now)
    }
  }

  /** What the one had heard and the other may lack. */
  #compare(ahead: Neighbour, behind: Neighbour, now: number): void {
    const { ordering } = this.#parts
    for (const { author, epoch, next } of ahead.heads) {
      const from = behind.mayLackFrom({ author, epoch })
      if (from === null || from >= next) continue
      if (ordering.isFollowed(author, epoch) || !ordering.admits(author, epoch)) continue
      this.errands.between({ author, epoch }, [from, next], now)
    }
  }

  /** The neighbour sends: what it was asked for may be behind that. */
  heard(peer: PeerHandle, now: number): void {
    this.wants.heard(peer, now)
    this.runs.heard(peer, now)
  }

  down(peer: PeerHandle, now: number): void {
    this.wants.down(peer, now)
    this.runs.down(peer, now)
    this.fillings.down(peer, now)
    this.errands.down(peer, now)
    this.waiters.down(peer)
  }

  /**
   * True if whoever sent what follows the hole owes an answer. That one has what is missing, or waits for it as well, of one that
   * is nearer to its author: so those who wait never wait for each other. If it is gone, any answer that is owed will do.
   */
  isOwed(source: Source, hole: { readonly from: number; readonly before: number }): boolean {
    const sender = this.#senderOf(source, hole.before)
    if (sender === null) return this.fillings.isOwedByAny(source, hole)
    return this.wants.isOwed(sender, source, hole.from) || this.fillings.isOwed(sender, source, hole)
  }

  expire(now: number): void {
    this.wants.expire(now)
    this.runs.expire(now)
    this.fillings.expire(now)
    this.errands.expire(now)
  }

  /** When `expire` is next needed. */
  get deadline(): number {
    return Math.min(this.wants.deadline, this.runs.deadline, this.fillings.deadline, this.errands.deadline)
  }

  /** True if what begins there was promised, or comes. */
  #isPromised(source: Source, first: number): boolean {
    return this.wants.has(source, first) || this.runs.isAwaited(source, first) || this.#isFed(source, first)
  }

  /** True if the parts of a record that begins there are on their way. */
  #isFed(source: Source, first: number): boolean {
    const assembly = this.#parts.assemblies().find(source, first)
    return assembly !== undefined && assembly.feeder !== null
  }

  *#introduced(): Iterable<PeerHandle> {
    for (const [peer, { introduced }] of this.#parts.neighbours) if (introduced) yield peer
  }

  /** Who sent the record that begins there first, if it is still a neighbour. */
  #senderOf(source: Source, first: number): PeerHandle | null {
    const { log, neighbours } = this.#parts
    const position = log.positionOf(source, first)
    const via = position === undefined ? null : (log.at(position)?.via ?? null)
    return via !== null && neighbours.get(via)?.introduced ? via : null
  }

  /** Who sent what follows what was lost, then those who had heard more of its author when they came. */
  *#likelyHolders(source: Source, [from, to]: Interval): Iterable<PeerHandle> {
    const sender = this.#senderOf(source, to)
    if (sender !== null) yield sender
    for (const [peer, neighbour] of this.#parts.neighbours) if ((neighbour.headOf(source) ?? 0) > from) yield peer
  }

  /** What a neighbour holds: to be asked for if it is missing here, and never to be told to it. */
  #onHeld(neighbour: Neighbour, { type, ranges }: FrameOf<'have' | 'offer'>, now: number): string | null {
    const peer = neighbour.handle
    const offered = type === 'offer'
    for (const { name, first, count, mark } of ranges) {
      const source = neighbour.names.at(name)
      if (!source) return NAMELESS
      const range = { source, first, count }
      const position = this.#parts.log.positionOf(source, first)
      const head = this.#parts.log.headOf(source, first)
      const isOther = head !== undefined && markOf(head) !== mark
      if (position !== undefined && !isOther) {
        this.#parts.log.noteHolder(position, peer)
        this.#parts.assemblies().addHolder(peer, source, first, now)
        if (!offered) this.#doubt(neighbour, position, now)
      } else if (isOther || this.#isMissing(range)) {
        this.wants.promise(peer, range, { offered, isDoubt: isOther, now })
      } else if (offered && neighbour.signs(source)) {
        // Its author waits for somebody to take it.
        this.#parts.assemblies().stop(peer, range, now)
      }
    }
    if (offered) this.wants.offered(peer, ranges.length, now)
    return null
  }

  /** It tells of what is here: once for each author it is asked to show that it has it, and gets it from others. */
  #doubt({ handle, showings, author }: Neighbour, position: number, now: number): void {
    const { log, doubts } = this.#parts
    const held = doubts ? log.at(position) : undefined
    if (!held || held.via === null || held.source.author === author || held.body instanceof LargeBlock) return
    if (!showings.isForeign(position, log.next) || !showings.ask(held.source.author, held.bytes)) return
    const { firstSeq: first, count } = held.record.header
    this.ask(handle, { source: held.source, first, count }, now)
  }

  /** What it holds in bulk: of the last record it is seen whether it is ours, for each names the one before it. */
  #onRuns(neighbour: Neighbour, runs: readonly Run[], now: number): string | null {
    const { log, ordering } = this.#parts
    const peer = neighbour.handle
    // All that it can tell of them in one frame without repeating itself.
    let most = LATEST
    for (const { name, first, count, last, mark } of runs) {
      const source = neighbour.names.at(name)
      if (!source) return NAMELESS
      const end = first + count
      const head = log.headOf(source, end - last)
      if (head && markOf(head) === mark) most -= log.noteHolderOfRun(source, [first, end], { peer, most })
      else if (head) {
        this.wants.promise(peer, { source, first: end - last, count: last }, { offered: true, isDoubt: true, now })
      }
      const isMissing = ordering.missingIn(source.author, source.epoch, [first, end]) !== null
      if (isMissing) this.runs.claim(peer, source, [first, end], now)
    }
    this.wants.offered(peer, runs.length, now)
    return null
  }

  #onRanges(neighbour: Neighbour, { type, ranges }: FrameOf<'pull' | 'none'>, now: number): string | null {
    const placed: PlacedRange[] = []
    for (const { name, first, count } of ranges) {
      const source = neighbour.names.at(name)
      if (!source) return NAMELESS
      placed.push({ source, first, count })
    }
    if (type === 'none') {
      for (const range of placed) {
        this.wants.none(neighbour.handle, range, now)
        this.runs.none(neighbour.handle, range, now)
        this.fillings.none(neighbour.handle, range, now)
        this.errands.none(neighbour.handle, range, now)
        this.#parts.assemblies().none(neighbour.handle, range, now)
      }
    } else {
      neighbour.request(placed, MORE_OFFERS)
      for (const { source } of placed) this.#parts.spread.onAsked(neighbour, source)
    }
    return null
  }

  #onMask(neighbour: Neighbour, { type, names }: FrameOf<'prune' | 'graft'>, now: number): string | null {
    const sources: Source[] = []
    for (const name of names) {
      const source = neighbour.names.at(name)
      if (!source) return NAMELESS
      sources.push(source)
    }
    if (type === 'prune') this.#parts.spread.onPrune(neighbour, sources, now)
    else this.#parts.spread.onGraft(neighbour, sources, now)
    return null
  }

  #isMissing({ source: { author, epoch }, first, count }: PlacedRange): boolean {
    const range = [first, first + count] as const
    if (this.#parts.ordering.isKnown(author, epoch, range) || !this.#parts.ordering.admits(author, epoch)) return false
    return !this.#parts.ordering.isFrozen({ author, epoch, firstSeq: first, count })
  }

  /** It has something to hear now, though nothing changed here that concerns others. */
  #answer(peer: PeerHandle, range: PlacedRange, now: number): void {
    const neighbour = this.#parts.neighbours.get(peer)
    neighbour?.request([range], 0)
    neighbour?.notices.hasten(now)
  }

  /** The neighbour is to send this. */
  ask(peer: PeerHandle, range: PlacedRange, now: number): void {
    const neighbour = this.#parts.neighbours.get(peer)
    if (!neighbour) return
    neighbour.notices.pull(range, now)
    this.#parts.spread.onAsking(neighbour, range.source)
  }
}
