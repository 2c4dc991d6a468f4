// Back-pressure for a reader that must lose nothing: while it lags peers may send no more, and what they had on the way waits as
// it came. As frames that is what a window takes of each peer; as messages it might be many times that.

import type { PeerHandle } from '../engine.js'
import { bringsMessages } from '../frames/frames.js'

/** Frames of one peer that wait: each takes some 260 bytes beside its own, and a peer that is stopped is to cost 4 MiB at most. */
const MAX_FRAMES = 8_192

export interface FlowOptions {
  /** True while something else is dealt with, after which `relieve` is called. */
  readonly isBusy: () => boolean
  /** A frame's turn has come. */
  readonly take: (peer: PeerHandle, frame: Uint8Array) => void
  /** Peers may go on, or may not. */
  readonly setFlowing: (flowing: boolean) => void
}

interface Held {
  readonly peer: PeerHandle
  readonly frame: Uint8Array
}

export class Flow {
  readonly #options: FlowOptions
  /** The oldest first; what lies before `#first` has been taken. */
  #held: Held[] = []
  #first = 0
  /** How many wait, by peer. */
  readonly #counts = new Map<PeerHandle, number>()
  /** True while the reader lags. */
  #isPressed = false
  #isFlowing = true
  /** True while what waited is taken, each of which ends with `relieve`. */
  #isRelieving = false

  constructor(options: FlowOptions) {
    this.#options = options
  }

  /** False while peers are held back: until what they sent before is taken. */
  get isFlowing(): boolean {
    return this.#isFlowing
  }

  /** True if the frame must wait: then it is to be given to `hold`. */
  mustWait(frame: Uint8Array): boolean {
    return (this.#isPressed || this.#first < this.#held.length) && bringsMessages(frame)
  }

  hold(peer: PeerHandle, frame: Uint8Array): void {
    this.#held.push({ peer, frame })
    const count = (this.#counts.get(peer) ?? 0) + 1
    this.#counts.set(peer, count)
    if (count > MAX_FRAMES) this.#takeAllOf(peer)
  }

  /** The reader lags, or has caught up. */
  press(isPressed: boolean): void {
    this.#isPressed = isPressed
    if (isPressed && this.#isFlowing) this.#setFlowing(false)
    if (!this.#options.isBusy()) this.relieve()
  }

  /** Takes what waits as long as the reader keeps up; then peers go on. */
  relieve(): void {
    if (this.#isRelieving) return
    this.#isRelieving = true
    while (!this.#isPressed && this.#takeNext());
    this.#isRelieving = false
    if (!this.#isPressed && !this.#isFlowing) this.#setFlowing(true)
  }

  /** Takes all that waits, for nothing more will come. */
  end(): void {
    while (this.#takeNext());
  }

  /** Takes what waits of a peer that goes: nobody else may have it. */
  down(peer: PeerHandle): void {
    this.#takeAllOf(peer)
  }

  #takeAllOf(peer: PeerHandle): void {
    this.#counts.delete(peer)
    const rest = this.#held.slice(this.#first)
    this.#held = rest.filter((held) => held.peer !== peer)
    this.#first = 0
    for (const held of rest) if (held.peer === peer) this.#options.take(held.peer, held.frame)
  }

  #takeNext(): boolean {
    const held = this.#held[this.#first]
    if (!held) return false
    this.#first++
    if (this.#first * 2 > this.#held.length) {
      this.#held.splice(0, this.#first)
      this.#first = 0
    }
    this.#counts.set(held.peer, (this.#counts.get(held.peer) ?? 0) - 1)
    this.#options.take(held.peer, held.frame)
    return true
  }

  #setFlowing(isFlowing: boolean): void {
    this.#isFlowing = isFlowing
    this.#options.setFlowing(isFlowing)
  }
}
