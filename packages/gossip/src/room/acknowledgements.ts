// Who waits to know that so many peers have confirmed an own message.

import type { PeerId } from '@hearsay/core'
import { GossipError } from '../errors.js'
import type { Interval } from '../order/intervals.js'
import { checkCount } from './bounds.js'
import { Confirmations } from './confirmations.js'

interface Waiter {
  readonly seq: number
  readonly count: number
  resolve(): void
  reject(error: Error): void
}

export class Acknowledgements {
  readonly #confirmations = new Confirmations()
  readonly #waiters = new Map<number, Set<Waiter>>()
  /** One stretch for each own epoch that forked. */
  readonly #forked: Interval[] = []
  #closed = false

  /** The peer has handed [from, to) to its room; true if any of it is news. */
  add(peer: PeerId, from: number, to: number): boolean {
    const news = this.#confirmations.add(peer, from, to)
    if (news) this.#settle(...news)
    return news !== null
  }

  /** Nobody can confirm [from, to) any more: somebody else signed in their place. */
  forked(from: number, to: number): void {
    this.#forked.push([from, to])
    for (const [seq, waiters] of [...this.#waiters]) {
      if (this.#isForked(seq)) for (const waiter of [...waiters]) waiter.reject(forked())
    }
  }

  /** Own messages below this number left the history. */
  dropped(to: number): void {
    this.#confirmations.dropped(to)
  }

  /** Resolves when `count` peers have confirmed the message. */
  async wait(seq: number, count: number, signal?: AbortSignal): Promise<void> {
    checkCount('count', count)
    if (this.#confirmations.count(seq) >= count) return
    if (this.#isForked(seq)) throw forked()
    if (this.#closed) throw closed()
    if (signal?.aborted) throw aborted(signal)
    return new Promise((resolve, reject) => {
      const onAbort = (): void => waiter.reject(aborted(signal))
      const leave = (): void => {
        signal?.removeEventListener('abort', onAbort)
        this.#leave(waiter)
      }
      const waiter: Waiter = {
        seq,
        count,
        resolve: () => {
          leave()
          resolve()
        },
        reject: (error) => {
          leave()
          reject(error)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      const waiters = this.#waiters.get(seq) ?? new Set()
      this.#waiters.set(seq, waiters.add(waiter))
    })
  }

  /** Nobody will confirm anything any more. */
  close(): void {
    this.#closed = true
    for (const waiters of [...this.#waiters.values()]) {
      for (const waiter of [...waiters]) waiter.reject(closed())
    }
  }

  #isForked(seq: number): boolean {
    return this.#forked.some(([from, to]) => seq >= from && seq < to)
  }

  #settle(from: number, to: number): void {
    // Whichever are fewer: a peer may confirm millions at once, and so many may be waited for.
    if (this.#waiters.size < to - from) {
      for (const seq of [...this.#waiters.keys()]) if (from <= seq && seq < to) this.#settleOne(seq)
    } else for (let seq = from; seq < to; seq++) this.#settleOne(seq)
  }

  #settleOne(seq: number): void {
    const waiters = this.#waiters.get(seq)
    if (!waiters) return
    const count = this.#confirmations.count(seq)
    for (const waiter of [...waiters]) if (waiter.count <= count) waiter.resolve()
  }

  #leave(waiter: Waiter): void {
    const waiters = this.#waiters.get(waiter.seq)
    waiters?.delete(waiter)
    if (waiters?.size === 0) this.#waiters.delete(waiter.seq)
  }
}

function forked(): GossipError {
  return new GossipError(
    'ERR_FORKED',
    'somebody else signed in the place of this message: what peers have may be the other',
  )
}

function closed(): GossipError {
  return new GossipError('ERR_CLOSED', 'the room was closed before it was confirmed')
}

function aborted(signal: AbortSignal | undefined): GossipError {
  return new GossipError('ERR_ABORTED', 'the wait for confirmation was aborted', { cause: signal?.reason })
}
