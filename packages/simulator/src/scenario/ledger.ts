// What honest authors said, when, and which node has heard it since: the truth that a run is held against.

import type { PeerId } from '@hearsay/core'

/** One message, and who has it. */
interface Said {
  readonly at: number
  /** True once somebody has acknowledged it to its author. */
  isConfirmed: boolean
  /** When each node delivered it in its present life; -1 if it did not. */
  readonly heardAt: Float64Array
}

/** All that one author said in one epoch. */
export interface Sayings {
  readonly author: number
  readonly epoch: number
  readonly said: Said[]
}

/** What is due to whom. */
export interface Due {
  /** Nodes that count: honest, alive, and connected by honest nodes. */
  readonly nodes: readonly number[]
  /** Since when each node is there; what was said before is not due to it. */
  readonly since: readonly number[]
}

export class Ledger {
  readonly #nodes: number
  readonly #sayings = new Map<string, Sayings>()

  constructor(nodes: number) {
    this.#nodes = nodes
  }

  /** An author signed [from, to). */
  publish(author: number, place: { id: PeerId; epoch: number; from: number; to: number }, at: number): void {
    const { id, epoch, from, to } = place
    const key = `${id} ${epoch}`
    const sayings = this.#sayings.get(key) ?? { author, epoch, said: [] }
    this.#sayings.set(key, sayings)
    for (let seq = from; seq < to; seq++) {
      const heardAt = new Float64Array(this.#nodes).fill(-1)
      heardAt[author] = at
      sayings.said[seq] = { at, heardAt, isConfirmed: false }
    }
  }

  /** The node heard it; answers when it was said, or null if nobody honest said it. */
  hear(
    node: number,
    { author, epoch, seq }: { author: PeerId; epoch: number; seq: number },
    at: number,
  ): number | null {
    const said = this.#sayings.get(`${author} ${epoch}`)?.said[seq]
    if (!said) return null
    said.heardAt[node] = at
    return said.at
  }

  /** When the author first spoke in this epoch; null if it did not. */
  begunAt(author: PeerId, epoch: number): number | null {
    return this.#sayings.get(`${author} ${epoch}`)?.said[0]?.at ?? null
  }

  hasHeard(node: number, place: { author: PeerId; epoch: number; seq: number }): boolean {
    const said = this.#sayings.get(`${place.author} ${place.epoch}`)?.said[place.seq]
    return said !== undefined && (said.heardAt[node] ?? -1) >= 0
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
      if (of(author) === epoch) count += said.filter((one) => one && !one.isConfirmed).length
    }
    return count
  }

  /** A new process knows nothing. */
  forget(node: number): void {
    for (const { said } of this.#sayings.values()) for (const one of said) one.heardAt[node] = -1
  }

  /** Deliveries that are due: of what any of the nodes has, to the others; and those of them that were made. */
  settle({ nodes, since }: Due): { expected: number; delivered: number; missing: readonly string[] } {
    let [expected, delivered] = [0, 0]
    const missing: string[] = []
    for (const { author, epoch, said } of this.#sayings.values()) {
      for (const [seq, { at, heardAt }] of said.entries()) {
        if (!nodes.some((node) => (heardAt[node] ?? -1) >= 0)) continue
        for (const node of nodes) {
          if (node === author || at < (since[node] ?? 0)) continue
          expected++
          if ((heardAt[node] ?? -1) >= 0) delivered++
          else if (missing.length < 16) missing.push(`node ${node} lacks ${seq} of node ${author} in epoch ${epoch}`)
        }
      }
    }
    return { expected, delivered, missing }
  }

  /** For how long each delivery was on its way, by node and message, to nodes that count. */
  latencies({ nodes, since }: Due): number[] {
    const latencies: number[] = []
    for (const { author, said } of this.#sayings.values()) {
      for (const { at, heardAt } of said) {
        for (const node of nodes) {
          const heard = heardAt[node] ?? -1
          if (node !== author && heard >= 0 && at >= (since[node] ?? 0)) latencies.push(heard - at)
        }
      }
    }
    return latencies
  }
}
