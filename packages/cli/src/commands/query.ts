// `hearsay query`: asks everybody in the topic, and prints each answer.

import type { Answer, Room } from 'hearsay'
import type { GlobalOptions } from '../global-options.js'
import type { Output } from '../output.js'
import { withSession } from '../session.js'
import { textOf } from '../text.js'
import { waitForPeers } from '../wait-for-peers.js'

export interface QueryCommandOptions extends GlobalOptions {
  /** Seconds to wait for answers. */
  readonly wait: number
  /** Ends after so many answers; null waits for all. */
  readonly count: number | null
}

const DEFAULT_TIMEOUT_S = 30

export function query(
  what: { readonly topic: string; readonly type: string; readonly data: string | undefined },
  options: QueryCommandOptions,
  output: Output,
  ended: AbortSignal,
): Promise<void> {
  return withSession({ options, output, ended }, async (session) => {
    const room = await session.join(what.topic)
    const timeoutMs = Math.round((options.timeout ?? DEFAULT_TIMEOUT_S) * 1_000)
    await waitForPeers(room, { count: 1, timeoutMs, ended })
    const { wait, count } = options
    const answers = room.query(what.type, what.data, {
      wait: Math.max(1, Math.round(wait * 1_000)),
      signal: ended,
      ...(count !== null && { count }),
    })
    for await (const answer of answers) await print(room, answer, { type: what.type, output })
    await room.close()
  })
}

async function print(
  room: Room<unknown>,
  answer: Answer<unknown>,
  { type, output }: { readonly type: string; readonly output: Output },
): Promise<void> {
  const { author, hops, data, undecodable, bytes } = answer
  const said = undecodable ? { data: null, bytes: Buffer.from(bytes).toString('base64') } : { data: data ?? null }
  await output.object({ type: 'answer', topic: room.topic, query: type, author, hops, ...said })
  await output.line(textOf(answer))
}
