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

export function createScene(count: number): Scene {
  const clock = virtualClock()
  const talkers = Array.from({ length: count }, (_, index) => talkerOf(clock, identityOf(index + 1)))
  const talker = (index: number): Talker => talkers[index] as Talker
  return { clock, talkers, link: (a, b) => linkTalkers(talker(a), talker(b)) }
}

export function talkerOf(clock: VirtualClock, identity: Identity, more: Partial<QueryHost> = {}): Talker {
  const [asked, warnings]: [RawQuery[], Talker['warnings'][number][]] = [[], []]
  const queries = new Queries({
    ...{ topic, author: identity, clock, random: seededRandom(identity.publicKey[0] ?? 0), crypto },
    onQuery: (query) => asked.push(query),
    onDirect: () => {},
    onStream: () => false,
    addressRecord: () => null,
    connect: () => Promise.reject(new Error('nobody can be linked')),
    warn: (error) => warnings.push(error as Error),
    ...more,
  })
  return { identity, queries, asked, warnings }
}

/** Links the two and waits until both know it. */
export async function linkTalkers(one: Talker, other: Talker): Promise<readonly [Link, Link]> {
  const pair = memoryLinkPair({ a: one.identity.id, b: other.identity.id })
  one.queries.addLink(pair[0])
  other.queries.addLink(pair[1])
  await settle()
  return pair
}

/** All answers, when there are no more. */
export async function all(answers: AsyncIterable<RawAnswer>): Promise<RawAnswer[]> {
  const found: RawAnswer[] = []
  for await (const answer of answers) found.push(answer)
  return found
}
