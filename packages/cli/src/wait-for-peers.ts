// Waiting until enough peers are in a room, with an ending of its own when they do not come.

import type { Room } from 'hearsay'
import { CommandError, EXIT } from './exit.js'

export async function waitForPeers(
  room: Room<unknown>,
  { count, timeoutMs, ended }: { readonly count: number; readonly timeoutMs: number; readonly ended: AbortSignal },
): Promise<void> {
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    await room.ready({ peers: count, signal: AbortSignal.any([ended, timeout]) })
  } catch (error) {
    if (ended.aborted || !timeout.aborted) throw error
    throw new CommandError(
      EXIT.noPeer,
      'ERR_NO_PEER',
      `${room.peers.size} of ${count} peers joined ${room.topic} in ${timeoutMs / 1_000} s`,
      'Start `hearsay sub` on the same topic elsewhere, give its address with --seed-peer, or run `hearsay node --bootstrap-server`.',
    )
  }
}
