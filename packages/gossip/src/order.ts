// In which order messages reach the application.

import { GossipError } from './errors.js'

/**
 * `author`: each author's messages as that author said them. `none`: as they come, at once. `causal`: besides, none before
 * what its author had heard when it was said (Lamport 1978), as far as its author joined with `causal` too. What of that is not on
 * its way, or does not come in half a minute, is not waited for: the message says so (`unheard`).
 */
export type Order = 'author' | 'none' | 'causal'

/** The same, or `ERR_OPTION` for what is no such thing. */
export function checkOrder(order: Order): Order {
  if (order === 'author' || order === 'none' || order === 'causal') return order
  throw new GossipError('ERR_OPTION', `order is ${JSON.stringify(order)}`, {
    remedy: "Use 'author', 'none' or 'causal'.",
  })
}
