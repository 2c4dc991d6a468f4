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
        this.tally.gaps++
        this.#next.set(`${happening.node} ${happening.gap.author}`, happening.gap.to)
        return
      case 'misbehaved':
        this.tally.violations.push(`node ${happening.node} took an honest neighbour for hostile: ${happening.code}`)
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
    return missing
  }

  #onDelivered({ node, delivery }: Extract<Happening, { type: 'delivered' }>): void {
    const { author, seq, payload } = delivery
    this.tally.delivered++
    const key = `${node} ${author}`
    const expected = this.#next.get(key) ?? 0
    if (seq !== expected)
      this.tally.violations.push(`node ${node} delivered ${seq} of ${author} where ${expected} was due`)
    if (this.#authors[node] === author) this.tally.violations.push(`node ${node} heard itself`)
    if (new TextDecoder().decode(payload) !== textOf(author, seq))
      this.tally.violations.push(`node ${node} delivered other bytes`)
    this.#next.set(key, seq + 1)
  }
}

/** What an author says at a place, so that every delivery can be checked without remembering it. */
export function textOf(author: PeerId, seq: number): string {
  return `${author.slice(0, 8)} says ${seq}`
}
