// What honest authors said, when, and which node has heard it since: the truth that a run is held against.

import type { PeerId } from '@hearsay/core'

/** One message, and who has it. */
interface Said {
  readonly at: number
  /** False if nobody else wants to hear it. */
  readonly isWanted: boolean
  /** True once somebody has acknowledged it to its author. */
  isConfirmed: boolean
  /** Nodes that came later, and are to hear it all the same. */
  readonly owed: Set<number>
  /** When each node delivered it in its present life; -1 if it did not. */
  readonly heardAt: Float64Array
}

/** All that one author said in one epoch. */
export interface Sayings {
  readonly author: number
  readonly epoch: number
  readonly said: Said[]
}

/** What was said so long before a node came may be on its way to others. */
const JUST_SAID_MS = 2_000

/** What is due to whom. */
export interface Due {
  /** Nodes that count: honest, alive, and connected by honest nodes. */
  readonly nodes: readonly number[]
  /** Since when each node is there; what was said before is not due to it. */
  readonly since: readonly number[]
}

/** How many nodes there are, and what is said. */
export interface LedgerContext {
  readonly nodes: number
  isWanted(author: number, seq: number): boolean
  /** True if the author is at work in this epoch: it alone knows what nobody has acknowledged. */
  isSaying(author: number, epoch: number): boolean
  /** True if some of what it says is large. */
  saysLarge(author: number): boolean
}

type Place = { readonly author: PeerId; readonly epoch: number; readonly seq: number }

export class Ledger {
  readonly #context: LedgerContext
  readonly #sayings = new Map<string, Sayings>()

  constructor(context: LedgerContext) {
    this.#context = context
  }

  /** An author signed [from, to). */
  publish(author: number, place: { id: PeerId; epoch: number; from: number; to: number }, at: number): void {
    const { id, epoch, from, to } = place
    const key = `${id} ${epoch}`
    const sayings = this.#sayings.get(key) ?? { author, epoch, said: [] }
    this.#sayings.set(key, sayings)
    for (let seq = from; seq < to; seq++) {
      const heardAt = new Float64Array(this.#context.nodes).fill(-1)
      heardAt[author] = at
      const isWanted = this.#context.isWanted(author, seq)
      sayings.said[seq] = { at, heardAt, isWanted, isConfirmed: false, owed: new Set() }
    }
  }

  /** The node heard it; answers when it was said, or null if nobody honest said it. */
  hear(node: number, { author, epoch, seq }: Place, at: number): number | null {
    const said = this.#find({ author, epoch, seq })
    if (!said) return null
    said.heardAt[node] = at
    return said.at
  }

  /** When the author first spoke in this epoch; null if it did not. */
  begunAt(author: PeerId, epoch: number): number | null {
    return this.#sayings.get(`${author} ${epoch}`)?.said[0]?.at ?? null
  }

  hasHeard(node: number, place: Place): boolean {
    return (this.#find(place)?.heardAt[node] ?? -1) >= 0
  }

  /** The first number from `seq` on that others want to hear. */
  nextWanted({ author, epoch, seq }: Place): number {
    const said = this.#sayings.get(`${author} ${epoch}`)?.said ?? []
    let next = seq
    while (said[next]?.isWanted === false) next++
    return next
  }

  /** True if all of the others had heard it by then, and its author knew of one: nobody who came later is to hear it. */
  isPast(place: Place, { others, before }: { others: readonly number[]; before: number }): boolean {
    const said = this.#find(place)
    if (!said?.isConfirmed || said.owed.size > 0) return false
    return others.every((node) => {
      const heardAt = said.heardAt[node] ?? -1
      return heardAt >= 0 && heardAt < before
    })
  }

  /** The node has come at that time, and is linked; what was said by then and nobody has acknowledged is for it too. */
  owe(node: number, at: number): void {
    // Who said something a moment ago may have been heard already.
    const saidBefore = at - JUST_SAID_MS
    for (const { author, epoch, said } of this.#sayings.values()) {
      if (!this.#context.isSaying(author, epoch)) continue
      for (const one of said) {
        if (one && author !== node && one.isWanted && !one.isConfirmed && one.at < saidBefore) one.owed.add(node)
      }
    }
  }

  /** Somebody acknowledged [from, to). */
  confirm({ author, epoch, from, to }: { author: PeerId; epoch: number; from: number; to: number }): void {
    const said = this.#sayings.get(`${author} ${epoch}`)?.said ?? []
    for (let seq = from; seq < Math.min(to, said.length); seq++) {
      const one = said[seq]
      if (one) one.isConfirmed = true
    }
  }

  /** Messages of these authors, in these epochs, that nobody acknowledged. */
  unconfirmed(of: (author: number) => number | null): number {
    let count = 0
    for (const { author, epoch, said } of this.#sayings.values()) {
      if (of(author) === epoch) count += said.filter((one) => one?.isWanted && !one.isConfirmed).length
    }
    return count
  }

  /** A new process knows nothing. */
  forget(node: number): void {
    for (const { said } of this.#sayings.values()) {
      for (const one of said) {
        one.heardAt[node] = -1
        one.owed.delete(node)
      }
    }
  }

  /** Deliveries that are due: of what any of the nodes has, to the others; and those of them that were made. */
  settle({ nodes, since }: Due): { expected: number; delivered: number; missing: readonly string[] } {
    let [expected, delivered] = [0, 0]
    const missing: string[] = []
    for (const { author, epoch, said } of this.#sayings.values()) {
      for (const [seq, { at, heardAt, isWanted, owed }] of said.entries()) {
        if (!isWanted) continue
        if (!nodes.some((node) => (heardAt[node] ?? -1) >= 0)) continue
        for (const node of nodes) {
          if (node === author || (at < (since[node] ?? 0) && !owed.has(node))) continue
          expected++
          if ((heardAt[node] ?? -1) >= 0) delivered++
          else if (missing.length < 16) missing.push(`node ${node} lacks ${seq} of node ${author} in epoch ${epoch}`)
        }
      }
    }
    return { expected, delivered, missing }
  }

  /** For how long each delivery was on its way, by node and message, to nodes that count; of authors that say nothing large only, if so. */
  latencies({ nodes, since }: Due, isSmallOnly = false): number[] {
    const latencies: number[] = []
    for (const { author, said } of this.#sayings.values()) {
      if (isSmallOnly && this.#context.saysLarge(author)) continue
      for (const { at, heardAt } of said) {
        for (const node of nodes) {
          const heard = heardAt[node] ?? -1
          if (node !== author && heard >= 0 && at >= (since[node] ?? 0)) latencies.push(heard - at)
        }
      }
    }
    return latencies
  }

  #find({ author, epoch, seq }: Place): Said | undefined {
    return this.#sayings.get(`${author} ${epoch}`)?.said[seq]
  }
}
