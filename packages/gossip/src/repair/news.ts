// How a record came: by itself, because somebody promised it, because somebody was asked.

import type { PeerHandle } from '../engine.js'

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
  /** True if its sender was asked for it on behalf of another, and nobody told this node of it. */
  readonly errand: boolean
}

/** Of what nobody spoke of. */
export const NO_NEWS: News = {
  asked: false,
  promise: null,
  recovered: false,
  repaired: false,
  holders: [],
  errand: false,
}
