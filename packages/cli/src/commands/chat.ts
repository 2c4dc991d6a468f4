// `hearsay chat`: an interactive room. Each line typed is published, each message heard is printed above the prompt; at the
// end of input it leaves.

import { createInterface, type Interface } from 'node:readline'
import type { Message, Room } from 'hearsay'
import type { GlobalOptions } from '../global-options.js'
import type { Output } from '../output.js'
import { withSession } from '../session.js'
import { printMessage } from './sub.js'

/** Letters of a peer id that tell people apart at a glance. */
const SHORT_ID = 8
/** How long the last line may wait at the end of input for a peer to confirm it. */
const LEAVE_MS = 2_000

export function chat(
  what: { readonly topic: string; readonly stdin: NodeJS.ReadStream },
  options: GlobalOptions,
  output: Output,
  ended: AbortSignal,
): Promise<void> {
  return withSession({ options, output, ended }, async (session) => {
    const room = await session.join(what.topic)
    output.say(`${room.topic}: waiting for others (Ctrl-D leaves)`)
    const terminal = what.stdin.isTTY ? process.stderr : undefined
    const prompt = createInterface({ input: what.stdin, ...(terminal && { output: terminal }), prompt: '> ' })
    ended.addEventListener('abort', () => prompt.close(), { once: true })
    // On a terminal Ctrl-C reaches the prompt and not the process.
    prompt.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
    tellPresence(room, prompt, output)
    const printing = printAll(room, prompt, { options, output })
    try {
      await publishLines(room, prompt, { name: options.name, ended })
    } finally {
      await Promise.all([room.close(), printing])
    }
  })
}

function tellPresence(room: Room<unknown>, prompt: Interface, output: Output): void {
  const say = (text: string): void => void above(prompt, async () => output.say(text))
  room.on('peer', ({ id }) => say(`+ ${id.slice(0, SHORT_ID)} is here`))
  room.on('peer-leave', ({ id }) => say(`- ${id.slice(0, SHORT_ID)} has left`))
}

async function printAll(
  room: Room<unknown>,
  prompt: Interface,
  { options, output }: { readonly options: GlobalOptions; readonly output: Output },
): Promise<void> {
  for await (const message of room.subscribe({ whenSlow: 'pause' })) {
    if (output.json) await printMessage(room, message, { options, output })
    else await above(prompt, () => output.line(`${speakerOf(message)}: ${textOf(message)}`))
  }
}

/** What somebody with a name says. Who has none sends the text alone. */
interface Named {
  readonly name: string
  readonly text: string
}

function isNamed(data: unknown): data is Named {
  if (typeof data !== 'object' || data === null) return false
  const { name, text } = data as Partial<Named>
  return typeof name === 'string' && typeof text === 'string'
}

/** The key is always there: anybody can take any name. */
function speakerOf({ author, data }: Message<unknown>): string {
  const key = author.slice(0, SHORT_ID)
  return isNamed(data) ? `${data.name} (${key})` : key
}

function textOf({ data, undecodable, bytes }: Message<unknown>): string {
  if (undecodable) return `(${bytes.byteLength} bytes that are not JSON)`
  if (isNamed(data)) return data.text
  return typeof data === 'string' ? data : JSON.stringify(data)
}

async function publishLines(
  room: Room<unknown>,
  prompt: Interface,
  { name, ended }: { readonly name: string | null; readonly ended: AbortSignal },
): Promise<void> {
  let last: Promise<void> = Promise.resolve()
  prompt.prompt()
  for await (const line of prompt) {
    if (line !== '') {
      const receipt = await room.publish(name === null ? line : { name, text: line }, { signal: ended })
      last = receipt.confirmed(1, { signal: AbortSignal.any([ended, AbortSignal.timeout(LEAVE_MS)]) })
      last.catch(() => {})
    }
    prompt.prompt()
  }
  // Nobody may be there to confirm it: then leaving is all that is left.
  await last.catch(() => {})
}

/** Writes while the line being typed is out of the way, then shows it again. */
async function above(prompt: Interface, write: () => Promise<void>): Promise<void> {
  if (prompt.terminal) process.stderr.write('\r\u001b[K')
  await write()
  if (prompt.terminal) prompt.prompt(true)
}
