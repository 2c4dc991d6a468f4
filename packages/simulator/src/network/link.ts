// One link between two nodes: two directions, each with a byte window that its receiver grants again when it has handled what
// came, as channels of real links do. What the path holds back waits here until it is let go.

import type { PeerHandle } from '@hearsay/gossip/machine'
import type { Path } from './path.js'

/** What travels: a frame, or window given back. */
export type Parcel = { readonly frame: Uint8Array } | { readonly grant: number }

/** The window of a channel of a real link. */
export const WINDOW_BYTES: number = 256 * 1024

/** One direction. */
export interface Lane {
  readonly link: SimulatedLink
  readonly from: number
  readonly to: number
  /** The sender's handle for the receiver, and the receiver's for the sender. */
  readonly fromHandle: PeerHandle
  readonly toHandle: PeerHandle
  readonly path: Path
  /** Bytes that may be sent; below 0 by one frame at most. */
  credit: number
  /** Bytes that the receiver has handled and not granted again. */
  owed: number
  /** Bytes sent that the receiver has not handled. */
  unhandled: number
  /** True once a frame has arrived. */
  isHeard: boolean
  /** True after the sender's machine said that it has more than the window takes. */
  isWaiting: boolean
  /** What arrived while the way was barred, in order. */
  held: Parcel[]
}

export class SimulatedLink {
  readonly lanes: readonly [Lane, Lane]
  up = true

  constructor(
    ends: readonly [number, number],
    handles: readonly [PeerHandle, PeerHandle],
    paths: readonly [Path, Path],
    windowBytes: number,
  ) {
    const lane = (from: 0 | 1): Lane => {
      const to = (1 - from) as 0 | 1
      return {
        ...{ link: this, from: ends[from], to: ends[to], fromHandle: handles[from], toHandle: handles[to] },
        ...{
          path: paths[from],
          credit: windowBytes,
          owed: 0,
          unhandled: 0,
          isHeard: false,
          isWaiting: false,
          held: [],
        },
      }
    }
    this.lanes = [lane(0), lane(1)]
  }

  get ends(): readonly [number, number] {
    return [this.lanes[0].from, this.lanes[0].to]
  }

  /** The other direction. */
  back(lane: Lane): Lane {
    return lane === this.lanes[0] ? this.lanes[1] : this.lanes[0]
  }
}

/** Names the link between two nodes. */
export function keyOf(a: number, b: number): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
