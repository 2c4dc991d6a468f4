// What a room is joined with, and the gossip that follows from it.

import type { PeerId, Topic } from '@hearsay/core'
import {
  createGossip,
  type EncodingOption,
  type Engine,
  type GossipLimits,
  type KeptGossip,
  type Message,
  type NamedEncodings,
  type Order,
  type Since,
  trees,
  type Validate,
  validateValues,
} from '@hearsay/gossip'
import type { ResolvedNodeOptions } from './options.js'

export interface JoinOptions<T> {
  /** How messages spread. @default trees() */
  readonly engine?: Engine
  /** How values become bytes. @default 'json' */
  readonly encoding?: keyof NamedEncodings | EncodingOption<T>
  /** Bounds of the room's history: `capacity` messages and `capacityBytes`. */
  readonly history?: Partial<Pick<GossipLimits, 'capacity' | 'capacityBytes'>>
  /**
   * What of before it came the room asks for: `live` is what is published from now on, and what nobody had confirmed yet;
   * the last so many messages; those of the last `age` milliseconds; all that peers retain. @default 'live'
   */
  readonly since?: Since
  /**
   * In which order messages are delivered: each author's as it said them; `none`: as they come; `causal`: besides, none before
   * what its author had heard. @default 'author'
   */
  readonly order?: Order
  /** The only authors whose messages are taken and passed on. @default everybody */
  readonly members?: Iterable<PeerId>
  /**
   * Judges each message of others before it is delivered and passed on: `accept` (true), `ignore`, or `reject` (false), which
   * also quiets an author of whom much is rejected. Messages that were published in one tick fall together.
   */
  readonly validate?: Validate<Omit<Message<T>, 'receivedAt'>>
  /** Makes the room private: at least 16 random bytes, or a passphrase. */
  readonly secret?: Uint8Array | string
  /** Let others find this node. @default true */
  readonly announce?: boolean
  /** Look for others. @default true */
  readonly lookup?: boolean
  /** With whom the room talks. @default the node's */
  readonly membership?: 'overlay' | 'given'
  /** Close the node when the room closes. @default false */
  readonly closeNode?: boolean
}

/** The same with one of the encodings that have names. */
export type NamedJoinOptions<Name extends keyof NamedEncodings> = Omit<JoinOptions<never>, 'encoding' | 'validate'> & {
  readonly encoding: Name
  readonly validate?: Validate<Omit<Message<NamedEncodings[Name]>, 'receivedAt'>>
}

/** The gossip of a room that is joined in this epoch. */
export function gossipOf(
  place: { readonly topic: Topic; readonly epoch: number },
  options: JoinOptions<unknown>,
  { identity: author, epochs, clock, store, membership }: ResolvedNodeOptions,
): KeptGossip {
  const { engine = trees(), history: limits = {}, since = 'live', order = 'author' } = options
  const { members, validate, encoding } = options
  const judge = validate !== undefined ? { validate: validateValues(validate, encoding) } : {}
  const kept = store ? { store: store(place.topic) } : {}
  try {
    return createGossip({
      ...{ ...place, author, epochs, engine, clock, limits, since, order },
      ...{ doubts: (options.membership ?? membership) !== 'given', ...judge, ...kept },
      ...(members !== undefined && { members }),
    })
  } catch (error) {
    // Whoever joins is to hear why there is no room, not that its store does not close either.
    const close = async (): Promise<void> => kept.store?.close()
    close().catch(() => {})
    throw error
  }
}
