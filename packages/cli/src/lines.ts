// Lines of a stream: without LF or CRLF, empty ones too, the last one also without its LF. Nothing is read ahead of need.

import type { Readable } from 'node:stream'
import { CommandError, EXIT } from './exit.js'

/** The lines of `input` as UTF-8, those that came together at once; one of more than `maxBytes` is a usage error. */
export async function* readLines(input: Readable, maxBytes: number): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let rest = ''
  for await (const chunk of input) {
    const parts = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    checkLength(rest, maxBytes)
    if (parts.length > 0) yield parts.map((part) => checkLength(withoutReturn(part), maxBytes))
  }
  rest += decoder.decode()
  if (rest !== '') yield [checkLength(withoutReturn(rest), maxBytes)]
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

function checkLength(line: string, maxBytes: number): string {
  if (Buffer.byteLength(line) <= maxBytes) return line
  throw new CommandError(EXIT.usage, 'ERR_MESSAGE_SIZE', `a line is longer than ${maxBytes} bytes`, 'Split it.')
}
