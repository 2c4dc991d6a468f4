// The reference connector: dials what is wanted, the most urgent first, keeps one link a peer, and closes a link when the
// last topic lets go of it. It has no limits and waits for nothing; a pool has both.

import { printAddress } from '../address.js'
import type { Connector, Want } from '../contracts/connector.js'
import type { Candidate } from '../contracts/discovery.js'
import type { Link } from '../contracts/link.js'
import { Emitter, type EventSource } from '../emitter.js'
import type { PeerId } from '../peer-id.js'
import type { TopicId } from '../topic.js'

export type MemoryConnectorEvents = {
  readonly link: [link: Link]
  /** A target could not be reached, or a listener threw. */
  readonly warning: [error: unknown]
}

export interface MemoryConnector extends Connector, EventSource<MemoryConnectorEvents> {
  /** A candidate that may be wanted for the topic; the last 256 of a topic are remembered. */
  offer(candidate: Candidate, topic: TopicId): void
}

interface Pending {
  readonly target: Candidate
  readonly topics: Set<TopicId>
  priority: number
}

const MAX_OFFERS = 256

/** A connector that reaches a target with `dial`. */
export function memoryConnector(dial: (target: Candidate) => Promise<Link>): MemoryConnector {
  return new ReferenceConnector(dial)
}

class ReferenceConnector implements MemoryConnector {
  readonly #dial: (target: Candidate) => Promise<Link>
  readonly #events = new Emitter<MemoryConnectorEvents>((error) => this.#events.emit('warning', error))
  /** Wanted and not linked, by target. */
  readonly #pending = new Map<string, Pending>()
  readonly #links = new Map<PeerId, { readonly link: Link; readonly topics: Set<TopicId> }>()
  readonly #offers = new Map<TopicId, Map<string, Candidate>>()
  #scheduled = false

  constructor(dial: (target: Candidate) => Promise<Link>) {
    this.#dial = dial
  }

  on: EventSource<MemoryConnectorEvents>['on'] = (name, listener) => this.#events.on(name, listener)
  once: EventSource<MemoryConnectorEvents>['once'] = (name, listener) => this.#events.once(name, listener)
  off: EventSource<MemoryConnectorEvents>['off'] = (name, listener) => this.#events.off(name, listener)

  offer(candidate: Candidate, topic: TopicId): void {
    const offers = this.#offers.get(topic) ?? new Map<string, Candidate>()
    this.#offers.set(topic, offers)
    offers.delete(targetKey(candidate))
    offers.set(targetKey(candidate), candidate)
    const [oldest] = offers.keys()
    if (offers.size > MAX_OFFERS && oldest !== undefined) offers.delete(oldest)
  }

  want(target: Candidate, { topic, priority = 0 }: Want): void {
    const held = target.peer === null ? undefined : this.#links.get(target.peer)
    if (held) {
      held.topics.add(topic)
      return
    }
    const pending = this.#pending.get(targetKey(target)) ?? { target, topics: new Set(), priority }
    pending.topics.add(topic)
    pending.priority = Math.max(pending.priority, priority)
    this.#pending.set(targetKey(target), pending)
    this.#schedule()
  }

  release(peer: PeerId, topic: TopicId): void {
    for (const [key, pending] of this.#pending) {
      if (pending.target.peer !== peer) continue
      pending.topics.delete(topic)
      if (pending.topics.size === 0) this.#pending.delete(key)
    }
    const held = this.#links.get(peer)
    if (held?.topics.delete(topic) && held.topics.size === 0) void held.link.close({ code: 'ERR_CLOSED' })
  }

  candidates(topic: TopicId, n: number): readonly Candidate[] {
    const offers = [...(this.#offers.get(topic)?.values() ?? [])]
    return offers.filter(({ peer }) => peer === null || !this.#links.has(peer)).slice(0, Math.max(0, n))
  }

  /** All that is wanted in one tick is dialled in order of priority. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      const batch = [...this.#pending].sort(([, a], [, b]) => b.priority - a.priority)
      this.#pending.clear()
      for (const [, pending] of batch) void this.#connect(pending)
    })
  }

  async #connect({ target, topics }: Pending): Promise<void> {
    try {
      this.#onLink(await this.#dial(target), topics)
    } catch (error) {
      this.#events.emit('warning', error)
    }
  }

  #onLink(link: Link, topics: Set<TopicId>): void {
    const held = this.#links.get(link.remote)
    if (held) {
      for (const topic of topics) held.topics.add(topic)
      void link.close({ code: 'ERR_CLOSED', message: 'linked already' })
      return
    }
    this.#links.set(link.remote, { link, topics })
    link.on('close', () => this.#links.delete(link.remote))
    this.#events.emit('link', link)
  }
}

function targetKey({ peer, addresses }: Candidate): string {
  return peer ?? addresses.map(printAddress).join(' ')
}
