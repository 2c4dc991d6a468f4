// Publications on their way: collected during a tick so that they share signatures, then waiting to be handed to a peer.

import { GossipError } from './errors.js'

/** One call of `publish`. */
export interface Publication {
  readonly payload: Uint8Array
  /** Its sequence number; null until it is signed. */
  seq: number | null
  /** Peers that it was handed to. */
  peers: number
  readonly settle: (seq: number, peers: number) => void
  readonly fail: (error: Error) => void
}

export class Outbox {
  #unsigned: Publication[] = []
  #waiting: Publication[] = []

  /** Adds a publication; true if it is the first of its tick. */
  add(publication: Publication): boolean {
    this.#unsigned.push(publication)
    return this.#unsigned.length === 1
  }

  /** Takes back one that is not signed yet. */
  withdraw(publication: Publication): boolean {
    const index = this.#unsigned.indexOf(publication)
    if (index !== -1) this.#unsigned.splice(index, 1)
    return index !== -1
  }

  /** The payloads of the tick that just ended; `signed` is to tell their numbers. */
  takeTick(): readonly Uint8Array[] {
    const tick = this.#unsigned
    this.#unsigned = []
    this.#waiting.push(...tick)
    return tick.map(({ payload }) => payload)
  }

  /** The publications of the tick got the numbers from `from` on. */
  signed(from: number): void {
    let seq = from
    for (const publication of this.#waiting) if (publication.seq === null) publication.seq = seq++
  }

  /** [from, to) went to one more peer. */
  pushed(from: number, to: number): void {
    for (const publication of this.#waiting) {
      if (publication.seq !== null && publication.seq >= from && publication.seq < to) publication.peers++
    }
  }

  /** Settles what was handed to somebody; and, if there is nobody to wait for, the rest too. */
  settle(isAlone: boolean): void {
    const still: Publication[] = []
    for (const publication of this.#waiting) {
      if (publication.seq !== null && (isAlone || publication.peers > 0))
        publication.settle(publication.seq, publication.peers)
      else still.push(publication)
    }
    this.#waiting = still
  }

  /** Settles one now, however many have it. */
  settleNow(publication: Publication): void {
    if (publication.seq === null) return
    this.#waiting = this.#waiting.filter((other) => other !== publication)
    publication.settle(publication.seq, publication.peers)
  }

  close(): void {
    const all = [...this.#waiting, ...this.#unsigned]
    this.#waiting = []
    this.#unsigned = []
    for (const { fail } of all)
      fail(new GossipError('ERR_CLOSED', 'the room was closed before the message was handed to a peer'))
  }
}
