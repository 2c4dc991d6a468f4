// The engines that a scenario can run with, by name: those that ship, and models of other protocols to compare them with.

import { type Engine, flood, rumor, trees } from '@hearsay/gossip/machine'
import { type FrameReader, ROOM_FRAMES } from './frame-kinds.js'
import { gossipsubModel } from './models/gossipsub.js'
import { plumtreeModel } from './models/plumtree.js'

export const ENGINE_NAMES = ['trees', 'flood', 'gossipsub', 'plumtree', 'rumor'] as const

export type EngineName = (typeof ENGINE_NAMES)[number]

/** An engine as simulations need it. */
export interface SimulatedEngine {
  readonly name: string
  readonly engine: Engine
  readonly frames: FrameReader
  /** True if it has nothing to do when nobody says anything. */
  readonly rests: boolean
  /** True if its nodes acknowledge what they hand to their rooms. */
  readonly confirms: boolean
}

/** What a node of a simulation keeps: a thousand histories share one memory. */
const LIMITS = { capacity: 2_000 }

export function engineNamed(name: EngineName): SimulatedEngine {
  switch (name) {
    case 'trees':
      return { name, engine: trees(LIMITS), frames: ROOM_FRAMES, rests: true, confirms: true }
    case 'flood':
      return { name, engine: flood(LIMITS), frames: ROOM_FRAMES, rests: true, confirms: true }
    case 'rumor':
      return { name, engine: rumor(LIMITS), frames: ROOM_FRAMES, rests: true, confirms: true }
    case 'gossipsub':
      return gossipsubModel()
    case 'plumtree':
      return plumtreeModel()
  }
}
