// What nodes of one process share when they play network: who listens under which name, and who looks for whom. A hub is
// an argument, never a global, so two tests never meet.

import type { DiscoveryJoin } from '../contracts/discovery.js'
import type { IncomingStream } from '../contracts/transport.js'
import type { TopicId } from '../topic.js'

/** One session of one node, as the others on the hub see it. */
export interface HubSession {
  readonly topic: TopicId
  readonly options: DiscoveryJoin
  /** The other session can be found; it may be the same as before. */
  heard(other: HubSession): void
}

/** A network within this process. */
export interface MemoryHub {
  /** Who accepts streams under a name. */
  readonly listeners: Map<string, (incoming: IncomingStream) => void>
  readonly sessions: Set<HubSession>
  /** A name that nobody on this hub has. */
  freshName(): string
}

/** A network with nobody on it. */
export function memoryHub(): MemoryHub {
  let names = 0
  return { listeners: new Map(), sessions: new Set(), freshName: () => `node-${++names}` }
}
