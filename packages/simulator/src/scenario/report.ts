// What a run came to.

import type { Holdings } from './holdings.js'
import type { Propagation } from './propagation.js'

/** How long deliveries took, in ms: of those that are due, so many in a hundred at most so long. */
export interface Percentiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly most: number
}

export interface ScenarioReport {
  readonly scenario: string
  readonly engine: string
  readonly seed: number
  readonly nodes: number
  /** Honest nodes that are alive at the end. */
  readonly survivors: number
  /** Of those, how many have no way to most others that leads over honest nodes alone; nothing is due to them. */
  readonly cutOff: number
  /** Deliveries that are due, those that were made, and those that were not. */
  readonly expected: number
  readonly delivered: number
  readonly missed: number
  readonly gaps: number
  readonly drops: number
  /** Links between honest nodes that ended because no hello had come in time. */
  readonly lateHellos: number
  readonly latencyMs: Percentiles
  /** Of 99 in 100 deliveries of authors that say nothing large. */
  readonly smallP99Ms: number
  /** The most links that a delivery crossed. */
  readonly lastHop: number
  /** Copies of records beyond the first, by delivery: of all, and of those with warm trees. */
  readonly redundancy: { readonly all: number; readonly warm: number }
  /** Questions that were asked, what became of them counted in `violations` alone, and answers that came. */
  readonly questions: number
  readonly answers: number
  /** The most ms from when a fork could be known to when one of the connected was told; null if none was. */
  readonly forkMs: number | null
  /** What honest nodes sent. */
  readonly bytes: number
  readonly bytesByKind: Readonly<Record<string, number>>
  readonly framesByKind: Readonly<Record<string, number>>
  /** Bytes of frames that carry no record, by delivery. */
  readonly controlBytes: number
  /** The most bytes that were sent and not handled at one time, on all links and on one; and what one node held, by what for. */
  readonly memory: { readonly total: number; readonly ofOneLink: number; readonly ofOneNode: Holdings }
  /** When the run was over, in virtual ms. */
  readonly virtualMs: number
  /** Sentences about invariants that broke and expectations that were not met; empty if all held. */
  readonly violations: readonly string[]
  /** A few of the deliveries that are missing. */
  readonly missing: readonly string[]
  readonly propagation: Propagation
  /** 32 hexadecimal digits that change with anything that happened, and when. */
  readonly trace: string
}

export function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = Float64Array.from(values).sort()
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), most: at(1) }
}
