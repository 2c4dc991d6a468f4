// What callers of a room may ask for: refused at once with a code, where it would be waited for without end.

import { type HistoryQuery, isPeerId, type PeerId } from '@hearsay/core'
import { GossipError } from '../errors.js'

type WhenSlow = NonNullable<HistoryQuery['follow']>

const WHEN_SLOW: ReadonlySet<WhenSlow> = new Set(['drop-oldest', 'pause', 'latest'])

/** Throws `ERR_OPTION` for a number of peers that there cannot be. */
export function checkCount(name: string, count: number): void {
  if (Number.isSafeInteger(count) && count >= 0) return
  throw new GossipError('ERR_OPTION', `${name} is ${String(count)}`, { remedy: 'It is a whole number of at least 0.' })
}

/** Throws `ERR_PEER` for what names nobody. */
export function checkPeer(peer: PeerId): void {
  if (!isPeerId(peer)) throw new GossipError('ERR_PEER', `${String(peer)} is no peer id`)
}

/** The same, or `ERR_OPTION` for what is none of the three. */
export function checkWhenSlow(whenSlow: WhenSlow): WhenSlow {
  if (WHEN_SLOW.has(whenSlow)) return whenSlow
  const remedy = `It is one of ${[...WHEN_SLOW].join(', ')}.`
  throw new GossipError('ERR_OPTION', `whenSlow is ${String(whenSlow)}`, { remedy })
}
