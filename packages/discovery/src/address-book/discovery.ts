// The book as a discovery: those who shared the topic before, and while the room is empty others too. It announces nothing
// and asks nobody; whom it names has to prove who it is like anybody else.

import {
  type Clock,
  type Discovery,
  type DiscoveryJoin,
  type DiscoverySession,
  type Random,
  systemClock,
  systemRandom,
  type Timer,
  type Topic,
} from '@hearsay/core'
import { closedError } from '../errors.js'
import { createLookupSchedule } from '../schedule.js'
import { createSession, type SessionControl } from '../session.js'
import type { AddressBook } from './contract.js'
import { BOOK_SOURCE } from './entry.js'

export interface BookDiscoveryOptions {
  /** Candidates of one look. @default 16 */
  readonly sampleSize?: number
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default systemRandom() */
  readonly random?: Random
}

/** Each look takes other entries, so a short pause goes through the book in minutes. */
const LOOKUP_CAP_MS = 60_000
const LOOKUP_SETTLED_MS = 600_000
const DEFAULT_SAMPLE_SIZE = 16

/** A discovery named `book` whose candidates come from the book; the book stays the caller's to close. */
export function bookDiscovery(book: AddressBook, options: BookDiscoveryOptions = {}): Discovery {
  const { sampleSize = DEFAULT_SAMPLE_SIZE, clock = systemClock(), random = systemRandom() } = options
  const sessions = new Set<SessionControl>()
  let closed = false

  function join(topic: Topic, wish: DiscoveryJoin): DiscoverySession {
    if (closed) throw closedError(BOOK_SOURCE)
    const schedule = createLookupSchedule({ capMs: LOOKUP_CAP_MS, settledMs: LOOKUP_SETTLED_MS, random }, clock.now())
    let timer: Timer | null = null

    const look = (): void => {
      if (control.ended) return
      const linked = wish.linked()
      if (schedule.due(clock.now(), linked)) offer(linked === 0)
      timer?.cancel()
      timer = clock.setTimer(schedule.nextAt - clock.now(), look)
    }
    const offer = (isEmpty: boolean): void => {
      const except = (peer: string): boolean => peer === wish.identity.id
      for (const candidate of book.sample(sampleSize, { topic: topic.id, membersOnly: !isEmpty, except, random })) {
        control.offer(candidate)
      }
    }
    const control: SessionControl = createSession({
      refresh: () => {
        if (!wish.lookup) return
        schedule.reset(clock.now())
        look()
      },
      leave: async () => {
        timer?.cancel()
        sessions.delete(control)
      },
    })
    sessions.add(control)
    void book.ready().then(() => {
      if (wish.lookup) look()
      control.flush()
    })
    return control.session
  }

  return {
    name: BOOK_SOURCE,
    // An address given by hand comes without a peer.
    capabilities: { identifies: false, local: true },
    join,
    async close() {
      closed = true
      await Promise.all([...sessions].map((control) => control.session.leave()))
    },
  }
}
