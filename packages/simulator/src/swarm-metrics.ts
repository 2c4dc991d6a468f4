// What a swarm's run came to in numbers: what arrived where and when, how often, and what it cost on the links. Counted from
// frames that the real codec encoded.

import type { PeerId } from '@hearsay/core'
import { ROOM_FRAMES } from './frame-kinds.js'
import type { Happening } from './network.js'
import { Trace } from './trace.js'

const { kinds: KINDS } = ROOM_FRAMES

export interface SwarmReport {
  readonly seed: number
  readonly nodes: number
  /** Records that some living node has, times the other living nodes. */
  readonly expected: number
  /** Of those, what was not delivered by its time. */
  readonly missed: number
  readonly gaps: number
  /** Copies of a record beyond the first, by delivery: of the first record of each author, and once trees are warm. */
  readonly redundantFirst: number
  readonly redundantWarm: number
  /** Bytes of all frames but records, by delivery, when warm. */
  readonly controlBytes: number
  /** Milliseconds from `publish` to delivery, and of the first record of each author apart. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly most: number }
  readonly firstLatencyMs: { readonly p50: number; readonly p99: number; readonly most: number }
  /** The most links that a delivery crossed. */
  readonly lastHop: number
  /** When the last delivery that was due was made, in ms after what it is counted from. */
  readonly settledMs: number
  /** Bytes of all frames since a split healed, by the bytes of the records that were missing then; 0 if there was none. */
  readonly healingBytes: number
  readonly bytesByKind: Readonly<Record<string, number>>
  readonly framesByKind: Readonly<Record<string, number>>
  readonly violations: readonly string[]
  readonly trace: string
}

/** One record of one author, and who has it. */
interface Said {
  readonly publishedAt: number
  readonly isFirst: boolean
  readonly at: Map<number, number>
}

export class SwarmMetrics {
  readonly #authors = new Map<PeerId, number>()
  readonly #said = new Map<string, Said>()
  readonly #next = new Map<string, number>()
  readonly #bytes: number[] = KINDS.map(() => 0)
  readonly #frames: number[] = KINDS.map(() => 0)
  readonly #violations: string[] = []
  readonly #warmFrom: number
  readonly #warm = { copies: 0, deliveries: 0 }
  readonly #first = { copies: 0, deliveries: 0 }
  /** What was sent and delivered since the swarm counts as warm. */
  readonly #control = { bytes: 0, deliveries: 0 }
  /** What was missing when a split healed, and what had been sent by then. */
  #healing: { readonly missing: number; readonly bytes: number } | null = null
  #isWarm = false
  #gaps = 0
  #lastHop = 0
  readonly #trace = new Trace((author) => this.#authors.get(author) ?? -1)

  /** @param warmFrom the number of the first record of each author that counts as warm */
  constructor(ids: readonly PeerId[], warmFrom: number) {
    for (const [node, id] of ids.entries()) this.#authors.set(id, node)
    this.#warmFrom = warmFrom
  }

  /** From here on frames count as of a warm swarm. */
  set isWarm(warm: boolean) {
    this.#isWarm = warm
  }

  /** The parts of a split are one again. */
  heal(): void {
    let missing = 0
    for (const { at } of this.#said.values()) missing += this.#authors.size - at.size
    this.#healing = { missing, bytes: sum(this.#bytes) }
  }

  note(happening: Happening, at: number): void {
    this.#trace.note(happening, at)
    switch (happening.type) {
      case 'sent':
        return this.#onSent(happening)
      case 'published':
        return this.#onPublished(happening, at)
      case 'delivered':
        return this.#onDelivered(happening, at)
      case 'gap':
        this.#gaps++
        this.#next.set(`${happening.node} ${happening.gap.author}`, happening.gap.to)
        return
      case 'broke':
        this.#violations.push(`node ${happening.node} broke a rule: ${happening.rule}`)
        return
      case 'misbehaved':
        this.#violations.push(`node ${happening.node} took an honest neighbour for hostile: ${happening.code}`)
    }
  }

  #onSent({ bytes, frame }: Extract<Happening, { type: 'sent' }>): void {
    const kind = frame[0] ?? 0
    this.#bytes[kind] = (this.#bytes[kind] ?? 0) + bytes
    this.#frames[kind] = (this.#frames[kind] ?? 0) + 1
    if (KINDS[kind] !== 'record') {
      if (this.#isWarm) this.#control.bytes += bytes
      return
    }
    const tally = this.#tallyOf(ROOM_FRAMES.seqOf(frame) ?? 0)
    if (tally) tally.copies++
  }

  #onPublished({ node, from, to }: Extract<Happening, { type: 'published' }>, at: number): void {
    for (let seq = from; seq < to; seq++) {
      this.#said.set(`${node} ${seq}`, { publishedAt: at, isFirst: seq === 0, at: new Map([[node, at]]) })
    }
  }

