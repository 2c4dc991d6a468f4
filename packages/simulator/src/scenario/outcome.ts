// How a run ended: who is connected with whom, and which expectations were not met.

import type { SimulatedNetwork } from '../network.js'
import type { Expectations } from './format.js'
import type { Ledger } from './ledger.js'
import type { ScenarioReport } from './report.js'

/** The largest set of these nodes that are connected by these nodes alone, ascending. */
export function largestPart(alive: readonly number[], network: SimulatedNetwork): number[] {
  const left = new Set(alive)
  let largest: number[] = []
  for (const start of alive) {
    if (!left.delete(start)) continue
    const found = [start]
    for (const node of found) {
      for (const other of network.linkedTo(node)) if (left.delete(other)) found.push(other)
    }
    if (found.length > largest.length) largest = found
  }
  return largest.sort((a, b) => a - b)
}

/** What an author said that lives and has neighbours, one of them has acknowledged. */
export function unconfirmed(nodes: readonly number[], ledger: Ledger, epochOf: (author: number) => number): string[] {
  const living = new Set(nodes)
  const count = ledger.unconfirmed((author) => (living.has(author) ? epochOf(author) : null))
  return count === 0 ? [] : [`${count} messages were confirmed by nobody`]
}

/** Sentences about what was expected and is not so. */
export function unmet(report: ScenarioReport, expect: Expectations): string[] {
  const { missed, missing, redundancy, latencyMs, smallP99Ms, controlBytes, bytes, delivered } = report
  const bounds = [
    ['deliveries missed', missed, expect.missed, missing[0] ? `: ${missing[0]}` : ''],
    ['redundant copies by delivery', redundancy.warm, expect.redundancy, ''],
    ['ms for 99 in 100 deliveries', latencyMs.p99, expect.p99Ms, ''],
    ['ms for 99 in 100 deliveries of what is small', smallP99Ms, expect.smallP99Ms, ''],
    ['bytes of control by delivery', controlBytes, expect.controlBytes, ''],
    ['bytes by delivery', bytes / Math.max(1, delivered), expect.bytes, ''],
  ] as const
  return bounds.flatMap(([what, is, most, detail]) =>
    most === null || is <= most ? [] : [`${Math.round(is * 1_000) / 1_000} ${what}, at most ${most} expected${detail}`],
  )
}
