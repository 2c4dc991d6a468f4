// Says two things for one place: one to half of its neighbours, one to the others, both signed.

import type { Engine, Input, Machine, Output, PeerHandle } from '@hearsay/gossip/machine'

const OTHERWISE = new TextEncoder().encode('!')

/** Two machines with one key and one epoch, each for half of the channels. */
export function twoFaced(engine: Engine): Engine {
  return {
    ...engine,
    createMachine: (context) => new TwoFaced([engine.createMachine(context), engine.createMachine(context)]),
  }
}

class TwoFaced implements Machine {
  readonly #faces: readonly [Machine, Machine]
  readonly #wakes: (number | null)[] = [null, null]
  /** Which face each channel sees: every other one. */
  readonly #faceOf = new Map<PeerHandle, 0 | 1>()
  #shown: 0 | 1 = 0

  constructor(faces: readonly [Machine, Machine]) {
    this.#faces = faces
  }

  handle(input: Input, now: number): readonly Output[] {
    const outputs: Output[] = []
    if (input.type === 'peer-up') {
      this.#faceOf.set(input.peer, this.#shown)
      this.#shown = (1 - this.#shown) as 0 | 1
    }
    for (const face of [0, 1] as const) {
      if ('peer' in input && this.#faceOf.get(input.peer) !== face) continue
      for (const output of this.#faces[face].handle(faced(input, face), now)) {
        if (output.type === 'wake') this.#wakes[face] = output.at
        // To itself it says one thing only.
        else if (face === 0 || output.type === 'send' || output.type === 'blocked') outputs.push(output)
      }
    }
    if (input.type === 'timer')
      for (const face of [0, 1]) if ((this.#wakes[face] ?? now) < now) this.#wakes[face] = null
    const due = this.#wakes.filter((at) => at !== null)
    outputs.push({ type: 'wake', at: due.length === 0 ? null : Math.min(...due) })
    return outputs
  }
}

function faced(input: Input, face: 0 | 1): Input {
  if (input.type !== 'publish' || face === 0) return input
  return { ...input, payloads: input.payloads.map((payload) => Uint8Array.of(...payload, ...OTHERWISE)) }
}
