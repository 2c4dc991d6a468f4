// Promises for links, by key, each settled once.

import type { Link } from '@hearsay/core'
import { TransportError, type TransportErrorCode } from '../errors.js'
import type { Failure } from './messages.js'

interface Waiter {
  readonly resolve: (link: Link) => void
  readonly reject: (error: TransportError) => void
}

export class Waiters<Key> {
  readonly #waiters = new Map<Key, Waiter>()

  wait(key: Key): Promise<Link> {
    return new Promise((resolve, reject) => this.#waiters.set(key, { resolve, reject }))
  }

  resolve(key: Key, link: Link): void {
    this.#take(key)?.resolve(link)
  }

  reject(key: Key, { code, message }: Failure): void {
    this.#take(key)?.reject(new TransportError(code as TransportErrorCode, message))
  }

  rejectAll(failure: Failure): void {
    for (const key of [...this.#waiters.keys()]) this.reject(key, failure)
  }

  #take(key: Key): Waiter | undefined {
    const waiter = this.#waiters.get(key)
    this.#waiters.delete(key)
    return waiter
  }
}
