// `hearsay pipe`: one encrypted stream between two, from stdin here to stdout there and back. Without a ticket it makes one and
// waits for whoever has it.

import type { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { PeerId, Room } from 'hearsay'
import { CommandError, EXIT } from '../exit.js'
import type { GlobalOptions } from '../global-options.js'
import type { Output } from '../output.js'
import { type Session, withSession } from '../session.js'
import { newTicket, parseTicket, printTicket } from '../ticket.js'

const TOPIC = 'pipe'
const DEFAULT_TIMEOUT_S = 30

export function pipe(
  what: { readonly ticket: string | undefined; readonly stdin: NodeJS.ReadStream },
  options: GlobalOptions,
  output: Output,
  ended: AbortSignal,
): Promise<void> {
  const given = what.ticket === undefined ? null : parseTicket(what.ticket)
  return withSession({ options, output, ended }, async (session) => {
    const ticket = given ?? newTicket(session.node.id)
    const room = await session.node.join(TOPIC, { secret: ticket.secret })
    const stream = given
      ? await dial(room, given.peer, { options, ended })
      : await waitForOther(room, { text: printTicket(ticket), output, session })
    await connect(stream, what.stdin, { output, ended })
    await room.close()
  })
}

async function waitForOther(
  room: Room<unknown>,
  { text, output, session }: { readonly text: string; readonly output: Output; readonly session: Session },
): Promise<Duplex> {
  // The ticket is the one word that must be heard: also with --quiet, and with --json as an object.
  const arriving = arrival(room, session.ended)
  await output.tell({ type: 'ticket', ticket: text }, `hearsay pipe ${text}`)
  return arriving
}

function arrival(room: Room<unknown>, ended: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    let isTaken = false
    room.on('stream', (stream) => {
      // A ticket is for one: who comes later is turned away.
      if (isTaken) stream.destroy()
      else resolve(stream)
      isTaken = true
    })
    ended.addEventListener('abort', () => reject(ended.reason), { once: true })
  })
}

async function dial(
  room: Room<unknown>,
  peer: PeerId,
  { options, ended }: { readonly options: GlobalOptions; readonly ended: AbortSignal },
): Promise<Duplex> {
  const seconds = options.timeout ?? DEFAULT_TIMEOUT_S
  const timeout = AbortSignal.timeout(Math.round(seconds * 1_000))
  const signal = AbortSignal.any([ended, timeout])
  try {
    await untilThere(room, peer, signal)
    return await room.openStream(peer, { signal })
  } catch (error) {
    if (ended.aborted || !timeout.aborted) throw error
    const remedy = 'Is the other end still waiting, on the same network or with the same --bootstrap?'
    throw new CommandError(EXIT.noPeer, 'ERR_NO_PEER', `the other end was not found in ${seconds} s`, remedy)
  }
}

function untilThere(room: Room<unknown>, peer: PeerId, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (room.peers.has(peer)) resolve()
    }
    room.on('peer', look)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    look()
  })
}

/** Until both directions have ended, or one of them has failed. */
async function connect(
  stream: Duplex,
  stdin: NodeJS.ReadStream,
  { output, ended }: { readonly output: Output; readonly ended: AbortSignal },
): Promise<void> {
  const stop = (): void => void stream.destroy()
  ended.addEventListener('abort', stop, { once: true })
  stdin.pipe(stream)
  const reading = (async () => {
    // The end of what comes is not the end of what goes.
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) await output.bytes(chunk as Uint8Array)
  })()
  try {
    await Promise.all([reading, finished(stream, { readable: false })])
  } catch (error) {
    if (!ended.aborted) throw error
  } finally {
    ended.removeEventListener('abort', stop)
    stdin.unpipe(stream)
    // A terminal that nobody types at would keep the process alive.
    stdin.destroy()
  }
}
