// `hearsay peers`: who is there now, over which transport, how far away, and who dialled whom.

import { type Peer, printAddress } from 'hearsay'
import type { GlobalOptions } from '../global-options.js'
import type { Output } from '../output.js'
import { withSession } from '../session.js'
import { waitForPeers } from '../wait-for-peers.js'

const DEFAULT_TIMEOUT_S = 30
/** After the first peer, others that were found with it get so long to come too. */
const GATHER_MS = 1_000

export function peers(topic: string, options: GlobalOptions, output: Output, ended: AbortSignal): Promise<void> {
  return withSession({ options, output, ended }, async (session) => {
    const room = await session.join(topic)
    await waitForPeers(room, { count: 1, timeoutMs: Math.round((options.timeout ?? DEFAULT_TIMEOUT_S) * 1_000), ended })
    await pause(GATHER_MS, ended)
    const links = new Map(session.node.inspect().pool.peers.map((link) => [link.peer, link]))
    for (const peer of room.peers.values()) await tell(peer, links.get(peer.id)?.rtt ?? null, output)
    await room.close()
  })
}

/** Resolves after that time, or when the command is to end. */
function pause(ms: number, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    ended.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

async function tell({ id, address, direction }: Peer, rtt: number | null, output: Output): Promise<void> {
  const transport = address?.scheme ?? null
  const printed = address && printAddress(address)
  await output.object({ type: 'peer', peer: id, transport, address: printed, direction, rttMs: rtt })
  await output.line(
    [id, transport ?? '-', direction, rtt === null ? '-' : `${rtt.toFixed(1)} ms`, printed ?? '-'].join('  '),
  )
}
