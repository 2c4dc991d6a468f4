// What waits to be sent to one neighbour, fairly (after McKenney, "Stochastic Fairness Queueing", 1990, with a queue for each
// source instead of a hash): whoever it came from has a lane, the lanes take turns, and the longest one loses what does not fit.

/** Whose it is: the driver's number of who brought it; null is this node's own. */
export type Source = number | null

export interface Waiting {
  readonly from: Source
  readonly frame: Uint8Array
  /** It is worth nothing from then on. */
  readonly until: number
}

interface Lane {
  readonly waiting: Waiting[]
  bytes: number
}

/** However much their times differ, those that are over are looked for no more often: each look goes through all. */
const PAUSE_MS = 100

export class Lanes {
  readonly #maxBytes: number
  /** Whose turn it is comes first. */
  readonly #lanes = new Map<Source, Lane>()
  #bytes = 0
  /** When the first of all is over, or sooner; no sooner than the pause. */
  #endsAt = Number.POSITIVE_INFINITY
  #pauseUntil = Number.NEGATIVE_INFINITY

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** When `expire` is next needed. */
  get endsAt(): number {
    return this.#endsAt
  }

  /** Who is next. */
  get first(): Waiting | undefined {
    const [lane] = this.#lanes.values()
    return lane?.waiting[0]
  }

  /** Answers how many had to go for it, or with it. */
  add(waiting: Waiting): number {
    const lane = this.#lanes.get(waiting.from) ?? { waiting: [], bytes: 0 }
    this.#lanes.set(waiting.from, lane)
    lane.waiting.push(waiting)
    this.#count(lane, waiting.frame.byteLength)
    this.#endsAt = Math.min(this.#endsAt, Math.max(waiting.until, this.#pauseUntil))
    let gone = 0
    for (; this.#bytes > this.#maxBytes; gone++) this.#cut()
    return gone
  }

  /** The first one is sent: its lane is the last now. */
  shift(): void {
    const [[from, lane] = []] = this.#lanes
    const sent = lane?.waiting.shift()
    if (from === undefined || !lane || !sent) return
    this.#lanes.delete(from)
    this.#count(lane, -sent.frame.byteLength)
    if (lane.waiting.length > 0) this.#lanes.set(from, lane)
  }

  /** Answers of how many the time is over. */
  expire(now: number): number {
    if (now < this.#endsAt) return 0
    const all = [...this.#lanes.values()].flatMap(({ waiting }) => waiting)
    const left = all.filter(({ until }) => until > now)
    this.#lanes.clear()
    this.#bytes = 0
    this.#endsAt = Number.POSITIVE_INFINITY
    this.#pauseUntil = now + PAUSE_MS
    for (const one of left) this.add(one)
    return all.length - left.length
  }

  /** The longest lane loses what came last. */
  #cut(): void {
    let longest: readonly [Source, Lane] | undefined
    for (const one of this.#lanes) if (!longest || one[1].bytes > longest[1].bytes) longest = one
    const [from = null, lane] = longest ?? []
    const last = lane?.waiting.pop()
    if (!lane || !last) return
    this.#count(lane, -last.frame.byteLength)
    if (lane.waiting.length === 0) this.#lanes.delete(from)
  }

  #count(lane: Lane, bytes: number): void {
    lane.bytes += bytes
    this.#bytes += bytes
  }
}
