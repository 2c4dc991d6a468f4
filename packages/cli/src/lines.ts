// Lines of a stream: without LF or CRLF, empty ones too, the last one also without its LF. Nothing is read ahead of need.

import type { Readable } from 'node:stream'
import { CommandError, EXIT } from './exit.js'

/** The lines of `input` as UTF-8; one of more than `maxBytes` ends in a usage error. */
export async function* readLines(input: Readable, maxBytes: number): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let rest = ''
  for await (const chunk of input) {
    const parts = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    if (rest.length > maxBytes)
      throw new CommandError(EXIT.usage, 'ERR_MESSAGE_SIZE', `a line is longer than ${maxBytes} bytes`)
    for (const part of parts) yield withoutReturn(part)
  }
  rest += decoder.decode()
  if (rest !== '') yield withoutReturn(rest)
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
