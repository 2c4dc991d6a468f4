// Reads what a book exported: a header and a line for each peer. Bounded: an endless source is not read to its end.

import type { Crypto } from '@hearsay/core'
import { DiscoveryError } from '../errors.js'
import type { HeardReport } from './contract.js'
import { fromLine, isHeader } from './rows.js'

export interface ImportOptions {
  readonly crypto: Crypto
  /** False if the book does not take it. */
  readonly take: (report: HeardReport) => boolean
}

/** Lines beyond are left unread: no book exports more than it holds, and a book of any size is unlikely to hold more. */
export const MAX_IMPORT_LINES = 65_536

/** How many lines were taken and how many were not. Rejects with `ERR_IMPORT` if the first line is not the header. */
export async function importLines(
  source: string | Iterable<string> | AsyncIterable<string>,
  { crypto, take }: ImportOptions,
): Promise<{ added: number; refused: number }> {
  const outcome = { added: 0, refused: 0 }
  let begun = false
  for await (const line of typeof source === 'string' ? source.split('\n') : source) {
    const text = line.trim()
    if (text === '') continue
    if (!begun) {
      if (!isHeader(text)) throw new DiscoveryError('ERR_IMPORT', 'not an exported address book of version 1')
      begun = true
      continue
    }
    if (outcome.added + outcome.refused >= MAX_IMPORT_LINES) break
    if (isTaken(text, { crypto, take })) outcome.added += 1
    else outcome.refused += 1
  }
  return outcome
}

function isTaken(line: string, { crypto, take }: ImportOptions): boolean {
  const portable = fromLine(line, crypto)
  if (!portable) return false
  const { peer, addresses, record } = portable
  const signed = record !== null && take({ peer, addresses: [], record })
  // What the record does not list was reached by who exported it.
  return (addresses.length > 0 && take({ peer, addresses })) || signed
}
