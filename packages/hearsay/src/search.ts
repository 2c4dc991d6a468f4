// One topic being looked for: it can sleep and wake with its node, and never begins before one of the same topic that was
// left has withdrawn what it announced, which would take the new announcement with it.

import type { DiscoverySession } from '@hearsay/core'

/** What of a session is for those who use a stack; its candidates go to the pool. */
export type Looking = Pick<DiscoverySession, 'flushed' | 'refresh' | 'leave'>

export interface SearchOptions {
  /** Joins the topic; null if that cannot be any more. */
  readonly start: () => DiscoverySession | null
  /** Resolves when the one before has left; null if there is none. */
  readonly after: Promise<unknown> | null
  /** Begins when it is woken. */
  readonly asleep: boolean
}

export class Search implements Looking {
  readonly #start: () => DiscoverySession | null
  #session: DiscoverySession | null = null
  /** Until this has settled nothing is begun; null if it has. */
  #parting: Promise<unknown> | null
  #awake: boolean
  #left = false
  /** Those who wait for a session to begin. */
  #waiting: (() => void)[] = []

  constructor({ start, after, asleep }: SearchOptions) {
    this.#start = start
    this.#parting = after
    this.#awake = !asleep
    void this.#begin()
  }

  /** Of one that sleeps: when it has woken, or is left. */
  async flushed(): Promise<void> {
    while (!this.#session && !this.#left) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    await this.#session?.flushed()
  }

  refresh(): void {
    this.#session?.refresh()
  }

  leave(): Promise<void> {
    this.#left = true
    return this.sleep()
  }

  /** Resolves when everything announced is withdrawn. */
  async sleep(): Promise<void> {
    this.#awake = false
    const parting = Promise.allSettled([this.#parting, this.#session?.leave()])
    this.#session = null
    this.#parting = parting
    this.#tell()
    await parting
    if (this.#parting === parting) this.#parting = null
  }

  async wake(): Promise<void> {
    this.#awake = true
    await this.#begin()
  }

  async #begin(): Promise<void> {
    // Asked again after each wait: meanwhile it may have been put to sleep again.
    while (this.#parting) {
      const parting = this.#parting
      await parting
      if (this.#parting === parting) this.#parting = null
    }
    if (!this.#awake || this.#left || this.#session) return
    this.#session = this.#start()
    this.#tell()
  }

  #tell(): void {
    if (!this.#session && !this.#left) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