  #onDelivered({ node, delivery }: Extract<Happening, { type: 'delivered' }>, at: number): void {
    const { author, seq, hops } = delivery
    const by = this.#authors.get(author)
    const due = this.#next.get(`${node} ${author}`) ?? 0
    if (seq !== due) this.#violations.push(`node ${node} delivered ${seq} of ${by} where ${due} was due`)
    this.#next.set(`${node} ${author}`, seq + 1)
    const said = this.#said.get(`${by} ${seq}`)
    if (!said || said.at.has(node)) this.#violations.push(`node ${node} delivered ${seq} of ${by} that was not due`)
    said?.at.set(node, at)
    this.#lastHop = Math.max(this.#lastHop, hops)
    const tally = this.#tallyOf(seq)
    if (tally) tally.deliveries++
    if (this.#isWarm) this.#control.deliveries++
  }

  #tallyOf(seq: number): { copies: number; deliveries: number } | null {
    if (seq === 0) return this.#first
    return seq >= this.#warmFrom ? this.#warm : null
  }

  /** What was due at these nodes: what any of them has, by `within` ms after `from` or its publication, whichever is later. */
  report(run: { seed: number; living: readonly number[]; from: number; within: number }): SwarmReport {
    const { seed, living, from, within } = run
    let [expected, missed, settledMs] = [0, 0, 0]
    const latencies: number[] = []
    const firsts: number[] = []
    for (const [key, said] of this.#said) {
      if (!living.some((node) => said.at.has(node))) continue
      const author = Number(key.split(' ')[0])
      for (const node of living) {
        if (node === author) continue
        expected++
        const at = said.at.get(node) ?? Number.POSITIVE_INFINITY
        const since = at - Math.max(from, said.publishedAt)
        if (since > within) missed++
        else settledMs = Math.max(settledMs, since)
        if (at !== Number.POSITIVE_INFINITY) (said.isFirst ? firsts : latencies).push(at - said.publishedAt)
      }
    }
    return {
      ...{ seed, nodes: this.#authors.size, expected, missed, gaps: this.#gaps, settledMs, lastHop: this.#lastHop },
      healingBytes: this.#healingBytes,
      redundantFirst: this.#first.copies / Math.max(1, this.#first.deliveries) - 1,
      redundantWarm: this.#warm.copies / Math.max(1, this.#warm.deliveries) - 1,
      controlBytes: this.#control.bytes / Math.max(1, this.#control.deliveries),
      latencyMs: percentiles(latencies),
      firstLatencyMs: percentiles(firsts),
      bytesByKind: byKind(this.#bytes),
      framesByKind: byKind(this.#frames),
      violations: this.#violations,
      trace: this.#trace.end(),
    }
  }

  get #healingBytes(): number {
    const record = KINDS.indexOf('record')
    const recordBytes = (this.#bytes[record] ?? 0) / Math.max(1, this.#frames[record] ?? 0)
    const { missing, bytes } = this.#healing ?? { missing: 0, bytes: 0 }
    return missing === 0 ? 0 : (sum(this.#bytes) - bytes) / (missing * recordBytes)
  }
}

function percentiles(values: readonly number[]): { p50: number; p99: number; most: number } {
  const sorted = Float64Array.from(values).sort()
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { p50: at(0.5), p99: at(0.99), most: at(1) }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}

function byKind(counts: readonly number[]): Record<string, number> {
  return Object.fromEntries(KINDS.map((kind, index) => [kind, counts[index] ?? 0]))
}
