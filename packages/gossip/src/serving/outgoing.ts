// Frames on their way out to neighbours: as long as there is window, and told to the publisher if they carry its own records.

import type { Output } from '../engine.js'
import { encodeFrame, type Frame } from '../frames/frames.js'
import type { Arrival } from '../machine/arrivals.js'
import type { Neighbour } from '../machine/neighbour.js'
import type { Publisher } from '../machine/publisher.js'

export class Outgoing {
  readonly #publisher: Publisher
  readonly #emit: (output: Output) => void

  constructor(publisher: Publisher, emit: (output: Output) => void) {
    this.#publisher = publisher
    this.#emit = emit
  }

  /** False if nothing may be sent now: the neighbour is to be served again when it takes something. */
  hasWindow(neighbour: Neighbour): boolean {
    if (neighbour.window > 0) return true
    if (!neighbour.blocked) this.#emit({ type: 'blocked', peer: neighbour.handle })
    neighbour.blocked = true
    return false
  }

  send(neighbour: Neighbour, frame: Frame): void {
    this.transmit(neighbour, encodeFrame(frame))
  }

  transmit(neighbour: Neighbour, bytes: Uint8Array): void {
    neighbour.window -= bytes.byteLength
    this.#emit({ type: 'send', peer: neighbour.handle, frame: bytes })
  }

  /** The neighbour was given all of it, or what is to be had of it. */
  tellPushed(neighbour: Neighbour, { record, source, end }: Arrival): void {
    if (!this.#publisher.signs(source)) return
    this.#emit({ type: 'pushed', peer: neighbour.handle, from: record.header.firstSeq, to: end })
  }
}
