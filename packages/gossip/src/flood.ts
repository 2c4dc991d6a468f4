// The flood engine: a new record goes to every neighbour except the one it came from and those that are known to have it (the
// rule of pull-flood, with signatures, order, bounds and acknowledgements added). As robust as an overlay can be; each record
// crosses each link once or twice, so it suits rooms of up to a few dozen nodes. It answers questions and asks for what others
// only tell of, so it gets along with `trees` in one room; that it should not send something it does not mind.

import type { Engine } from './engine.js'
import { RoomMachine } from './machine/room-machine.js'
import type { GossipLimits } from './options.js'
import type { Spread } from './spread/spread.js'

/** How long a push is waited for before a record that somebody told of is asked for. */
const PULL_DELAY_MS = 40

const SPREAD: Spread = {
  wayOf: () => 'push',
  onAccepted: () => {},
  onDuplicate: () => {},
  onAsking: () => {},
  onAsked: () => {},
  onPrune: () => {},
  onGraft: () => {},
  onPeerDown: () => {},
  pullDelayMs: () => PULL_DELAY_MS,
}

/** Every new record to every neighbour. `capacity` and the other bounds are those of `GossipLimits`. */
export function flood(limits: Partial<GossipLimits> = {}): Engine {
  return { name: 'flood', limits, createMachine: (context) => new RoomMachine(context, () => SPREAD) }
}
