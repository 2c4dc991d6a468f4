// What crosses links: frames within the window of each direction, window that is given back, and what a barred way holds back.

import type { Input } from '@hearsay/gossip/machine'
import { type Lane, type Parcel, type SimulatedLink, WINDOW_BYTES } from './link.js'
import type { NetworkOptions } from './options.js'
import { PATIENCE_MS } from './path.js'

/** Window given back is told in a few bytes. */
const GRANT_BYTES = 8

export interface CarriageContext {
  readonly options: Pick<NetworkOptions, 'reach' | 'windowBytes'>
  now(): number
  /** Calls `run` then; what was asked for first comes first where times are equal. */
  at(time: number, run: () => void): void
  /** The same for what has crossed, which is given to `arrive`. */
  arrives(at: number, lane: Lane, parcel: Parcel): void
  feed(node: number, input: Input): void
  cut(link: SimulatedLink): void
}

export class Carriage {
  readonly #context: CarriageContext
  #inFlight = 0
  /** Bytes sent and not handled yet: the most that there were on all links, and on one direction of one. */
  readonly memory: { total: number; ofOneLink: number } = { total: 0, ofOneLink: 0 }

  constructor(context: CarriageContext) {
    this.#context = context
  }

  /** Sends a frame for which there is window. */
  send(lane: Lane, frame: Uint8Array): void {
    lane.credit -= frame.byteLength
    this.#account(lane, frame.byteLength)
    this.#travel(lane, { frame })
  }

  /** The parcel has crossed. */
  arrive(lane: Lane, parcel: Parcel): void {
    if (lane.held.length > 0 || this.#isBarred(lane)) lane.held.push(parcel)
    else this.#pass(lane, parcel)
  }

  /** The way may be open again. What is held back stays where it is until it arrives, so that what comes meanwhile waits behind it. */
  release(lane: Lane): void {
    if (lane.held.length === 0 || this.#isBarred(lane)) return
    const bytes = lane.held.reduce((sum, parcel) => sum + bytesOf(parcel), 0)
    const at = this.#arrivalOf(lane, bytes)
    if (at !== null) this.#context.at(at, () => this.#drain(lane))
  }

  /** The receiver has done with so many bytes of this direction. */
  handled(lane: Lane, bytes: number): void {
    this.#account(lane, -bytes)
    lane.isHeard = true
    lane.owed += bytes
    if (lane.owed < (this.#context.options.windowBytes ?? WINDOW_BYTES) / 2) return
    const grant = lane.owed
    lane.owed = 0
    this.#travel(lane.link.back(lane), { grant })
  }

  /** The sender waits for window; also said when it does not know of window that there is. */
  blocked(lane: Lane): void {
    lane.isWaiting = true
    if (lane.credit > 0) this.#context.at(this.#context.now(), () => this.#grant(lane, 0))
  }

  /** The link of this direction is over, and what is on its way is lost. */
  lost(lane: Lane): void {
    this.#inFlight -= lane.unhandled
  }

  #drain(lane: Lane): void {
    if (this.#isBarred(lane)) return
    const { held } = lane
    lane.held = []
    for (const parcel of held) this.#pass(lane, parcel)
  }

  #pass(lane: Lane, parcel: Parcel): void {
    if (!lane.link.up) return
    if ('grant' in parcel) this.#grant(lane.link.back(lane), parcel.grant)
    else this.#context.feed(lane.to, { type: 'frame', peer: lane.toHandle, frame: parcel.frame })
  }

  #isBarred({ from, to }: Lane): boolean {
    return this.#context.options.reach?.(from, to) === false
  }

  /** Nothing arrives before what was sent earlier, and the queue keeps order where times are equal. */
  #travel(lane: Lane, parcel: Parcel): void {
    const at = this.#arrivalOf(lane, bytesOf(parcel))
    if (at !== null) this.#context.arrives(at, lane, parcel)
  }

  /** When so many bytes have crossed; null if they never do: whoever waits for them gives the link up. */
  #arrivalOf(lane: Lane, bytes: number): number | null {
    const now = this.#context.now()
    const at = lane.path.arrival(bytes, now)
    if (at !== Number.POSITIVE_INFINITY) return at
    this.#context.at(now + PATIENCE_MS, () => this.#context.cut(lane.link))
    return null
  }

  #account(lane: Lane, bytes: number): void {
    lane.unhandled += bytes
    this.#inFlight += bytes
    this.memory.total = Math.max(this.memory.total, this.#inFlight)
    this.memory.ofOneLink = Math.max(this.memory.ofOneLink, lane.unhandled)
  }

  #grant(lane: Lane, bytes: number): void {
    lane.credit += bytes
    if (!lane.isWaiting || lane.credit <= 0) return
    lane.isWaiting = false
    this.#context.feed(lane.from, { type: 'window', peer: lane.fromHandle, bytes: lane.credit })
  }
}

function bytesOf(parcel: Parcel): number {
  return 'frame' in parcel ? parcel.frame.byteLength : GRANT_BYTES
}
