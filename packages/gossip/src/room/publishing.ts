// Own messages on their way: checked, gathered until their tick ends, signed together as soon as no peer is too far behind for
// them, then told as pushed and as confirmed.

import type { Clock, Identity, PeerId, Receipt, Timer } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'
import { GossipError } from '../errors.js'
import type { GossipLimits } from '../options.js'
import { Acknowledgements } from './acknowledgements.js'
import { Outbox } from './outbox.js'
import type { OwnPlace } from './own-epochs.js'
import { type Lag, Pacing, type Weight } from './pacing.js'
import { Slab } from './slab.js'

/** How far most peers may be behind: as much as the window of a link takes, so that what is published now is heard soon. */
const MOST_LAG: Lag = { messages: 8_192, bytes: 256 * 1024 }

export interface PublishingOptions {
  readonly author: Identity
  /** Where the message with this number stands. */
  readonly placeOf: (number: number) => OwnPlace
  readonly clock: Clock
  readonly limits: GossipLimits
  readonly members: ReadonlySet<PeerId> | null
  /** True if there are peers that own messages wait for. */
  readonly hasPeers: () => boolean
  /** Has all of these signed, in this order. */
  readonly sign: (payloads: readonly Uint8Array[]) => void
}

export class Publishing {
  readonly #options: PublishingOptions
  readonly #outbox: Outbox
  readonly #pacing: Pacing
  readonly #acknowledgements = new Acknowledgements()
  /** Holds what is published here until it is signed, if sealed until it leaves the history: in the order in which it came. */
  readonly #slab = new Slab()
  /** Looks again whether peers have caught up. */
  #timer: Timer | null = null
  /** True while a tick is not signed to its end. */
  #isBehind = false
  /** True from the first moment of the end: what is signed now waits for nobody. */
  #isEnding = false
  #isClosed = false
  #isPaused = false
  #failure: Error | null = null

  constructor(options: PublishingOptions) {
    const { capacity, capacityBytes } = options.limits
    this.#options = options
    // Half the history: what is signed and waits for a peer must not push itself out of it.
    const half = { messages: capacity / 2, bytes: capacityBytes / 2 }
    // Everything that is published in one tick is signed together.
    this.#outbox = new Outbox({
      bounds: half,
      onFirst: () => queueMicrotask(() => this.#flush()),
      receiptOf: (seq, peers) => this.#receiptOf(seq, peers),
    })
    const most = { messages: Math.min(MOST_LAG.messages, half.messages), bytes: Math.min(MOST_LAG.bytes, half.bytes) }
    this.#pacing = new Pacing({ any: half, most })
  }

  /**
   * Takes one message; answers when it is on its way. Throws `ERR_ABORTED`, `ERR_MEMBERS` and `ERR_MESSAGE_SIZE`, rejects with what the
   * outbox says.
   */
  publish(payload: Uint8Array, signal?: AbortSignal): Promise<Receipt> {
    const { author, limits, members } = this.#options
    if (signal?.aborted) throw new GossipError('ERR_ABORTED', 'publish was aborted', { cause: signal.reason })
    if (this.#failure) throw this.#failure
    if (members?.has(author.id) === false) {
      throw new GossipError('ERR_MEMBERS', 'this author is no member of the room: nobody would take what it says')
    }
    if (payload.byteLength > limits.maxMessageBytes) {
      const size = `a message of ${payload.byteLength} bytes; the limit is ${limits.maxMessageBytes}`
      throw new GossipError('ERR_MESSAGE_SIZE', size, { remedy: 'Split it, or send a reference to it.' })
    }
    return this.#outbox.enter(this.#slab.copy(payload), signal)
  }

  up(peer: PeerHandle): void {
    this.#pacing.up(peer, this.#options.clock.now())
  }

  down(peer: PeerHandle): void {
    this.#pacing.down(peer)
  }

  /** [from, to) was signed. */
  signed(from: number, to: number, weight: Weight): void {
    this.#pacing.signed(to, weight, this.#options.clock.now())
    this.#outbox.signed(from, to)
  }

  /** As many of those that wait longest cannot be signed. */
  unsignable(count: number, error: Error): void {
    this.#outbox.unsignable(count, error)
  }

  pushed(peer: PeerHandle, from: number, to: number): void {
    this.#pacing.pushed(peer, to, this.#options.clock.now())
    this.#outbox.pushed(from, to)
  }

  /** True if that is news. */
  confirmed(remote: PeerId, from: number, to: number): boolean {
    return this.#acknowledgements.add(remote, from, to)
  }

  /** Nobody can confirm [from, to) any more: somebody else signed in their place. */
  forked(from: number, to: number): void {
    this.#acknowledgements.forked(from, to)
  }

  /** Own messages left the history. */
  dropped(from: number, to: number): void {
    this.#outbox.dropped(from, to)
    this.#pacing.dropped(to)
    this.#acknowledgements.dropped(to)
  }

  /** An input was worked off: whoever waits for what it brought goes on, and so does a tick that is not signed to its end. */
  settle(): void {
    this.#outbox.settle(!this.#options.hasPeers())
    if (this.#isBehind) this.#flush()
  }

  /** Nothing is signed until `resume`: what is published waits, also after a failure. */
  pause(): void {
    this.#isPaused = true
    this.#failure = null
  }

  resume(): void {
    this.#isPaused = false
    this.#flush()
  }

  /** What is not signed never will be, nor what is published from now on, or until `pause`. */
  fail(error: Error): void {
    this.#failure = error
    this.#outbox.refuse(error)
  }

  /** Signs all that there is. */
  end(): void {
    this.#isEnding = true
    this.#flush()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#outbox.close()
    this.#acknowledgements.close()
  }

  #receiptOf(number: number, peers: number): Receipt {
    const { author, placeOf } = this.#options
    const { epoch, seq } = placeOf(number)
    const confirmed: Receipt['confirmed'] = (count = 1, { signal } = {}) =>
      this.#acknowledgements.wait(number, count, signal)
    return { author: author.id, epoch, seq, peers, confirmed }
  }

  #flush(): void {
    if (this.#isClosed || this.#isPaused) return
    const payloads = this.#isHeld() ? [] : this.#outbox.take(this.#options.hasPeers() && !this.#isEnding)
    this.#isBehind = this.#outbox.hasUnsigned
    if (payloads.length > 0) this.#options.sign(payloads)
  }

  /** True while a peer that keeps taking is so far behind that more would push out what it has not been given. */
  #isHeld(): boolean {
    const { clock } = this.#options
    this.#timer?.cancel()
    this.#timer = null
    const now = clock.now()
    const until = this.#isEnding || !this.#options.hasPeers() ? null : this.#pacing.heldUntil(now)
    if (until !== null) this.#timer = clock.setTimer(until - now, () => this.#flush())
    return until !== null
  }
}
