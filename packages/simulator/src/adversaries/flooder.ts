// Fills its windows with words that are allowed and mean nothing: places that do not exist, promises and questions about them.

import { type Random, toPeerId } from '@hearsay/core'
import { encodeFrame, type Output, type PeerHandle } from '@hearsay/gossip/machine'
import type { MakeTwist } from '../twist.js'

const TICK_MS = 1_000
/** Bytes for each neighbour and tick. */
const SPAM_BYTES = 2_048
/** What it leaves of a window, so that its honest half goes on. */
const LEFT_BYTES = 65_536

export function flooding(random: Random): MakeTwist {
  return (_context, peers) => {
    let tickAt: number | null = null
    return {
      wakeAt: () => tickAt,
      add: (input, now) => {
        if (input.type === 'peer-up') tickAt ??= now + TICK_MS
        if (input.type === 'window' && input.bytes > LEFT_BYTES) return spam(input.peer, random)
        if (tickAt === null || now < tickAt) return []
        tickAt = peers.size > 0 ? now + TICK_MS : null
        // The answer is the window that there is.
        return Array.from(peers, (peer) => ({ type: 'blocked', peer }) as const)
      },
    }
  }
}

function spam(peer: PeerHandle, random: Random): readonly Output[] {
  const outputs: Output[] = []
  const send = (frame: Parameters<typeof encodeFrame>[0]): number => {
    const bytes = encodeFrame(frame)
    outputs.push({ type: 'send', peer, frame: bytes })
    return bytes.byteLength
  }
  for (let left = SPAM_BYTES; left > 0; ) {
    left -= send({ type: 'name', author: toPeerId(random.bytes(32)), epoch: random.below(2 ** 32) })
    const ranges = Array.from({ length: 64 }, () => {
      return { name: 0, first: random.below(2 ** 32), count: 1 + random.below(8), mark: random.below(2 ** 32) }
    })
    left -= send({ type: 'have', ranges })
    left -= send({ type: 'pull', ranges })
    left -= send({ type: 'graft', names: [] })
  }
  return outputs
}
