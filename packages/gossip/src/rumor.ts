// The engine `rumor`: news goes out in rounds, to every neighbour that may lack it. A record waits for the next round at each
// node, so that what is said in bursts crosses each link together; by hand, for tests and for radios that wake rarely. A room
// that closes begins a last one.

import { blockOf } from '@hearsay/core'
import type { Engine } from './engine.js'
import { GossipError } from './errors.js'
import { RoomMachine } from './machine/room-machine.js'
import type { GossipLimits } from './options.js'
import type { Crossing, Spread, Way } from './spread/spread.js'

/** Records up to this size are sent, larger ones offered: another neighbour may have sent them in the same round. */
const PUSH_BYTES = 4_096
/** How long a push is waited for: a neighbour may be about to begin its round. */
const PULL_DELAY_MS = 40

export interface RumorOptions extends Partial<GossipLimits> {
  /**
   * Milliseconds between rounds, at least 1; null: only by `tick()`, and `publish` resolves once a message is signed, with a
   * receipt of 0 peers. @default 100
   */
  readonly intervalMs?: number | null
}

export interface RumorEngine extends Engine {
  /** Begins a round now, in every room that was joined with this engine. */
  tick(): void
}

/** Periodic rounds. Throws `ERR_OPTION` for an interval below 1 ms. */
export function rumor({ intervalMs = 100, ...limits }: RumorOptions = {}): RumorEngine {
  if (intervalMs !== null && !(Number.isSafeInteger(intervalMs) && intervalMs >= 1)) {
    throw new GossipError('ERR_OPTION', `intervalMs is ${intervalMs}`, {
      remedy: 'It is a whole number of at least 1, or null for rounds by hand.',
    })
  }
  const listeners = new Set<() => void>()
  return {
    name: 'rumor',
    limits,
    isByHand: intervalMs === null,
    createMachine: (context) => new RoomMachine(context, () => new Rumor(intervalMs)),
    onTick: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    tick: () => {
      for (const listener of listeners) listener()
    },
  }
}

class Rumor implements Spread {
  readonly #intervalMs: number | null
  #upTo = 0
  /** When the next round begins; infinity while there is nothing to tell. */
  #dueAt = Number.POSITIVE_INFINITY

  constructor(intervalMs: number | null) {
    this.#intervalMs = intervalMs
  }

  get upTo(): number {
    return this.#upTo
  }

  get dueAt(): number {
    return this.#dueAt
  }

  beginRound(next: number, now: number): boolean {
    if (now < this.#dueAt) return false
    this.#upTo = next
    this.#dueAt = Number.POSITIVE_INFINITY
    return true
  }

  onRestored(next: number): void {
    this.#upTo = next
  }

  wayOf({ arrival, isPast, isOnly }: Crossing): Way {
    return !isPast && (isOnly || blockOf(arrival.record).bytes <= PUSH_BYTES) ? 'push' : 'offer'
  }

  onAccepted(_arrival: unknown, { now }: { readonly now: number }): void {
    if (this.#intervalMs !== null && this.#dueAt === Number.POSITIVE_INFINITY) this.#dueAt = now + this.#intervalMs
  }

  onTick(): void {
    this.#dueAt = Number.NEGATIVE_INFINITY
  }

  onDuplicate(): void {}
  onAsking(): void {}
  onAsked(): void {}
  onPrune(): void {}
  onGraft(): void {}
  onPeerDown(): void {}

  pullDelayMs(): number {
    return PULL_DELAY_MS + (this.#intervalMs ?? 0)
  }
}
