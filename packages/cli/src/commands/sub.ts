// `hearsay sub`: prints what is said about a topic. It never drops: while the terminal is slow, peers are held back.

import type { Gap, Message, Room, Since } from 'hearsay'
import { CommandError, EXIT } from '../exit.js'
import type { GlobalOptions } from '../global-options.js'
import type { Output } from '../output.js'
import { runProgram } from '../program.js'
import { type Session, withSession } from '../session.js'
import { textOf } from '../text.js'

export interface SubOptions extends GlobalOptions {
  /** Ends after so many messages; null goes on for ever. */
  readonly count: number | null
  /** What of before it came is printed too. */
  readonly since: Since
  /** A program that is run for each message; null for none. */
  readonly exec: string | null
}

export function sub(topic: string, options: SubOptions, output: Output, ended: AbortSignal): Promise<void> {
  const timeout = options.timeout === null ? null : AbortSignal.timeout(Math.round(options.timeout * 1_000))
  const stop = timeout ? AbortSignal.any([ended, timeout]) : ended
  return withSession({ options, output, ended: stop }, async (session) => {
    const printed = await printMessages(topic, session, { options, output })
    if (timeout?.aborted && printed < (options.count ?? 1)) {
      throw new CommandError(
        EXIT.timedOut,
        'ERR_TIMEOUT',
        `${printed} of ${options.count ?? 'at least 1'} messages came in ${options.timeout} s`,
        'Publish to the topic from elsewhere, or wait longer with --timeout.',
      )
    }
  })
}

async function printMessages(
  topic: string,
  session: Session,
  { options, output }: { readonly options: SubOptions; readonly output: Output },
): Promise<number> {
  const room = await session.join(topic, { since: options.since })
  room.on('gap', (gap) => printGap(room, gap, output))
  const close = (): void => void room.close()
  if (session.ended.aborted) close()
  session.ended.addEventListener('abort', close, { once: true })
  let printed = 0
  for await (const message of room.subscribe({ whenSlow: 'pause' })) {
    if (session.ended.aborted) break
    if (options.exec === null) await printMessage(room, message, { options, output })
    else await runFor(message, options.exec, { output, ended: session.ended })
    if (++printed === options.count) break
  }
  session.ended.removeEventListener('abort', close)
  return printed
}

/** One after another, so that they are run in the order of the messages. */
async function runFor(
  message: Message<unknown>,
  program: string,
  { output, ended }: { readonly output: Output; readonly ended: AbortSignal },
): Promise<void> {
  const { code, output: said } = await runProgram(program, textOf(message), ended)
  if (said !== '') await output.line(said)
  await output.object({
    type: 'exec',
    author: message.author,
    epoch: message.epoch,
    seq: message.seq,
    code,
    output: said,
  })
  if (code !== 0) output.say(`${program} ended with ${code ?? 'a signal, or did not start'}`)
}

/** A message as the documented JSON object, or its data alone on one line. */
export async function printMessage(
  room: Room<unknown>,
  message: Message<unknown>,
  { options, output }: { readonly options: GlobalOptions; readonly output: Output },
): Promise<void> {
  const { author, epoch, seq, hops } = message
  const place = { type: 'message', topic: room.topic, author, epoch, seq, time: message.time.toISOString(), hops }
  const bytes = Buffer.from(message.bytes).toString('base64')
  await output.object(message.undecodable ? { ...place, data: null, bytes } : { ...place, data: message.data })
  const text = textOf(message)
  await output.line(options.verbose ? `${author} ${text}` : text)
}

async function printGap(room: Room<unknown>, { author, epoch, from, to }: Gap, output: Output): Promise<void> {
  await output.object({ type: 'gap', topic: room.topic, author, epoch, from, to })
  output.say(`${to - from} messages of ${author} are missing`)
}
