// Records that the application is asked about before anybody else hears of them. Its verdicts cost no peer anything: others may
// judge otherwise. An author of whom much is rejected is not asked about for a while.

import type { PeerId } from '@hearsay/core'
import type { Output, Verdict } from '../engine.js'
import type { Pending } from '../order/sequence.js'
import type { News } from '../repair/news.js'
import type { Account } from './accounts.js'
import type { Neighbour } from './neighbour.js'

/** A record that is new here, with how it came. */
export interface Arriving {
  readonly pending: Pending
  /** Where it stands in the log, if it came in parts; null if it is not there yet. */
  readonly position: number | null
  /** Who sent it; null for own ones. */
  readonly from: Neighbour | null
  readonly news: News
  readonly now: number
}

/** Records and their bytes that wait for a verdict; what comes beyond is ignored, and told. */
export const MAX_JUDGED = 4_096
export const MAX_JUDGED_BYTES: number = 32 * 1024 * 1024
/** So many rejections, of which half is forgiven in this time, and an author is not listened to for that time. */
export const MUTE_AFTER = 8
export const MUTE_MS = 60_000
/** Authors whose rejections are remembered; the one rejected longest ago is forgotten. */
const MAX_REJECTED = 4_096

interface Rejected {
  readonly times: number
  readonly at: number
}

export class Judgement {
  readonly #emit: (output: Output) => void
  readonly #waiting = new Map<number, Arriving>()
  readonly #rejected = new Map<PeerId, Rejected>()
  #bytes = 0
  #nextTicket = 1

  constructor(emit: (output: Output) => void) {
    this.#emit = emit
  }

  get account(): Account {
    return { entries: this.#waiting.size, bytes: this.#bytes, maxEntries: MAX_JUDGED, maxBytes: MAX_JUDGED_BYTES }
  }

  /** Asks about it; or answers what need not be asked. */
  judge(arriving: Arriving): Verdict | null {
    const { record, messages, hops, via } = arriving.pending
    const { author, epoch, firstSeq, time } = record.header
    if (this.#isMute(author, arriving.now)) return 'reject'
    const bytes = arriving.pending.block.byteLength
    if (this.#waiting.size >= MAX_JUDGED || this.#bytes + bytes > MAX_JUDGED_BYTES) return 'ignore'
    const ticket = this.#nextTicket++
    this.#waiting.set(ticket, arriving)
    this.#bytes += bytes
    const deliveries = messages.map((payload, index) => {
      return { author, epoch, seq: firstSeq + index, time, hops, via, payload }
    })
    this.#emit({ type: 'judge', ticket, deliveries })
    return null
  }

  /** What the verdict is about, once; undefined if nothing waits for it. */
  take(ticket: number, verdict: Verdict, now: number): Arriving | undefined {
    const arriving = this.#waiting.get(ticket)
    if (!arriving) return undefined
    this.#waiting.delete(ticket)
    this.#bytes -= arriving.pending.block.byteLength
    if (verdict === 'reject') this.#note(arriving.pending.record.header.author, now)
    return arriving
  }

  #note(author: PeerId, now: number): void {
    const times = this.#timesAt(author, now) + 1
    this.#rejected.delete(author)
    this.#rejected.set(author, { times, at: now })
    const [oldest] = this.#rejected.keys()
    if (this.#rejected.size > MAX_REJECTED && oldest !== undefined) this.#rejected.delete(oldest)
  }

  #isMute(author: PeerId, now: number): boolean {
    const rejected = this.#rejected.get(author)
    return rejected !== undefined && rejected.times >= MUTE_AFTER && now < rejected.at + MUTE_MS
  }

  #timesAt(author: PeerId, now: number): number {
    const { times, at } = this.#rejected.get(author) ?? { times: 0, at: now }
    const halvings = Math.floor((now - at) / MUTE_MS)
    return halvings > 30 ? 0 : times / (1 << halvings)
  }
}
