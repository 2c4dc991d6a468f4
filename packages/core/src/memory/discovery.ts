// The reference discovery: sessions of one topic on one hub find each other at once, whoever came first.

import type { Candidate, Discovery, DiscoveryJoin, DiscoverySession } from '../contracts/discovery.js'
import { CoreError } from '../errors.js'
import type { Topic } from '../topic.js'
import type { HubSession, MemoryHub } from './hub.js'
import { Mailbox } from './mailbox.js'

/** A discovery among the nodes on `hub`. Several iterations of one session share its candidates. */
export function memoryDiscovery(hub: MemoryHub): Discovery {
  const open = new Set<DiscoverySession>()
  let closed = false
  return {
    name: 'memory',
    capabilities: { identifies: true, local: true },
    join(topic: Topic, options: DiscoveryJoin): DiscoverySession {
      if (closed) throw new CoreError('ERR_CLOSED', 'the discovery is closed')
      const session = joinHub(hub, topic, options)
      open.add(session)
      return session
    },
    async close(): Promise<void> {
      closed = true
      await Promise.all([...open].map((session) => session.leave()))
      open.clear()
    },
  }
}

function joinHub(hub: MemoryHub, topic: Topic, options: DiscoveryJoin): DiscoverySession {
  const found = new Mailbox<Candidate>()
  const self: HubSession = {
    topic: topic.id,
    options,
    heard(other) {
      const candidate = toCandidate(other)
      if (candidate.peer !== options.identity.id) found.push(String(candidate.peer), candidate)
    },
  }

  const meetAll = (): void => {
    for (const other of hub.sessions) {
      if (other !== self && other.topic === topic.id) meet(self, other)
    }
  }

  hub.sessions.add(self)
  // In a task of its own: the caller has not got the session yet when others could already act on it.
  const met = Promise.resolve().then(meetAll)
  return {
    [Symbol.asyncIterator]: () => found[Symbol.asyncIterator](),
    flushed: () => met,
    refresh: () => {
      if (hub.sessions.has(self)) meetAll()
    },
    async leave(): Promise<void> {
      hub.sessions.delete(self)
      found.end()
    },
  }
}

function meet(one: HubSession, other: HubSession): void {
  if (one.options.announce && other.options.lookup) other.heard(one)
  if (other.options.announce && one.options.lookup) one.heard(other)
}

function toCandidate({ options }: HubSession): Candidate {
  return { peer: options.identity.id, addresses: [...options.addresses()], source: 'memory' }
}
