// Who plays what: which nodes publish, which lie and how, in which epoch each life begins.

import type { Random } from '@hearsay/core'
import { shuffled } from '../overlay.js'
import type { Adversaries, Scenario } from './format.js'

/** When the simulation begins, by a right clock: 2026. */
export const WALL_MS = 1_767_225_600_000
const RANDOM_BITS = 20

/** The parts of all nodes, drawn once. */
export class Cast {
  /** What each node is; null if it is honest. */
  readonly roles: readonly (Adversaries | null)[]
  /** Honest nodes that publish. */
  readonly authors: readonly number[]
  /** Nodes that publish, and sign what cannot all be true. */
  readonly equivocators: readonly number[]
  readonly honest: readonly number[]
  readonly listeners: readonly number[]
  /** Honest nodes around which a group of adversaries gathers. */
  readonly victims: readonly number[]

  constructor(scenario: Scenario, random: Random) {
    const order = shuffled(
      Array.from({ length: scenario.nodes }, (_, node) => node),
      random,
    )
    const roles: (Adversaries | null)[] = order.map(() => null)
    let taken = 0
    for (const kind of scenario.adversaries) {
      const count = Math.floor(scenario.nodes * kind.share)
      for (const node of order.slice(taken, taken + count)) roles[node] = kind
      taken += count
    }
    const honest = order.slice(taken)
    this.roles = roles
    this.honest = [...honest].sort((a, b) => a - b)
    this.authors = honest.slice(0, scenario.authors)
    this.victims = honest.slice(scenario.authors, scenario.authors + 2)
    const speaks = new Set(this.authors)
    this.listeners = this.honest.filter((node) => !speaks.has(node))
    this.equivocators = order.filter((node) => this.isTwoFaced(node))
  }

  /** True if it signs what cannot all be true. */
  isTwoFaced(node: number): boolean {
    const type = this.roles[node]?.type
    return type === 'equivocator' || type === 'recanter' || type === 'splicer'
  }

  isHonest(node: number): boolean {
    return this.roles[node] === null
  }
}

/**
 * The epoch of a life, by the rule of a real process start: max(stored + 1, seconds × 2^20 + 20 random bits), with what was
 * stored lost or old.
 */
export function epochOf(stored: number, wallMs: number, random: Random): number {
  const draw = (): number => random.below(2 ** RANDOM_BITS)
  return Math.max(stored + 1 + draw(), Math.floor(wallMs / 1_000) * 2 ** RANDOM_BITS + draw())
}
