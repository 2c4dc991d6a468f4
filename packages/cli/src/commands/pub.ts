// `hearsay pub`: publishes a text, or each line of stdin, and leaves once enough peers have confirmed everything.

import type { Readable } from 'node:stream'
import type { Receipt } from 'hearsay'
import { ConfirmationQueue } from '../confirmation-queue.js'
import { CommandError, EXIT } from '../exit.js'
import type { GlobalOptions } from '../global-options.js'
import { readLines } from '../lines.js'
import type { Output } from '../output.js'
import { withSession } from '../session.js'
import { waitForPeers } from '../wait-for-peers.js'

export interface PubOptions extends GlobalOptions {
  /** How many peers must be there, and must have confirmed each message. */
  readonly peers: number
  /** `json`: each line is parsed and its value sent. */
  readonly input: 'text' | 'json'
}

const DEFAULT_TIMEOUT_S = 30
/** No message is larger; quotes and escapes may make a line of that length too large all the same. */
const MAX_LINE_BYTES: number = 4 * 1024 * 1024

export interface PubSource {
  readonly topic: string
  /** Null reads stdin. */
  readonly text: string | null
  readonly stdin: Readable
}

export function pub(what: PubSource, options: PubOptions, output: Output, ended: AbortSignal): Promise<void> {
  const timeoutMs = Math.round((options.timeout ?? DEFAULT_TIMEOUT_S) * 1_000)
  return withSession({ options, output, ended }, async (session) => {
    const room = await session.join(what.topic)
    await waitForPeers(room, { count: options.peers, timeoutMs, ended })
    const onConfirmed = ({ author, epoch, seq }: Receipt): Promise<void> =>
      output.object({ type: 'published', author, epoch, seq, peers: options.peers })
    const queue = new ConfirmationQueue({ room, peers: options.peers, timeoutMs, ended, onConfirmed })
    await publishAll(what, options.input, queue, ended)
    await queue.drained()
  })
}

/** Reads no further than there is room for, nor when the command ends or has failed. */
async function publishAll(
  what: PubSource,
  input: PubOptions['input'],
  queue: ConfirmationQueue,
  ended: AbortSignal,
): Promise<void> {
  if (what.text !== null) return queue.add(parseValue(what.text, input))
  const over = AbortSignal.any([ended, queue.failed])
  const stopReading = (): void => void what.stdin.destroy()
  over.addEventListener('abort', stopReading, { once: true })
  try {
    for await (const lines of readLines(what.stdin, MAX_LINE_BYTES)) {
      for (const line of lines) queue.add(parseValue(line, input))
      await queue.ready()
    }
  } catch (error) {
    // A stdin that we closed ourselves complains; what counts is why we did.
    if (!over.aborted) throw error
  }
}

function parseValue(text: string, input: PubOptions['input']): unknown {
  if (input === 'text') return text
  try {
    return JSON.parse(text)
  } catch {
    throw new CommandError(
      EXIT.usage,
      'ERR_ENCODING',
      'a line is not JSON',
      'Leave out --input json to send lines as text.',
    )
  }
}
