// Neighbours that do nothing that is forbidden and help nobody: they announce large records and send no part of them, or want
// the records of all authors from everybody, again and again.

import { decodeFrame, encodeFrame } from '@hearsay/gossip/machine'
import type { MakeTwist } from '../twist.js'

const GRAFT_MS = 1_000

/** Sends the heads of large records and not a part. */
export const miserly: MakeTwist = () => ({
  say: (output) => (output.type === 'send' && decodeFrame(output.frame).type === 'part' ? [] : [output]),
})

/** Asks every neighbour once a second to be sent the records of all authors. */
export const grafting: MakeTwist = (_context, peers) => {
  let at: number | null = null
  const frame = encodeFrame({ type: 'graft', names: [] })
  return {
    wakeAt: () => at,
    add: (input, now) => {
      if (input.type === 'peer-up') at ??= now + GRAFT_MS
      if (at === null || now < at) return []
      at = peers.size > 0 ? now + GRAFT_MS : null
      return Array.from(peers, (peer) => ({ type: 'send', peer, frame }) as const)
    },
  }
}
