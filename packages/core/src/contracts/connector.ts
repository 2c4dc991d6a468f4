// Membership decides whom to be linked to; the connector decides how, and within which limits.

import type { PeerId } from '../peer-id.js'
import type { TopicId } from '../topic.js'
import type { Candidate } from './discovery.js'

export interface Want {
  /** The topic that needs the link; a link that no topic needs closes after a grace time. */
  readonly topic: TopicId
  /** Higher is dialled first; 0 by default. */
  readonly priority?: number
}

/** Turns candidates into links. */
export interface Connector {
  /** Asks for a link to the target; links come as events of whoever owns the connector. Never throws for a bad candidate. */
  want(target: Candidate, want: Want): void
  /** The topic no longer needs this peer, or this candidate, whoever it turned out to be. */
  release(target: PeerId | Candidate, topic: TopicId): void
  /** Up to `n` candidates that were offered for the topic and are not linked. */
  candidates(topic: TopicId, n: number): readonly Candidate[]
}
