// What a node tells a discovery when it joins, with everything that a test does not care about filled in.

import {
  type Candidate,
  createIdentity,
  createTopic,
  type DiscoveryJoin,
  type DiscoverySession,
  parseAddress,
  type Topic,
} from '@hearsay/core'

/** A wish of a fresh identity that listens on `port`. */
export function wishOf(port: number | null, overrides: Partial<DiscoveryJoin> = {}): DiscoveryJoin {
  return {
    announce: true,
    lookup: true,
    port,
    addresses: () => (port === null ? [] : [parseAddress(`tcp://127.0.0.1:${port}`)]),
    identity: createIdentity(),
    linked: () => 0,
    ...overrides,
  }
}

/** A topic that no other test and no other run has. */
export function freshTopic(): Topic {
  return createTopic(createIdentity().publicKey)
}

/** The first candidate of the session that fits; the test's own timeout is the limit. */
export async function nextCandidate(
  session: DiscoverySession,
  fits: (candidate: Candidate) => boolean = () => true,
): Promise<Candidate> {
  for await (const candidate of session) if (fits(candidate)) return candidate
  throw new Error('the session ended without such a candidate')
}
