// The session that every discovery of this package hands out: a bounded queue of candidates, and the three calls of the
// contract. What finds candidates stands behind it and holds the `SessionControl`.

import { type Address, type Candidate, type DiscoverySession, printAddress } from '@hearsay/core'

/** How many candidates wait for a reader; the one heard longest ago makes room. */
export const MAX_WAITING_CANDIDATES = 256

export interface SessionHooks {
  /** The reader wants another look now. */
  refresh(): void
  /** Withdraws the announcement. May fail: `leave` resolves anyway. */
  leave(): Promise<void>
}

/** The side of a session that its discovery holds. */
export interface SessionControl {
  readonly session: DiscoverySession
  readonly ended: boolean
  /** Hands a candidate to the readers; one that names the same peer and addresses as an earlier one replaces it. */
  offer(candidate: Candidate): void
  /** Takes back a candidate that no reader has seen yet. */
  retract(candidate: Pick<Candidate, 'peer' | 'addresses'>): void
  /** Resolves `flushed`. */
  flush(): void
}

/** A session whose iterators share one bounded queue: a reader that never comes costs no more than that. */
export function createSession(hooks: SessionHooks): SessionControl {
  const queue = new CandidateQueue()
  const flushed = deferred()
  let leaving: Promise<void> | undefined

  async function leave(): Promise<void> {
    queue.end()
    flushed.resolve()
    try {
      await hooks.leave()
    } catch {
      // A withdrawal that fails is the same as one that was lost on the way: the announcement expires.
    }
  }

  const session: DiscoverySession = {
    flushed: () => flushed.promise,
    refresh: () => {
      if (!queue.ended) hooks.refresh()
    },
    leave: () => {
      leaving ??= leave()
      return leaving
    },
    [Symbol.asyncIterator]: () => queue.read(),
  }
  return {
    session,
    get ended() {
      return queue.ended
    },
    offer: (candidate) => queue.add(candidate),
    retract: (candidate) => queue.remove(candidate),
    flush: () => flushed.resolve(),
  }
}

/** What waits, in the order in which it was last heard of. Readers share it, so a stopped reader loses nothing to others. */
class CandidateQueue {
  ended = false
  readonly #waiting = new Map<string, Candidate>()
  #changed = deferred()

  add(candidate: Candidate): void {
    if (this.ended) return
    const key = candidateKey(candidate)
    this.#waiting.delete(key)
    if (this.#waiting.size >= MAX_WAITING_CANDIDATES) this.#takeOldest()
    this.#waiting.set(key, candidate)
    this.#wakeReaders()
  }

  remove(candidate: Pick<Candidate, 'peer' | 'addresses'>): void {
    this.#waiting.delete(candidateKey(candidate))
  }

  end(): void {
    this.ended = true
    this.#waiting.clear()
    this.#wakeReaders()
  }

  read(): AsyncIterator<Candidate, undefined> {
    let returned = false
    const done = { done: true, value: undefined } as const
    return {
      next: async () => {
        while (!this.ended && !returned) {
          const value = this.#takeOldest()
          if (value) return { done: false, value }
          await this.#changed.promise
        }
        return done
      },
      return: async () => {
        returned = true
        this.#wakeReaders()
        return done
      },
    }
  }

  #takeOldest(): Candidate | null {
    const [oldest] = this.#waiting
    if (!oldest) return null
    this.#waiting.delete(oldest[0])
    return oldest[1]
  }

  #wakeReaders(): void {
    const changed = this.#changed
    this.#changed = deferred()
    changed.resolve()
  }
}

function candidateKey(candidate: { peer: string | null; addresses: readonly Address[] }): string {
  return [candidate.peer ?? '', ...candidate.addresses.map(printAddress).sort()].join(' ')
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
