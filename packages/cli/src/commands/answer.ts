// `hearsay answer`: answers the questions of one type by what a program says.

import { once } from 'node:events'
import type { Query } from 'hearsay'
import type { GlobalOptions } from '../global-options.js'
import type { Output } from '../output.js'
import { runProgram } from '../program.js'
import { withSession } from '../session.js'
import { textOf } from '../text.js'

export interface AnswerCommandOptions extends GlobalOptions {
  /** The program that is told each question on its stdin. */
  readonly exec: string
}

/** Questions that programs work at; more go unanswered. */
const MAX_RUNNING = 16

export function answer(
  what: { readonly topic: string; readonly type: string },
  options: AnswerCommandOptions,
  output: Output,
  ended: AbortSignal,
): Promise<void> {
  return withSession({ options, output, ended }, async (session) => {
    const room = await session.join(what.topic)
    let running = 0
    room.answer(what.type, async (query: Query<unknown>) => {
      if (running >= MAX_RUNNING) return undefined
      running++
      const { code, output: said } = await runProgram(options.exec, textOf(query), query.signal)
      running--
      await output.object({
        type: 'query',
        topic: room.topic,
        query: what.type,
        author: query.author,
        answered: code === 0,
      })
      if (code === 0) return said
      output.say(`${options.exec} failed for a question of ${query.author}`)
      return undefined
    })
    output.say(`answering ${what.type} in ${room.topic} (Ctrl-C ends)`)
    if (!ended.aborted) await once(ended, 'abort')
    await room.close()
  })
}
