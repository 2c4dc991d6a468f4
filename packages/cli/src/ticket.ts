// What one end of a pipe gives to the other: the secret of a topic that only the two know, and the key of the end that waits.

import { randomBytes } from 'node:crypto'
import { type PeerId, peerIdBytes, peerIdOf } from 'hearsay'
import { CommandError, EXIT } from './exit.js'

export interface Ticket {
  readonly secret: Uint8Array
  readonly peer: PeerId
}

const SECRET_BYTES = 32
const TICKET_BYTES = 64
const PREFIX = 'pipe1'

export function newTicket(peer: PeerId): Ticket {
  return { secret: randomBytes(SECRET_BYTES), peer }
}

export function printTicket({ secret, peer }: Ticket): string {
  return PREFIX + Buffer.concat([secret, peerIdBytes(peer)]).toString('base64url')
}

/** Throws `ERR_TICKET` for anything else. */
export function parseTicket(text: string): Ticket {
  const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url')
  if (text.startsWith(PREFIX) && bytes.byteLength === TICKET_BYTES && printedAs(bytes) === text) {
    return { secret: bytes.subarray(0, SECRET_BYTES), peer: peerIdOf(bytes.subarray(SECRET_BYTES)) }
  }
  const remedy = 'Copy the whole line that `hearsay pipe` printed at the other end.'
  throw new CommandError(EXIT.usage, 'ERR_TICKET', 'that is no ticket of a pipe', remedy)
}

function printedAs(bytes: Buffer): string {
  return PREFIX + bytes.toString('base64url')
}
