// How a record came: by itself, because somebody promised it, because somebody was asked.

import type { PeerHandle } from '../engine.js'

/**
 * On whose behalf a record was fetched that nobody told this node of: of a neighbour that asked for it, and knows what follows
 * it; or of one that lacks it as far as hellos say.
 */
export type ErrandKind = 'asked' | 'unasked'

/** How a record came: what its sender and others had said of it. */
export interface News {
  /** True if the sender was asked for it. */
  readonly asked: boolean
  /** The first who promised it, if anybody did. */
  readonly promise: { readonly peer: PeerHandle; readonly at: number } | null
  /** True if its sender offered it, and was asked. */
  readonly recovered: boolean
  /** True if somebody was asked for it after waiting for a push in vain. */
  readonly repaired: boolean
  readonly holders: readonly PeerHandle[]
  /** Null if it was not fetched on behalf of another. */
  readonly errand: ErrandKind | null
}

/** Of what nobody spoke of. */
export const NO_NEWS: News = {
  asked: false,
  promise: null,
  recovered: false,
  repaired: false,
  holders: [],
  errand: null,
}
