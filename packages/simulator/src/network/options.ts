// What a simulated network is made from.

import type { Crypto, Delivery, Identity, PeerId, Random, Topic } from '@hearsay/core'
import type { Engine, MachineContext, Verdict } from '@hearsay/gossip/machine'
import type { Happening } from './happening.js'
import type { PathFaults } from './path.js'

/** What is different of a node's room; its engine brings the limits. */
export type RoomOptions = Partial<Pick<MachineContext, 'since' | 'order' | 'members' | 'judges' | 'keeps' | 'doubts'>>

/** A link was made, or is over. */
export interface LinkChange {
  readonly ends: readonly [number, number]
  readonly isUp: boolean
  /** One way; 0 of one that is over. */
  readonly latencyMs: number
}

export interface NetworkOptions {
  readonly topic: Topic
  readonly identities: readonly Identity[]
  /** One for all, or one for each node. */
  readonly engine: Engine | ((node: number) => Engine)
  readonly crypto: Crypto
  readonly random: Random
  /** One-way latency of a link in ms: drawn once for each link from [low, high), or told by its ends. */
  readonly latencyMs: readonly [low: number, high: number] | ((a: number, b: number) => number)
  /** A frame takes up to so many ms longer, by chance; order on a link is kept. @default 0 */
  readonly jitterMs?: number
  /** What the packets of every link suffer; `jitterMs` here stands above the one beside. */
  readonly path?: PathFaults
  /** Bytes that a node may send on a link before the receiver has handled some. @default 262_144 */
  readonly windowBytes?: number
  /** The wall clock when the simulation begins, in ms since 1970. @default 0 */
  readonly wallMs?: number
  /** The epoch in which a node begins a life, the first or one after a restart. @default the number of the life */
  readonly epoch?: (node: number, life: number) => number
  /** Whether bytes get from one node to another now; see `reachChanged`. @default always */
  readonly reach?: (from: number, to: number) => boolean
  /** @default as rooms are */
  readonly room?: RoomOptions
  /** What a node's application says of the messages of one record, where rooms judge. @default accept */
  readonly verdict?: (node: number, deliveries: readonly Omit<Delivery, 'receivedAt'>[]) => Verdict
  readonly onLink?: (change: LinkChange) => void
  /** A node's machine tells who has shown whose records it passes on. */
  readonly onShown?: (node: number, shown: { readonly remote: PeerId; readonly author: PeerId }) => void
  readonly onHappening: (happening: Happening, at: number) => void
}

/** One way, in ms, of a link between these two that is made now. */
export function drawLatency({ latencyMs, random }: NetworkOptions, [a, b]: readonly [number, number]): number {
  if (typeof latencyMs === 'function') return latencyMs(a, b)
  const [low, high] = latencyMs
  return low + random.below(Math.max(1, high - low))
}
