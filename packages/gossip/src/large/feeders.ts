// Neighbours as those who feed assemblies: what each is still expected to send, and who is asked for how many parts next.
// Several records that come from one neighbour take turns.

import type { PeerHandle } from '../engine.js'
import type { Neighbour } from '../machine/neighbour.js'
import type { Assembly } from './assembly.js'

/**
 * Parts that one neighbour is asked for ahead. A channel grants 256 KiB, again when half of it is used: seven parts and their
 * proofs never use up the other half, so whatever else is said does not wait for window.
 */
export const MAX_ASKED_PARTS = 7

interface Feeder {
  /** Parts that it may send because they were asked for, or announced with a head. */
  expected: number
}

export class Feeders {
  readonly #neighbours: ReadonlyMap<PeerHandle, Neighbour>
  readonly #feeders = new Map<PeerHandle, Feeder>()

  constructor(neighbours: ReadonlyMap<PeerHandle, Neighbour>) {
    this.#neighbours = neighbours
  }

  down(peer: PeerHandle): void {
    this.#feeders.delete(peer)
  }

  /** It may send so many parts more. */
  expect(peer: PeerHandle, parts: number): void {
    this.#of(peer).expected += parts
  }

  /** It sent a part; false if it was to send none. */
  take(peer: PeerHandle): boolean {
    return --this.#of(peer).expected >= 0
  }

  /** Asks it for parts of the records that it feeds, as many as it may be asked for: those first that it owes the least of. */
  feed(peer: PeerHandle, assemblies: readonly Assembly[], now: number): void {
    const neighbour = this.#neighbours.get(peer)
    let free = MAX_ASKED_PARTS - assemblies.reduce((sum, assembly) => sum + assembly.inFlight(now), 0)
    if (!neighbour || free <= 0) return
    const turns = assemblies.filter((one) => one.mayAsk(now)).sort((a, b) => a.inFlight(now) - b.inFlight(now))
    for (const [turn, assembly] of turns.entries()) {
      const parts = assembly.ask(Math.ceil(free / (turns.length - turn)), now)
      if (parts.length === 0) continue
      const count = parts.reduce((sum, { from, to }) => sum + to - from, 0)
      free -= count
      this.expect(peer, count)
      const { source, first } = assembly.range
      neighbour.notices.wanted({ source, first, parts }, now)
      if (free <= 0) return
    }
  }

  #of(peer: PeerHandle): Feeder {
    const feeder = this.#feeders.get(peer) ?? { expected: 0 }
    this.#feeders.set(peer, feeder)
    return feeder
  }
}
