// How far the slowest peer that keeps taking own messages is behind the newest: whoever publishes faster than peers take would
// push out of the history what they have not been given. One that takes nothing for a while is waited for no longer.

import type { PeerHandle } from '../engine.js'

/** A peer that has taken nothing for so long has stopped; it is told what it missed when it goes on. */
export const STOPPED_MS = 1_000

interface Pace {
  /** It was handed everything below. */
  to: number
  /** When it took something last, or was first given something to take. */
  at: number
}

export class Pacing {
  readonly #bounds: { readonly messages: number; readonly bytes: number }
  readonly #peers = new Map<PeerHandle, Pace>()
  /** Bytes of all own messages that were ever signed, up to the end of each tick; the oldest that matters first. */
  #ticks: { readonly to: number; readonly bytes: number }[] = []
  #next = 0
  #bytes = 0

  /** @param bounds how far behind a peer may be */
  constructor(bounds: { readonly messages: number; readonly bytes: number }) {
    this.#bounds = bounds
  }

  up(peer: PeerHandle, now: number): void {
    this.#peers.set(peer, { to: this.#next, at: now })
  }

  down(peer: PeerHandle): void {
    this.#peers.delete(peer)
  }

  /** Own messages up to here were signed. */
  signed(to: number, bytes: number, now: number): void {
    for (const pace of this.#peers.values()) if (pace.to === this.#next) pace.at = now
    this.#next = to
    this.#bytes += bytes
    this.#ticks.push({ to, bytes: this.#bytes })
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
    let until: number | null = null
    for (const pace of this.#peers.values()) {
      if (this.#isFar(pace) && isTaking(pace, now)) until = Math.max(until ?? 0, pace.at + STOPPED_MS)
    }
    return until
  }

  #isFar({ to }: Pace): boolean {
    if (this.#next - to >= this.#bounds.messages) return true
    return to < this.#next && this.#bytes - this.#bytesAt(to) >= this.#bounds.bytes
  }

  /** Bytes of all messages below, as if those of one tick were equally large. */
  #bytesAt(to: number): number {
    const index = this.#ticks.findLastIndex((one) => one.to <= to)
    const [before, tick] = [this.#ticks[index] ?? { to: 0, bytes: 0 }, this.#ticks[index + 1]]
    if (!tick) return before.bytes
    return before.bytes + ((to - before.to) / (tick.to - before.to)) * (tick.bytes - before.bytes)
  }
}

function isTaking({ at }: Pace, now: number): boolean {
  return now < at + STOPPED_MS
}
