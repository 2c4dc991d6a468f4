// Nodes that lie, each an engine around an honest one, so that it knows the protocol as well as anybody. They write frames with
// the real codec and keep to their windows: whoever does not is thrown out by the channel before gossip hears of it.

import type { PeerId, Random } from '@hearsay/core'
import type { Engine } from '@hearsay/gossip/machine'
import { twoFaced } from './adversaries/equivocator.js'
import { flooding } from './adversaries/flooder.js'
import { lying } from './adversaries/liar.js'
import { grafting, miserly } from './adversaries/misers.js'
import { recanting } from './adversaries/recanter.js'
import { censoring, dropping, forging, lax, replaying, sleeping } from './adversaries/relays.js'
import { splicing } from './adversaries/splicer.js'
import type { AdversaryType } from './scenario/format.js'
import { type MakeTwist, twisted } from './twist.js'

/** What an adversary knows of the plot. */
export interface Plot {
  readonly random: Random
  /** It behaves until then. */
  readonly fromMs: number
  /** Whom a censor silences. */
  readonly victim: PeerId | null
}

/** An engine that behaves like `engine` until `fromMs`, and then as its type says. */
export function adversary(type: AdversaryType, engine: Engine, plot: Plot): Engine {
  if (type === 'equivocator') return twoFaced(engine)
  return twisted(engine, later(TWISTS[type](plot), plot.fromMs))
}

const TWISTS: Readonly<Record<Exclude<AdversaryType, 'equivocator'>, (plot: Plot) => MakeTwist>> = {
  dropper: () => dropping,
  // What makes it a group is whom it links with: the scenario surrounds its victims with it.
  sybil: () => dropping,
  censor: ({ victim }) => censoring(victim === null ? [] : [victim]),
  liar: ({ random }) => lying(random),
  sleeper: () => sleeping,
  forger: () => forging,
  lax: () => lax,
  replayer: ({ random }) => replaying(random),
  flooder: ({ random }) => flooding(random),
  recanter: () => recanting,
  splicer: () => splicing,
  miser: () => miserly,
  grafter: () => grafting,
}

/** The twist from a time on; it hears and sees all from the start. */
function later(make: MakeTwist, fromMs: number): MakeTwist {
  return (context, peers) => {
    const { hear, say, add, wakeAt } = make(context, peers)
    return {
      hear: (input, now) => (now >= fromMs && hear ? hear(input, now) : [input]),
      say: (output, now) => {
        const said = say?.(output, now) ?? [output]
        return now >= fromMs ? said : [output]
      },
      add: (input, now) => {
        const added = add?.(input, now) ?? []
        return now >= fromMs ? added : []
      },
      ...(wakeAt && { wakeAt }),
    }
  }
}
