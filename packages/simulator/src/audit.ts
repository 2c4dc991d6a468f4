// Watches everything that happens and holds it against what is promised: once, in order, as it was signed, and nothing
// missing that is not told.

import type { PeerId } from '@hearsay/core'
import type { Happening } from './network.js'

/** What a run came to. */
export interface Tally {
  published: number
  delivered: number
  /** Payload-bearing and control frames, and their bytes. */
  frames: number
  bytes: number
  gaps: number
  /** Sentences about promises that were broken; empty if all were kept. */
  readonly violations: string[]
}

export class Audit {
  readonly tally: Tally = { published: 0, delivered: 0, frames: 0, bytes: 0, gaps: 0, violations: [] }
  readonly #authors: readonly PeerId[]
  /** For each node and author: the next sequence number that may come. */
  readonly #next = new Map<string, number>()
  readonly #published = new Map<PeerId, number>()
  #toldMissing = 0

  constructor(authors: readonly PeerId[]) {
    this.#authors = authors
  }

  note(happening: Happening): void {
    switch (happening.type) {
      case 'sent':
        this.tally.frames++
        this.tally.bytes += happening.bytes
        return
      case 'published':
        this.tally.published += happening.to - happening.from
        this.#published.set(this.#authors[happening.node] as PeerId, happening.to)
        return
      case 'gap':
        return this.#onGap(happening)
      case 'misbehaved':
        this.tally.violations.push(`node ${happening.node} took an honest neighbour for hostile: ${happening.code}`)
        return
      case 'broke':
        this.tally.violations.push(`node ${happening.node} broke a rule: ${happening.rule}`)
        return
      case 'delivered':
        return this.#onDelivered(happening)
    }
  }

  /** How many deliveries are missing at nodes that were there from the start. */
  missing(): number {
    let missing = 0
    for (const [author, to] of this.#published) {
      for (const node of this.#authors.keys()) {
        if (this.#authors[node] !== author) missing += to - (this.#next.get(`${node} ${author}`) ?? 0)
      }
    }
    return missing + this.#toldMissing
  }

  /** A gap that is told is in order, and missing all the same. */
  #onGap({ node, gap }: Extract<Happening, { type: 'gap' }>): void {
    const { author, from, to } = gap
    this.tally.gaps++
    this.#toldMissing += to - from
    this.#expect(node, author, from, 'told a gap from')
    this.#next.set(`${node} ${author}`, to)
  }

  #expect(node: number, author: PeerId, seq: number, did: string): void {
    const due = this.#next.get(`${node} ${author}`) ?? 0
    if (seq !== due) this.tally.violations.push(`node ${node} ${did} ${seq} of ${author} where ${due} was due`)
  }

  #onDelivered({ node, delivery }: Extract<Happening, { type: 'delivered' }>): void {
    const { author, seq, payload } = delivery
    this.tally.delivered++
    this.#expect(node, author, seq, 'delivered')
    if (this.#authors[node] === author) this.tally.violations.push(`node ${node} heard itself`)
    if (new TextDecoder().decode(payload) !== textOf(author, seq))
      this.tally.violations.push(`node ${node} delivered other bytes`)
    this.#next.set(`${node} ${author}`, seq + 1)
  }
}

/** What an author says at a place, so that every delivery can be checked without remembering it. */
export function textOf(author: PeerId, seq: number): string {
  return `${author.slice(0, 8)} says ${seq}`
}
