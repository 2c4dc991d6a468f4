// The answers to one query, for whoever iterates them: it ends with enough of them, or when it is told to.

import type { PeerId } from '@hearsay/core'
import { GossipError } from '../errors.js'

/** An answer as it came. */
export interface RawAnswer {
  readonly author: PeerId
  readonly data: Uint8Array
  /** Links it crossed: direct 1. Unsigned, a hint. */
  readonly hops: number
  /** The peer that handed it over. */
  readonly via: PeerId
}

export interface AnswerQueueOptions {
  readonly count: number
  readonly signal: AbortSignal | undefined
  /** Called once, when no more answers are taken; not if the signal has fired already. */
  readonly onEnd: () => void
}

type Result = IteratorResult<RawAnswer, undefined>

interface Waiter {
  readonly resolve: (result: Result) => void
  readonly reject: (error: Error) => void
}

const DONE: Result = { done: true, value: undefined }

export class AnswerQueue implements AsyncIterableIterator<RawAnswer, undefined> {
  readonly #options: AnswerQueueOptions
  readonly #answers: RawAnswer[] = []
  readonly #authors = new Set<PeerId>()
  /** Those who read and have nothing yet, in order; only while there are no answers. */
  readonly #waiters: Waiter[] = []
  readonly #onAbort = (): void => {
    this.#failure = aborted(this.#options.signal)
    this.end()
  }
  #left: number
  /** Told once, to who has read all that came before. */
  #failure: GossipError | null = null
  ended = false

  constructor(options: AnswerQueueOptions) {
    this.#options = options
    this.#left = options.count
    if (options.signal?.aborted) {
      this.ended = true
      this.#failure = aborted(options.signal)
    } else options.signal?.addEventListener('abort', this.#onAbort)
  }

  /** One for each author: the first. */
  add(answer: RawAnswer): void {
    if (this.ended || this.#authors.has(answer.author)) return
    this.#authors.add(answer.author)
    const waiter = this.#waiters.shift()
    if (waiter) waiter.resolve({ done: false, value: answer })
    else this.#answers.push(answer)
    this.#left--
    if (this.#left <= 0) this.end()
  }

  end(): void {
    if (this.ended) return
    this.ended = true
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#options.onEnd()
    for (const waiter of this.#waiters.splice(0)) this.next().then(waiter.resolve, waiter.reject)
  }

  async next(): Promise<Result> {
    const value = this.#answers.shift()
    if (value) return { done: false, value }
    if (!this.ended) return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
    const failure = this.#failure
    this.#failure = null
    if (failure) throw failure
    return DONE
  }

  async return(): Promise<Result> {
    this.#answers.length = 0
    this.#failure = null
    this.end()
    return DONE
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

function aborted(signal: AbortSignal | undefined): GossipError {
  return new GossipError('ERR_ABORTED', 'the query was aborted', { cause: signal?.reason })
}
