// How far the peers that keep taking own messages are behind the newest. Whoever publishes faster than the slowest of them takes
// would push out of the history what it has not been given; and what most of them have yet to take is heard late by everybody. One
// that takes nothing for a while is waited for no longer.

import type { PeerHandle } from '../engine.js'
import { WHOLE_BYTES } from '../large/large-block.js'

/** A peer that has taken nothing for so long has stopped; it is told what it missed when it goes on. */
export const STOPPED_MS = 1_000

/** How far behind: messages, or their bytes, whichever is reached first. */
export interface Lag {
  readonly messages: number
  readonly bytes: number
}

/** What messages weigh: all of them, and those that go in one frame. What is large comes in parts beside the others, and holds none up. */
export interface Weight {
  readonly bytes: number
  readonly light: number
}

interface Pace {
  /** It was handed everything below. */
  to: number
  /** When it took something last, or was first given something to take. */
  at: number
}

export class Pacing {
  readonly #bounds: { readonly any: Lag; readonly most: Lag }
  readonly #peers = new Map<PeerHandle, Pace>()
  /** What all own messages weigh that were ever signed, up to the end of each tick; the oldest that matters first. */
  #ticks: (Weight & { readonly to: number })[] = []
  #next = 0
  #weight: Weight = { bytes: 0, light: 0 }

  /** @param bounds how far behind any peer may be, with everything, and more than half of them at once, with what is light */
  constructor(bounds: { readonly any: Lag; readonly most: Lag }) {
    this.#bounds = bounds
  }

  up(peer: PeerHandle, now: number): void {
    this.#peers.set(peer, { to: this.#next, at: now })
  }

  down(peer: PeerHandle): void {
    this.#peers.delete(peer)
  }

  /** Own messages up to here were signed. */
  signed(to: number, { bytes, light }: Weight, now: number): void {
    for (const pace of this.#peers.values()) if (pace.to === this.#next) pace.at = now
    this.#next = to
    this.#weight = { bytes: this.#weight.bytes + bytes, light: this.#weight.light + light }
    this.#ticks.push({ to, ...this.#weight })
    const lowest = Math.min(
      to,
      ...[...this.#peers.values()].filter((pace) => isTaking(pace, now)).map((pace) => pace.to),
    )
    while ((this.#ticks[1]?.to ?? Number.POSITIVE_INFINITY) <= lowest) this.#ticks.shift()
  }

  /** The peer was handed what is below. */
  pushed(peer: PeerHandle, to: number, now: number): void {
    const pace = this.#peers.get(peer)
    if (!pace || to <= pace.to) return
    pace.to = to
    pace.at = now
  }

  /** What is below is in the history no longer: nobody can be handed it. */
  dropped(to: number): void {
    for (const pace of this.#peers.values()) pace.to = Math.max(pace.to, to)
  }

  /** Until when those who publish have to wait at most; null if nobody is that far behind. */
  heldUntil(now: number): number | null {
    const { any, most } = this.#bounds
    const taking = [...this.#peers.values()].filter((pace) => isTaking(pace, now))
    const late = taking.filter((pace) => this.#isBehind(pace, most, 'light'))
    const held = late.length * 2 > taking.length ? late : taking.filter((pace) => this.#isBehind(pace, any, 'bytes'))
    return held.length === 0 ? null : Math.max(...held.map(({ at }) => at)) + STOPPED_MS
  }

  #isBehind({ to }: Pace, { messages, bytes }: Lag, kind: keyof Weight): boolean {
    if (this.#next - to >= messages) return true
    return to < this.#next && this.#weight[kind] - this.#weightAt(to, kind) >= bytes
  }

  /** What all messages below weigh, as if those of one tick were equally heavy. */
  #weightAt(to: number, kind: keyof Weight): number {
    const index = this.#ticks.findLastIndex((one) => one.to <= to)
    const [before, tick] = [this.#ticks[index] ?? { to: 0, bytes: 0, light: 0 }, this.#ticks[index + 1]]
    if (!tick) return before[kind]
    return before[kind] + ((to - before.to) / (tick.to - before.to)) * (tick[kind] - before[kind])
  }
}

export function weightOf(payloads: readonly Uint8Array[]): Weight {
  const sum = (some: readonly Uint8Array[]): number => some.reduce((bytes, { byteLength }) => bytes + byteLength, 0)
  return { bytes: sum(payloads), light: sum(payloads.filter(({ byteLength }) => byteLength <= WHOLE_BYTES)) }
}

function isTaking({ at }: Pace, now: number): boolean {
  return now < at + STOPPED_MS
}
