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
  /** Called once, when no more answers are taken. */
  readonly onEnd: () => void
}

type Waiter = { readonly resolve: () => void }

export class AnswerQueue implements AsyncIterableIterator<RawAnswer, undefined> {
  readonly #options: AnswerQueueOptions
  readonly #answers: RawAnswer[] = []
  readonly #authors = new Set<PeerId>()
  readonly #onAbort = (): void => this.end()
  #waiter: Waiter | null = null
  #left: number
  ended = false

  constructor(options: AnswerQueueOptions) {
    this.#options = options
    this.#left = options.count
    options.signal?.addEventListener('abort', this.#onAbort)
    this.ended = options.signal?.aborted ?? false
  }

  /** One for each author: the first. */
  add(answer: RawAnswer): void {
    if (this.ended || this.#authors.has(answer.author)) return
    this.#authors.add(answer.author)
    this.#answers.push(answer)
    this.#left--
    if (this.#left <= 0) this.end()
    this.#wake()
  }

  end(): void {
    if (this.ended) return
    this.ended = true
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#options.onEnd()
    this.#wake()
  }

  async next(): Promise<IteratorResult<RawAnswer, undefined>> {
    while (this.#answers.length === 0 && !this.ended) {
      await new Promise<void>((resolve) => {
        this.#waiter = { resolve }
      })
    }
    const { signal } = this.#options
    if (signal?.aborted) throw new GossipError('ERR_ABORTED', 'the query was aborted', { cause: signal.reason })
    const value = this.#answers.shift()
    return value ? { done: false, value } : { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<RawAnswer, undefined>> {
    this.#answers.length = 0
    this.end()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #wake(): void {
    const waiter = this.#waiter
    this.#waiter = null
    waiter?.resolve()
  }
}
