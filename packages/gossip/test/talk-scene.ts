// The talk of nodes joined by memory links, without rooms and gossip, for tests: questions, answers, messages and streams.

import { createIdentity, createTopic, type Identity, type Link, seededRandom, sodiumCrypto } from '@hearsay/core'
import { memoryLinkPair, settle, type VirtualClock, virtualClock } from '@hearsay/core/memory'
import { Queries, type QueryHost, type RawAnswer, type RawQuery } from '../src/queries/driver.js'

export const crypto = sodiumCrypto()
export const topic = createTopic('talk')
export const identityOf = (seed: number): Identity => createIdentity({ seed: new Uint8Array(32).fill(seed) })

export interface Talker {
  readonly identity: Identity
  readonly queries: Queries
  readonly asked: RawQuery[]
  readonly warnings: { readonly code?: string; readonly message: string }[]
}

export interface Scene {
  readonly clock: VirtualClock
  readonly talkers: readonly Talker[]
  link(a: number, b: number): Promise<readonly [Link, Link]>
}

export function createScene(count: number, more: Partial<QueryHost> = {}): Scene {
  const clock = virtualClock()
  const random = seededRandom(1)
  const talkers = Array.from({ length: count }, (_, index): Talker => {
    const identity = identityOf(index + 1)
    const [asked, warnings]: [RawQuery[], Talker['warnings'][number][]] = [[], []]
    const queries = new Queries({
      ...{ topic, author: identity, clock, random, crypto },
      onQuery: (query) => asked.push(query),
      onDirect: () => {},
      onStream: () => false,
      connect: () => Promise.reject(new Error('nobody can be linked')),
      warn: (error) => warnings.push(error as Error),
      ...more,
    })
    return { identity, queries, asked, warnings }
  })
  const talker = (index: number): Talker => talkers[index] as Talker
  return {
    clock,
    talkers,
    async link(a, b) {
      const pair = memoryLinkPair({ a: talker(a).identity.id, b: talker(b).identity.id, random })
      talker(a).queries.addLink(pair[0])
      talker(b).queries.addLink(pair[1])
      await settle()
      return pair
    },
  }
}

/** All answers, when there are no more. */
export async function all(answers: AsyncIterable<RawAnswer>): Promise<RawAnswer[]> {
  const found: RawAnswer[] = []
  for await (const answer of answers) found.push(answer)
  return found
}
