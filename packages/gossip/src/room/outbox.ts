// Publications on their way: collected during a tick so that they share signatures, then waiting to be handed to a peer.

import type { Receipt } from '@hearsay/core'
import { GossipError } from '../errors.js'

export interface OutboxOptions {
  /** How much may be signed and wait at once; the rest stays unsigned. */
  readonly bounds: { readonly messages: number; readonly bytes: number }
  /** Called when something waits to be signed, the first of its tick. */
  readonly onFirst: () => void
  /** What the caller is told of a message with this number, which went to so many peers. */
  readonly receiptOf: (seq: number, peers: number) => Receipt
}

/** One call of `publish`. */
interface Publication {
  readonly payload: Uint8Array
  /** Its sequence number; null until it is signed. */
  seq: number | null
  /** Peers that it was handed to. */
  peers: number
  readonly resolve: (receipt: Receipt) => void
  readonly reject: (error: Error) => void
  /** Ends the wait for its caller's signal; null without one. */
  leave: (() => void) | null
}

export class Outbox {
  readonly #options: OutboxOptions
  readonly #unsigned = new Set<Publication>()
  /** Taken, and about to be told their numbers. */
  #taken: Publication[] = []
  /** Signed and not handed to anybody, by number. */
  readonly #waiting = new Map<number, Publication>()
  #waitingBytes = 0
  /** Those of `#waiting` that need wait no longer. */
  readonly #done = new Set<Publication>()

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** True if something is not signed yet. */
  get hasUnsigned(): boolean {
    return this.#unsigned.size > 0
  }

  /**
   * Takes a payload in, and resolves with its receipt when it was handed to a peer, or there is none to wait for. Once
   * signed it cannot be taken back: then aborting only ends the wait.
   */
  enter(payload: Uint8Array, signal: AbortSignal | undefined): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      // One object for each, as few closures as may be: of these there are hundreds of thousands a second.
      const publication: Publication = { payload, seq: null, peers: 0, resolve, reject, leave: null }
      if (signal) this.#heed(signal, publication)
      this.#unsigned.add(publication)
      if (this.#unsigned.size === 1) this.#options.onFirst()
    })
  }

  /** The payloads to sign next, in order of the calls: all, or as many as may wait. `signed` or `unsignable` answers. */
  take(isBounded: boolean): readonly Uint8Array[] {
    const { bounds } = this.#options
    const payloads: Uint8Array[] = []
    let [messages, bytes] = [this.#waiting.size, this.#waitingBytes]
    for (const publication of this.#unsigned) {
      if (isBounded && (messages >= bounds.messages || bytes >= bounds.bytes)) break
      this.#unsigned.delete(publication)
      this.#taken.push(publication)
      payloads.push(publication.payload)
      messages++
      bytes += publication.payload.byteLength
    }
    return payloads
  }

  /** What was taken first got the numbers [from, to). */
  signed(from: number, to: number): void {
    for (const [index, publication] of this.#taken.splice(0, to - from).entries()) {
      publication.seq = from + index
      this.#waiting.set(publication.seq, publication)
      this.#waitingBytes += publication.payload.byteLength
    }
  }

  /** So many of what was taken first could not be signed. */
  unsignable(count: number, error: Error): void {
    for (const publication of this.#taken.splice(0, count)) fail(publication, error)
  }

  /** What is not signed yet never will be. */
  refuse(error: Error): void {
    for (const publication of this.#unsigned) fail(publication, error)
    this.#unsigned.clear()
  }

  /** [from, to), the messages of one record, went to one more peer. */
  pushed(from: number, to: number): void {
    for (const publication of this.#within(from, to)) {
      publication.peers++
      this.#done.add(publication)
    }
  }

  /** [from, to), the messages of one record, will not be handed to anybody any more. */
  dropped(from: number, to: number): void {
    for (const publication of this.#within(from, to)) this.#done.add(publication)
  }

  /** Settles what was handed to somebody; and, if there is nobody to wait for, the rest too. */
  settle(isAlone: boolean): void {
    for (const publication of isAlone ? this.#waiting.values() : this.#done) this.#settleNow(publication)
    this.#done.clear()
  }

  #heed(signal: AbortSignal, publication: Publication): void {
    const onAbort = (): void => this.#abort(publication, signal)
    signal.addEventListener('abort', onAbort, { once: true })
    publication.leave = () => signal.removeEventListener('abort', onAbort)
  }

  #abort(publication: Publication, signal: AbortSignal): void {
    if (!this.#unsigned.delete(publication)) return this.#settleNow(publication)
    fail(publication, new GossipError('ERR_ABORTED', 'publish was aborted', { cause: signal.reason }))
  }

  /** Settles one, however many have it. */
  #settleNow(publication: Publication): void {
    const { seq, payload, peers } = publication
    if (seq === null || !this.#waiting.delete(seq)) return
    this.#waitingBytes -= payload.byteLength
    publication.leave?.()
    publication.resolve(this.#options.receiptOf(seq, peers))
  }

  close(): void {
    const all = [...this.#waiting.values(), ...this.#taken, ...this.#unsigned]
    this.#waiting.clear()
    this.#unsigned.clear()
    this.#taken = []
    for (const publication of all)
      fail(publication, new GossipError('ERR_CLOSED', 'the room was closed before the message was handed to a peer'))
  }

  #within(from: number, to: number): Publication[] {
    if (this.#waiting.size === 0) return []
    const publications: Publication[] = []
    for (let seq = from; seq < to; seq++) {
      const publication = this.#waiting.get(seq)
      if (publication) publications.push(publication)
    }
    return publications
  }
}

function fail({ leave, reject }: Publication, error: Error): void {
  leave?.()
  reject(error)
}
