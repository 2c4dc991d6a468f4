// What this node says itself: published, signed in one epoch after another, told as pushed and as confirmed. A machine counts the
// messages of each epoch from 0; here they have numbers that go on through all of them.

import type { EpochSource, PeerId, Receipt } from '@hearsay/core'
import type { Output } from '../engine.js'
import { OwnEpochs } from './own-epochs.js'
import type { Weight } from './pacing.js'
import { Publishing, type PublishingOptions } from './publishing.js'
import { Renewal } from './renewal.js'

export interface OwnWordsOptions extends Omit<PublishingOptions, 'placeOf'> {
  readonly epoch: number
  readonly source: EpochSource | null
  /** This node goes on in this epoch; resolves when it can speak. */
  readonly begin: (epoch: number) => Promise<void>
  readonly warn: (error: Error) => void
}

interface Place {
  readonly author: PeerId
  readonly epoch: number
}
interface Range {
  readonly from: number
  readonly to: number
}

export class OwnWords {
  readonly publishing: Publishing
  readonly author: PeerId
  readonly #epochs: OwnEpochs
  /** By own epoch: from where on somebody else signed. */
  readonly #forkedAt = new Map<number, number>()
  readonly #renewal: Renewal

  constructor({ epoch, source, begin, warn, ...options }: OwnWordsOptions) {
    this.author = options.author.id
    this.#epochs = new OwnEpochs(epoch)
    this.publishing = new Publishing({ ...options, placeOf: (number) => this.#epochs.placeOf(number) })
    this.#renewal = new Renewal({ source, clock: options.clock, publishing: this.publishing, begin, warn })
  }

  /** The one that is signed in now. */
  get epoch(): number {
    return this.#epochs.current
  }

  begin(epoch: number): void {
    this.#epochs.begin(epoch)
  }

  /** As `Publishing.publish`. */
  publish(payload: Uint8Array, signal?: AbortSignal): Promise<Receipt> {
    this.#renewal.retry()
    return this.publishing.publish(payload, signal)
  }

  close(): void {
    this.#renewal.close()
    this.publishing.close()
  }

  signed({ from, to }: Range, weight: Weight): void {
    this.#epochs.said(to)
    this.publishing.signed(...this.#numbersOf({ from, to }), weight)
  }

  pushed(output: Extract<Output, { type: 'pushed' }>): void {
    this.publishing.pushed(output.peer, ...this.#numbersOf(output))
  }

  /** True if that is news. */
  confirmed(output: Extract<Output, { type: 'confirmed' }>): boolean {
    return this.publishing.confirmed(output.remote, ...this.#numbersOf(output))
  }

  /** These left the history. */
  dropped(range: Place & Range): void {
    if (this.#isOwn(range)) this.publishing.dropped(...this.#numbersOf(range))
  }

  /** A peer has these of an earlier epoch: ours, as far as somebody else is not known to have signed in their place. */
  heard({ remote, epoch, from, to }: Extract<Output, { type: 'heard' }>): void {
    const numbers = this.#epochs.numbersOf(epoch, { from, to: Math.min(to, this.#forkedAt.get(epoch) ?? to) })
    if (numbers) this.publishing.confirmed(remote, ...numbers)
  }

  /** Somebody said two things at this place, and so for what comes after it: in ours it means that somebody else signs in it. */
  forked({ author, epoch }: Place, at: number): void {
    if (author !== this.author) return
    this.#forkedAt.set(epoch, at)
    const numbers = this.#epochs.numbersOf(epoch, { from: at, to: Number.POSITIVE_INFINITY })
    if (numbers) this.publishing.forked(...numbers)
    this.met(epoch)
  }

  /** Somebody else signs in this epoch of ours. */
  met(epoch: number): void {
    if (epoch === this.#epochs.current) this.#renewal.start()
  }

  #isOwn({ author, epoch }: Place): boolean {
    return author === this.author && epoch === this.#epochs.current
  }

  #numbersOf({ from, to }: Range): [number, number] {
    return [this.#epochs.numberOf(from), this.#epochs.numberOf(to)]
  }
}
