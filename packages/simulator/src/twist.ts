// A machine that is changed from outside: what it hears and what it says may be left out, doubled or replaced, and words of its
// own added. Adversaries are made so, and the planted faults of the tests.

import type { Accounts, Engine, Input, Machine, MachineContext, Output, PeerHandle } from '@hearsay/gossip/machine'

/** What is different; what is left out is as the machine inside does it. */
export interface Twist {
  /** What the machine inside hears instead of an input. */
  hear?(input: Input, now: number): readonly Input[]
  /** What is said instead of an output; `wake` is not asked about. */
  say?(output: Output, now: number): readonly Output[]
  /** What is said beside, after an input. */
  add?(input: Input, now: number): readonly Output[]
  /** When it wants to be woken beside the machine inside; null for never. */
  wakeAt?(): number | null
}

/** Makes the twist of one machine; `peers` are its open channels, kept up to date. */
export type MakeTwist = (context: MachineContext, peers: ReadonlySet<PeerHandle>) => Twist

/** The engine with each of its machines changed. */
export function twisted(engine: Engine, makeTwist: MakeTwist): Engine {
  return {
    ...engine,
    createMachine: (context) => new TwistedMachine(engine.createMachine(context), context, makeTwist),
  }
}

class TwistedMachine implements Machine {
  readonly #inner: Machine
  readonly #peers = new Set<PeerHandle>()
  readonly #twist: Twist
  #innerWakeAt: number | null = null

  constructor(inner: Machine, context: MachineContext, makeTwist: MakeTwist) {
    this.#inner = inner
    this.#twist = makeTwist(context, this.#peers)
  }

  accounts(): Accounts {
    return this.#inner.accounts?.() ?? {}
  }

  handle(input: Input, now: number): readonly Output[] {
    if (input.type === 'peer-up') this.#peers.add(input.peer)
    if (input.type === 'peer-down') this.#peers.delete(input.peer)
    const outputs: Output[] = []
    for (const heard of this.#twist.hear?.(input, now) ?? [input]) {
      for (const output of this.#inner.handle(heard, now)) {
        if (output.type === 'wake') this.#innerWakeAt = output.at
        else outputs.push(...(this.#twist.say?.(output, now) ?? [output]))
      }
    }
    outputs.push(...(this.#twist.add?.(input, now) ?? []))
    // A timer that comes too early for the machine inside is harmless to it; it asks again.
    if (input.type === 'timer' && this.#innerWakeAt !== null && this.#innerWakeAt <= now) this.#innerWakeAt = null
    outputs.push({ type: 'wake', at: earlier(this.#innerWakeAt, this.#twist.wakeAt?.() ?? null) })
    return outputs
  }
}

function earlier(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b)
}
