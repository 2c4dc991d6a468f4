// With whom a room of a node talks: a bounded overlay by default, or everybody there is a link with.

import type { Candidate, Gossip, Link } from '@hearsay/core'
import { createMembership, resolveMembership } from '@hearsay/gossip'
import type { ResolvedNodeOptions } from './options.js'
import type { Stack } from './stack.js'

/** The members of a room, among all links and candidates. */
export interface Members {
  addLink(link: Link): void
  /** Somebody whom a discovery has found. */
  offer(candidate: Candidate): void
  sleep(): void
  wake(): void
  close(): void
}

export interface MembersHost {
  readonly stack: Stack
  readonly options: ResolvedNodeOptions
  readonly announce: boolean
  readonly lookup: boolean
  /** Asks discoveries to look again. */
  readonly refresh: () => void
}

/** Members of the room whose gossip this is. Throws `ERR_OPTION` for bounds that contradict each other. */
export function membersOf(gossip: Gossip, membership: 'overlay' | 'given', host: MembersHost): Members {
  return membership === 'given' ? everybody(gossip, host) : overlay(gossip, host)
}

function everybody(gossip: Gossip, { stack }: MembersHost): Members {
  return {
    addLink: (link) => gossip.addLink(link),
    offer: (candidate) => stack.pool.want(candidate, { topic: gossip.topic.id }),
    sleep() {},
    wake() {},
    close() {},
  }
}

function overlay(gossip: Gossip, { stack, options, announce, lookup, refresh }: MembersHost): Members {
  const { linkIdentity, clock, random, minPeers, listen, limits } = options
  const { maxLinks } = limits
  return createMembership({
    self: linkIdentity.id,
    gossip,
    connector: stack.pool,
    recordOf: (peer) => stack.pool.referralOf(peer),
    refresh,
    lookup,
    // Who cannot be dialled is not told of.
    tellable: announce && listen,
    limits: resolveMembership({}, { minPeers, ...(maxLinks !== undefined && { maxLinks }) }),
    clock,
    random,
  })
}
