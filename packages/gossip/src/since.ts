// How much of what was said before it came a node asks for when it joins.

import { GossipError } from './errors.js'

/** Nothing; the last so many messages; those that came in the last so many milliseconds; all that is retained. */
export type Since = 'live' | 'all' | { readonly last: number } | { readonly age: number }

/** The same, or `ERR_OPTION` for what is no such thing. */
export function checkSince(since: Since): Since {
  if (since === 'live' || since === 'all') return since
  const amount = typeof since === 'object' && since !== null ? ('last' in since ? since.last : since.age) : -1
  if (Number.isSafeInteger(amount) && amount >= 0) return since
  throw new GossipError('ERR_OPTION', `since is ${JSON.stringify(since)}`, {
    remedy: "Use 'live', 'all', { last: messages } or { age: milliseconds }.",
  })
}
